"""Writing a store, or a namespace of it, as Parquet and files that any tool reads."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from modelbox.columns import strings
from modelbox.errors import ChecksumError, InvalidArgumentError, NotFoundError
from modelbox.hashing import digest_of_stream
from modelbox.objects.artifact import Artifact, ArtifactFile
from modelbox.objects.experiment import Experiment
from modelbox.objects.model import Model
from modelbox.objects.version import ModelVersion
from modelbox.oserrors import storage_errors
from modelbox.paths import validate_relative_path
from modelbox.records import ObjectType

if TYPE_CHECKING:
    from modelbox.client import ModelBoxClient

Holder: TypeAlias = Experiment | Model | ModelVersion
AnyObject: TypeAlias = Holder | Artifact

_TIME = pa.timestamp("us", tz="UTC")
_TEXTS = pa.list_(pa.string())


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


_TEXT = pa.string()
_TIMES = {"created_at": _TIME, "updated_at": _TIME}
_WHERE = {"object_id": _TEXT, "object_type": _TEXT, "namespace": _TEXT}

SCHEMAS = {
    "experiments": _schema(
        **dict.fromkeys(("id", "name", "namespace", "owner", "external_id", "framework", "task", "status", "parent_id"), _TEXT),
        **_TIMES,
    ),
    "models": _schema(**dict.fromkeys(("id", "name", "namespace", "owner", "task", "description", "labels"), _TEXT), **_TIMES),
    "model_versions": _schema(
        **dict.fromkeys(
            ("id", "model_id", "model", "version", "name", "namespace", "description", "framework", "experiment_id"), _TEXT
        ),
        dataset_ids=_TEXTS,
        unique_tags=_TEXTS,
        labels=_TEXT,
        **_TIMES,
    ),
    "artifacts": _schema(
        artifact_id=_TEXT,
        name=_TEXT,
        **_WHERE,
        path=_TEXT,
        size=pa.int64(),
        **dict.fromkeys(("digest", "content_type", "uri", "file"), _TEXT),
        **_TIMES,
    ),
    "metadata": _schema(**_WHERE, key=_TEXT, value=_TEXT),
    "metrics": _schema(**_WHERE, key=_TEXT, step=pa.int64(), wallclock=_TIME, value=pa.float64(), text=_TEXT, blob=pa.binary()),
    "events": _schema(seq=pa.int64(), **_WHERE, name=_TEXT, source=_TEXT, wallclock=_TIME, metadata=_TEXT),
    "changes": _schema(seq=pa.int64(), at=_TIME, action=_TEXT, **_WHERE, payload=_TEXT),
}
"""
The columns of each file, called as in ``client.sql``. ``labels``, ``metadata``, ``payload`` and the ``value`` of metadata are JSON.
``file`` is where an artifact's file is in the export; null when it is only tracked.
"""

_ROWS_IN_MEMORY = 10_000
_CHANGES_AT_A_TIME = 1000


def export(client: ModelBoxClient, path: str | os.PathLike[str], *, namespace: str | None = None) -> Path:
    """Write what :meth:`modelbox.ModelBoxClient.export` promises.

    It is written into a folder beside the destination that takes its name at the end: what has the name is whole.
    """
    destination = Path(path).absolute()
    with storage_errors("write the export", str(destination)):
        _refuse_what_is_there(destination)
        destination.parent.mkdir(parents=True, exist_ok=True)
        folder = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}.partial")
        folder.mkdir()
        try:
            _Export(client, folder, namespace).write()
            _make_durable(folder)
            _take_name(folder, destination)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return destination


class _Export:
    """One export: the objects one after the other, each with all that hangs on it."""

    def __init__(self, client: ModelBoxClient, folder: Path, namespace: str | None) -> None:
        self._client = client
        self._folder = folder
        self._namespace = namespace

    def write(self) -> None:
        with contextlib.ExitStack() as stack:
            self._tables = {
                name: stack.enter_context(_TableFile(self._folder / f"{name}.parquet", schema)) for name, schema in SCHEMAS.items()
            }
            for experiment in self._client.list_experiments(self._namespace):
                self._add("experiments", experiment, ObjectType.EXPERIMENT)
            for model in self._client.list_models(self._namespace):
                self._add_model(model)
            for change in self._changes():
                self._tables["changes"].add(change)

    def _add_model(self, model: Model) -> None:
        self._add("models", model, ObjectType.MODEL, labels=json.dumps(model.labels, ensure_ascii=False))
        with _unless_deleted(model):
            for version in model.list_versions():
                with _unless_deleted(version):
                    datasets = [dataset.id for dataset in version.lineage().datasets]
                    labels = json.dumps(version.labels, ensure_ascii=False)
                    derived = {"model": model.name, "dataset_ids": datasets, "labels": labels}
                    self._add("model_versions", version, ObjectType.MODEL_VERSION, **derived)

    def _add(self, table: str, holder: Holder, kind: ObjectType, **derived: Any) -> None:
        with _unless_deleted(holder):
            for artifact in holder.artifacts():
                with _unless_deleted(artifact):
                    self._add_artifact(artifact, kind)
            self._add_logged(holder, kind)
            names = [name for name in SCHEMAS[table].names if name not in derived]
            self._tables[table].add({name: getattr(holder, name) for name in names} | derived)

    def _add_artifact(self, artifact: Artifact, kind: ObjectType) -> None:
        place = self._folder / "files" / artifact.id
        stored = _copy_files(artifact, place)
        self._add_logged(artifact, ObjectType.ARTIFACT)
        common = {
            "artifact_id": artifact.id,
            "name": artifact.name,
            "object_id": artifact.object_id,
            "object_type": str(kind),
            "namespace": artifact.namespace,
            "created_at": artifact.created_at,
            "updated_at": artifact.updated_at,
        }
        for file in artifact.files:
            here = f"files/{artifact.id}/{file.path}" if file.path in stored else None
            of_file = {name: getattr(file, name) for name in ("path", "size", "digest", "content_type", "uri")}
            self._tables["artifacts"].add(common | of_file | {"file": here})

    def _add_logged(self, found: AnyObject, kind: ObjectType) -> None:
        where = {"object_id": found.id, "object_type": str(kind), "namespace": found.namespace}
        for key, value in found.metadata().items():
            self._tables["metadata"].add(where | {"key": key, "value": json.dumps(value, ensure_ascii=False)})
        for event in found.events():
            self._tables["events"].add(
                where
                | {name: getattr(event, name) for name in ("seq", "name", "source", "wallclock")}
                | {"metadata": json.dumps(dict(event.metadata), ensure_ascii=False)}
            )
        points = found.metrics().to_arrow()
        for name in ("text", "blob"):
            if name not in points.column_names:
                points = points.append_column(name, pa.nulls(len(points), SCHEMAS["metrics"].field(name).type))
        for name, text in where.items():
            points = points.append_column(name, pa.repeat(strings([text])[0], len(points)))
        self._tables["metrics"].add_table(points)

    def _changes(self) -> Iterator[dict[str, Any]]:
        since = 0
        while page := self._client.changes(self._namespace, since=since, limit=_CHANGES_AT_A_TIME):
            for change in page:
                names = ("seq", "at", "object_id", "namespace")
                texts = {"action": str(change.action), "object_type": str(change.object_type)}
                payload = json.dumps(dict(change.payload), ensure_ascii=False)
                yield {name: getattr(change, name) for name in names} | texts | {"payload": payload}
            since = page[-1].seq


class _TableFile:
    """A Parquet file that rows are added to, few of them in memory at a time."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None:
            self._write_rows()
        self._writer.close()

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_IN_MEMORY:
            self._write_rows()

    def add_table(self, table: pa.Table) -> None:
        if len(table):
            self._writer.write_table(table.select(self._schema.names).cast(self._schema))

    def _write_rows(self) -> None:
        rows, self._rows = self._rows, []
        self.add_table(pa.Table.from_pylist(rows, schema=self._schema))


