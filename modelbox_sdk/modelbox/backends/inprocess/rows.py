"""Rows of the metadata tables, the records that the backend returns, and the payloads of changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

from modelbox.records import (
    ArtifactRecord,
    ExperimentRecord,
    FileRecord,
    ModelRecord,
    ModelVersionRecord,
    ObjectRecord,
    ObjectType,
    Rewind,
    Status,
    datetime_from_us,
)
from modelbox.stores.metadata import Row, View

TABLE_OF = {
    ObjectType.EXPERIMENT: "experiments",
    ObjectType.MODEL: "models",
    ObjectType.MODEL_VERSION: "model_versions",
    ObjectType.ARTIFACT: "artifacts",
}

Found: TypeAlias = tuple[ObjectType, Row]
BlobUri: TypeAlias = Callable[[str], str]
"""Tells the address of content in the blob store."""


def find(view: View, id: str) -> Found | None:
    """The type and the row of the object with an id."""
    for kind, table in TABLE_OF.items():
        row = view.get(table, id)
        if row is not None:
            return kind, row
    return None


def to_record(view: View, kind: ObjectType, row: Row, blob_uri: BlobUri) -> ObjectRecord:
    """The record of an object."""
    if kind is ObjectType.EXPERIMENT:
        return experiment(row)
    if kind is ObjectType.MODEL:
        return model(row)
    if kind is ObjectType.MODEL_VERSION:
        return version(view, row)
    return artifact(view, row, blob_uri)


def experiment(row: Row) -> ExperimentRecord:
    """The record of an experiment."""
    return ExperimentRecord(
        **_common(row),
        owner=row["owner"],
        external_id=row["external_id"],
        framework=row["framework"],
        task=row["task"],
        status=Status(row["status"]),
        parent_id=row.get("parent_id"),
    )


def model(row: Row) -> ModelRecord:
    """The record of a model."""
    return ModelRecord(
        **_common(row), owner=row["owner"], task=row["task"], description=row["description"], labels=dict(row["labels"])
    )


def version(view: View, row: Row) -> ModelVersionRecord:
    """The record of a model version, with the unique tags that it holds."""
    return ModelVersionRecord(
        **_common(row),
        model_id=row["model_id"],
        version=row["version"],
        description=row["description"],
        framework=row["framework"],
        experiment_id=row.get("experiment_id"),
        dataset_ids=tuple(id for id, _ in row["datasets"]),
        unique_tags=tuple(sorted(tag["tag"] for tag in view.select("tags", version_id=row["id"]))),
        labels=dict(row["labels"]),
    )


def artifact(view: View, row: Row, blob_uri: BlobUri) -> ArtifactRecord:
    """The record of an artifact, with its files in the order of their paths."""
    files = tuple(file(found, blob_uri) for found in view.select("artifact_files", artifact_id=row["id"]))
    return ArtifactRecord(**_common(row), object_id=row["object_id"], object_type=ObjectType(row["object_type"]), files=files)


def file(row: Row, blob_uri: BlobUri) -> FileRecord:
    """The record of a file of an artifact."""
    columns: dict[str, Any] = {name: row.get(name) for name in FILE_COLUMNS}
    columns |= {name: row.get(name) or "" for name in _UPLOADERS_COLUMNS}
    if columns["blob"] is not None:
        columns["uri"] = blob_uri(columns["blob"])
    return FileRecord(**columns)


FILE_COLUMNS = tuple(field.name for field in dataclasses.fields(FileRecord))
_UPLOADERS_COLUMNS = ("md5", "file_type", "source_path")
"""What only clients of upstream say; the feed of changes leaves it out. Stores from before there were servers lack these."""


def file_row(artifact_id: str, file: FileRecord) -> Row:
    """The row of a file of an artifact. Where stored content is follows from the place of the store, which may move."""
    columns = {name: getattr(file, name) for name in FILE_COLUMNS}
    columns |= {name: getattr(file, name) or None for name in _UPLOADERS_COLUMNS}
    return {**columns, "artifact_id": artifact_id, "uri": file.uri if file.blob is None else None}


def payload(record: ObjectRecord, **about: Any) -> dict[str, Any]:
    """An object's state as JSON values for the feed of changes, with what a narrower change was about."""
    state: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name in ("uid", "rewinds"):
            continue
        if field.name.endswith("_us"):
            state[field.name.removesuffix("_us")] = datetime_from_us(value).isoformat()
        elif field.name == "files":
            state["files"] = [_file_payload(file) for file in value]
        elif isinstance(value, tuple):
            state[field.name] = list(value)
        else:
            state[field.name] = value
    return state | about


def _file_payload(file: FileRecord) -> dict[str, Any]:
    shown = {name: getattr(file, name) for name in FILE_COLUMNS if name not in ("blob", "artifact_id", *_UPLOADERS_COLUMNS)}
    return shown | {"uri": file.uri if file.blob is None else None}


def _common(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "uid": row["uid"],
        "namespace": row["namespace"],
        "name": row["name"],
        "created_at_us": row["created_at"],
        "updated_at_us": row["updated_at"],
        "rewinds": tuple(Rewind(step, at_us) for step, at_us in row.get("rewinds") or ()),
    }
