"""A backend as one caller may use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from modelbox.backends import validation
from modelbox.backends.base import SourceFile, Spool
from modelbox.backends.served import ContentReceiver, MissingContent, NewFile, ServedBackend, TrackedFile
from modelbox.errors import NotFoundError
from modelbox.findings import Finding
from modelbox.records import (
    ArtifactRecord,
    Change,
    Event,
    ExperimentRecord,
    FileRecord,
    GarbageReport,
    LineageRecord,
    MetricBatch,
    ModelRecord,
    ModelVersionRecord,
    ObjectRecord,
    ObjectType,
    PendingEvent,
)
from modelbox.server.rights import Grant

if TYPE_CHECKING:
    import pyarrow as pa

R = TypeVar("R", bound=ObjectRecord)
L = TypeVar("L", MetricBatch, PendingEvent)

_EXPERIMENT, _MODEL, _VERSION, _ARTIFACT = (
    ObjectType.EXPERIMENT,
    ObjectType.MODEL,
    ObjectType.MODEL_VERSION,
    ObjectType.ARTIFACT,
)
_OWNERS = (_EXPERIMENT, _MODEL, _VERSION)
_PAGE = 1000


class AuthorisedBackend(ServedBackend):
    """Another backend, less what a caller has no right to.

    Ids are derived from names, so whoever guesses a name has an id. An object that the caller may not read is therefore told as one
    that does not exist, by the same error; one that it may read and not change is a ``PermissionDeniedError``. A namespace that
    the caller names itself is one, too. What concerns the whole store needs rights on all namespaces.

    Args:
        backend: All of it; not closed with this one.
        grant: The rights of the caller.
    """

    def __init__(self, backend: ServedBackend, grant: Grant) -> None:
        self._backend = backend
        self._grant = grant

    @property
    def caller(self) -> str:
        """Who the caller is."""
        return self._grant.name

    # -- checking

    def _read(self, id: str, *kinds: ObjectType) -> ObjectRecord:
        """The object with an id, if the caller may read it. With kinds, the error is that for one of these types."""
        found = self._find(id, *kinds)
        if found is None:
            raise validation.not_found(id, *kinds)
        return found

    def _write(self, id: str, *kinds: ObjectType) -> None:
        self._grant.require_write(self._read(id, *kinds).namespace)

    def _find(self, id: str, *kinds: ObjectType) -> ObjectRecord | None:
        try:
            found = self._backend.get_object(id, kinds[0] if len(kinds) == 1 else None)
        except NotFoundError:
            return None
        return found if self._grant.may_read(found.namespace) else None

    def _listed(self, namespace: str | None, limit: int | None, read: Callable[[str | None], list[R]]) -> list[R]:
        """What ``read`` gives for a namespace, or for all that the caller may read together, newest first."""
        if namespace is not None:
            self._grant.require_read(validation.namespace(namespace))
        if namespace is not None or self._grant.is_everywhere:
            return read(namespace)
        found = [record for readable in self._grant.namespaces for record in read(readable)]
        return sorted(found, key=lambda record: record.created_at_us, reverse=True)[:limit]

    def _visible(self, records: Sequence[R]) -> tuple[R, ...]:
        return tuple(record for record in records if self._grant.may_read(record.namespace))

    # -- experiments

    def create_experiment(
        self,
        *,
        name: str,
        namespace: str,
        owner: str,
        external_id: str = "",
        framework: str = "",
        task: str = "",
        metadata: Mapping[str, Any] | None = None,
        parent_id: str | None = None,
    ) -> tuple[ExperimentRecord, bool]:
        self._grant.require_write(validation.namespace(namespace))
        if parent_id is not None:
            self._read(parent_id, _EXPERIMENT)
        return self._backend.create_experiment(
            name=name,
            namespace=namespace,
            owner=owner,
            external_id=external_id,
            framework=framework,
            task=task,
            metadata=metadata,
            parent_id=parent_id,
        )

    def list_experiments(
        self, *, namespace: str | None, limit: int | None = None, parent_id: str | None = None
    ) -> list[ExperimentRecord]:
        if parent_id is not None:
            self._read(parent_id, _EXPERIMENT)
        return self._listed(
            namespace, limit, lambda where: self._backend.list_experiments(namespace=where, limit=limit, parent_id=parent_id)
        )

    def finish_experiment(self, id: str, *, status: str) -> ExperimentRecord:
        self._write(id, _EXPERIMENT)
        return self._backend.finish_experiment(id, status=status)

    def get_object(self, id: str, kind: ObjectType | None = None) -> ObjectRecord:
        return self._read(id, *([kind] if kind else []))

    def rewind(self, id: str, *, step: int, at_us: int) -> ObjectRecord:
        self._write(id)
        return self._backend.rewind(id, step=step, at_us=at_us)

    # -- models and versions

    def create_model(
        self,
        *,
        name: str,
        namespace: str,
        owner: str,
        task: str = "",
        description: str = "",
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[ModelRecord, bool]:
        self._grant.require_write(validation.namespace(namespace))
        return self._backend.create_model(
            name=name, namespace=namespace, owner=owner, task=task, description=description, labels=labels, metadata=metadata
        )

    def find_model(self, *, name: str, namespace: str) -> ModelRecord:
        self._grant.require_read(validation.namespace(namespace))
        return self._backend.find_model(name=name, namespace=namespace)

    def list_models(self, *, namespace: str | None, limit: int | None = None) -> list[ModelRecord]:
        return self._listed(namespace, limit, lambda where: self._backend.list_models(namespace=where, limit=limit))

    def create_version(
        self,
        model_id: str,
        *,
        version: str,
        name: str = "",
        description: str = "",
        experiment_id: str | None = None,
        dataset_ids: Sequence[str] = (),
        framework: str = "",
        unique_tags: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[ModelVersionRecord, bool]:
        self._write(model_id, _MODEL)
        if experiment_id is not None:
            self._read(experiment_id, _EXPERIMENT)
        for dataset_id in dataset_ids:
            self._read(dataset_id, _ARTIFACT)
        return self._backend.create_version(
            model_id,
            version=version,
            name=name,
            description=description,
            experiment_id=experiment_id,
            dataset_ids=dataset_ids,
            framework=framework,
            unique_tags=unique_tags,
            labels=labels,
            metadata=metadata,
        )

    def get_version(self, model_id: str, *, version: str | None = None, tag: str | None = None) -> ModelVersionRecord:
        self._read(model_id, _MODEL)
        return self._backend.get_version(model_id, version=version, tag=tag)

    def list_versions(self, model_id: str) -> list[ModelVersionRecord]:
        self._read(model_id, _MODEL)
        return self._backend.list_versions(model_id)

    def move_tag(self, model_id: str, tag: str, *, version_id: str, if_held_by: str | None = None) -> ModelVersionRecord:
        self._write(model_id, _MODEL)
        self._read(version_id, _VERSION)
        return self._backend.move_tag(model_id, tag, version_id=version_id, if_held_by=if_held_by)

    def remove_tag(self, model_id: str, tag: str) -> None:
        self._write(model_id, _MODEL)
        self._backend.remove_tag(model_id, tag)

    def set_labels(self, id: str, labels: Mapping[str, str | None]) -> ModelRecord | ModelVersionRecord:
        self._write(id, _MODEL, _VERSION)
        return self._backend.set_labels(id, labels)

    def lineage(self, id: str) -> LineageRecord:
        self._read(id, _EXPERIMENT, _VERSION)
        found = self._backend.lineage(id)
        return LineageRecord(
            experiments=self._visible(found.experiments),
            datasets=self._visible(found.datasets),
            artifacts=self._visible(found.artifacts),
            versions=self._visible(found.versions),
        )

    # -- what hangs on every object

    def update_metadata(self, id: str, metadata: Mapping[str, Any]) -> None:
        self._write(id)
        self._backend.update_metadata(id, metadata)

    def metadata(self, id: str) -> dict[str, Any]:
        self._read(id)
        return self._backend.metadata(id)

    def append_metrics(self, batches: Sequence[MetricBatch]) -> None:
        self._backend.append_metrics(self._accepted(batches))

    def read_metrics(
        self,
        id: str,
        *,
        keys: Sequence[str] = (),
        start_step: int | None = None,
        end_step: int | None = None,
        max_points: int | None = None,
    ) -> pa.Table:
        self._read(id)
        return self._backend.read_metrics(id, keys=keys, start_step=start_step, end_step=end_step, max_points=max_points)

    def last_batch(self, id: str, writer: str) -> int | None:
        self._read(id)
        return self._backend.last_batch(id, writer)

    def append_events(self, writer: str, events: Sequence[PendingEvent]) -> None:
        self._backend.append_events(writer, self._accepted(events))

    def last_event(self, writer: str) -> int:
        return self._backend.last_event(writer)  # writers have random names, which nobody can guess

    def events(self, id: str, *, since_us: int | None = None) -> list[Event]:
        self._read(id)
        return self._backend.events(id, since_us=since_us)

    def _accepted(self, logged: Sequence[L]) -> list[L]:
        """What was logged on objects that the caller may change; what is for others is dropped like what is for none."""
        found = {id: self._find(id) for id in dict.fromkeys(one.object_id for one in logged)}
        for record in found.values():
            if record is not None:
                self._grant.require_write(record.namespace)
        return [one for one in logged if found[one.object_id] is not None]

    # -- artifacts

    def put_artifact(
        self, object_id: str, name: str, files: Sequence[SourceFile], progress: Callable[[int], None] | None = None
    ) -> ArtifactRecord:
        self._write(object_id, *_OWNERS)
        return self._backend.put_artifact(object_id, name, files, progress)

    def track_artifact(self, object_id: str, name: str, *, uri: str, checksum: str | None) -> ArtifactRecord:
        self._write(object_id, *_OWNERS)
        return self._backend.track_artifact(object_id, name, uri=uri, checksum=checksum)

    def track_files(self, object_id: str, name: str, files: Sequence[TrackedFile]) -> ArtifactRecord:
        self._write(object_id, *_OWNERS)
        return self._backend.track_files(object_id, name, files)

    def list_artifacts(self, object_id: str) -> list[ArtifactRecord]:
        self._read(object_id)
        return self._backend.list_artifacts(object_id)

    def find_artifact(self, object_id: str, name: str) -> ArtifactRecord:
        self._read(object_id)
        return self._backend.find_artifact(object_id, name)

    def stored_file(self, artifact_id: str, blob: str) -> FileRecord:
        self._read(artifact_id, _ARTIFACT)
        return self._backend.stored_file(artifact_id, blob)

    def open_file(self, file: FileRecord) -> BinaryIO:
        return self._backend.open_file(file)  # whoever has the record was given it with an artifact that it may read

    def download_url(self, file: FileRecord) -> str | None:
        return self._backend.download_url(file)  # as above

    def writable_object(self, id: str) -> ObjectRecord:
        self._write(id)
        return self._backend.writable_object(id)

    def missing_content(self, object_id: str, name: str, files: Sequence[NewFile], *, direct: bool = False) -> list[MissingContent]:
        self._write(object_id, *_OWNERS)
        return self._backend.missing_content(object_id, name, files, direct=direct)

    def receive_content(self, object_id: str, digest: str, size: int, offset: int) -> ContentReceiver:
        self._write(object_id, *_OWNERS)
        return self._backend.receive_content(object_id, digest, size, offset)

    def store_contents(self, object_id: str, contents: Mapping[str, bytes]) -> None:
        self._write(object_id, *_OWNERS)
        self._backend.store_contents(object_id, contents)

    def finish_direct_upload(self, object_id: str, digest: str, size: int, upload_id: str, etags: Sequence[str]) -> None:
        self._write(object_id, *_OWNERS)
        self._backend.finish_direct_upload(object_id, digest, size, upload_id, etags)

    def commit_artifact(self, object_id: str, name: str, files: Sequence[NewFile]) -> ArtifactRecord | None:
        self._write(object_id, *_OWNERS)
        return self._backend.commit_artifact(object_id, name, files)

    # -- deletion

    def delete(self, id: str, *, force: bool = False) -> None:
        try:
            namespace = self._backend.get_object(id).namespace
        except NotFoundError:
            pass  # asked for the second time, it is gone; the backend knows whether that is an error
        else:
            if not self._grant.may_read(namespace):
                raise validation.not_found(id)
            self._grant.require_write(namespace)
        self._backend.delete(id, force=force)

    def collect_garbage(self, *, dry_run: bool = False) -> GarbageReport:
        self._grant.require_everything("collecting garbage", write=True)
        return self._backend.collect_garbage(dry_run=dry_run)

    # -- changes

    def last_seq(self) -> int:
        return self._backend.last_seq()

    def changes(self, *, since: int, limit: int | None = None, namespace: str | None = None) -> list[Change]:
        if namespace is not None:
            self._grant.require_read(validation.namespace(namespace))
        if namespace is not None or self._grant.is_everywhere:
            return self._backend.changes(since=since, limit=limit, namespace=namespace)
        wanted = validation.limit(limit)
        found: list[Change] = []
        position = validation.seq(since)
        while wanted is None or len(found) < wanted:
            page = self._backend.changes(since=position, limit=_PAGE)
            found += [change for change in page if self._grant.may_read(change.namespace)]
            if len(page) < _PAGE:
                break
            position = page[-1].seq
        return found[:wanted]

    def wait_for_changes(self, since: int, timeout_s: float) -> bool:
        return self._backend.wait_for_changes(since, timeout_s)

    # -- the whole store

    def sql(self, query: str) -> pa.Table:
        self._grant.require_everything("SQL")
        return self._backend.sql(query)

    def check(self, *, verify_content: bool = False, quarantine: bool = False) -> list[Finding]:
        self._grant.require_everything("examining the store", write=quarantine)
        return self._backend.check(verify_content=verify_content, quarantine=quarantine)

    def store_id(self) -> str:
        return self._backend.store_id()

    def once(self, request_id: str) -> AbstractContextManager[None]:
        return self._backend.once(f"{request_id}@{self.caller}" if isinstance(request_id, str) else request_id)

    def description(self) -> str:
        return self._backend.description()

    def spool(self) -> Spool:
        return self._backend.spool()

    def maintain(self) -> None:
        self._backend.maintain()

    def close(self) -> None:
        """Nothing: it belongs to all callers."""