@contextlib.contextmanager
def _unless_deleted(found: AnyObject) -> Iterator[None]:
    """Leave out what is deleted while the export is being written; of what is still there nothing may be missing."""
    try:
        yield
    except NotFoundError:
        if _is_there(found):
            raise


def _is_there(found: AnyObject) -> bool:
    try:
        found.metadata()
    except NotFoundError:
        return False
    return True


def _copy_files(artifact: Artifact, folder: Path) -> set[str]:
    """Write the files whose content is in the store, and name them."""
    stored = {file.path for file in artifact.files if file.size is not None}
    if stored and len(stored) == len(artifact.files):
        artifact.download(folder, progress=False)
    else:  # tracked files among them have no content here
        for file in artifact.files:
            if file.path in stored:
                _copy_file(artifact, file, folder / validate_relative_path(file.path))
    return stored


def _copy_file(artifact: Artifact, file: ArtifactFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with artifact.open(file.path) as source, target.open("w+b") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
        sink.seek(0)
        digest, _ = digest_of_stream(sink)
    if digest != file.digest:
        raise ChecksumError(f"file {file.path!r} of artifact {artifact.name!r} has the digest {digest}, not {file.digest}")


def _refuse_what_is_there(destination: Path) -> None:
    if destination.is_symlink() or (destination.exists() and (not destination.is_dir() or any(destination.iterdir()))):
        raise InvalidArgumentError(f"cannot export to {destination}: it is there already, and not an empty folder; name a new one")


def _take_name(folder: Path, destination: Path) -> None:
    try:
        folder.rename(destination)  # takes the place of an empty folder, and of nothing else
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            _refuse_what_is_there(destination)
        raise
    _sync(destination.parent)


def _make_durable(folder: Path) -> None:
    for place, _, files in os.walk(folder):
        for name in files:
            _sync(Path(place, name))
        _sync(Path(place))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
