"""The tables that every metadata store keeps. A column's type says how each store holds it."""

from __future__ import annotations

from dataclasses import dataclass

TEXT = "text"
INTEGER = "integer"
TIME = "time"
"""Microseconds since the epoch in a row; a timestamp with time zone where it is stored."""
JSON = "json"
"""Any JSON value in a row; its JSON text where it is stored."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns, its key, and the columns by which rows are looked up.

    Attributes:
        name: Name of the table.
        columns: Column names with their types, in order. A column that a row lacks is null.
        key: The columns that name a row.
        lookups: Columns that :meth:`View.select` can filter by quickly.
        large: True when rows are many and are read by the first column of the key: stores need not hold them in memory.
        added: Columns of text that stores of older versions may lack.
    """

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    lookups: tuple[str, ...] = ()
    large: bool = False
    added: tuple[str, ...] = ()


_OBJECT = {"id": TEXT, "uid": TEXT, "namespace": TEXT, "name": TEXT}
_TIMES = {"created_at": TIME, "updated_at": TIME, "rewinds": JSON}

_ALL = (
    Table(
        "experiments",
        {**_OBJECT, "owner": TEXT, "external_id": TEXT, "framework": TEXT, "task": TEXT, "status": TEXT}
        | {"parent_id": TEXT, "parent_uid": TEXT}
        | _TIMES,
        key=("id",),
        lookups=("namespace", "parent_id"),
    ),
    Table(
        "models",
        {**_OBJECT, "owner": TEXT, "task": TEXT, "description": TEXT, "labels": JSON} | _TIMES,
        key=("id",),
        lookups=("namespace",),
    ),
    Table(
        "model_versions",
        {**_OBJECT, "model_id": TEXT, "version": TEXT, "description": TEXT, "framework": TEXT, "experiment_id": TEXT}
        | {"experiment_uid": TEXT, "datasets": JSON, "labels": JSON}
        | _TIMES,
        key=("id",),
        lookups=("model_id", "experiment_id"),
    ),
    Table("tags", {"model_id": TEXT, "tag": TEXT, "version_id": TEXT}, key=("model_id", "tag"), lookups=("model_id", "version_id")),
    Table(
        "artifacts",
        {**_OBJECT, "object_id": TEXT, "object_type": TEXT} | _TIMES,
        key=("id",),
        lookups=("object_id",),
    ),
    Table(
        "artifact_files",
        {"artifact_id": TEXT, "path": TEXT, "size": INTEGER, "digest": TEXT, "content_type": TEXT, "uri": TEXT, "blob": TEXT}
        | {"md5": TEXT, "file_type": TEXT, "source_path": TEXT},
        key=("artifact_id", "path"),
        large=True,
        added=("md5", "file_type", "source_path"),
    ),
    Table("metadata", {"object_id": TEXT, "key": TEXT, "value": JSON}, key=("object_id", "key"), large=True),
    Table("writers", {"writer": TEXT, "sequence": INTEGER}, key=("writer",), large=True),
    Table("condemned_blobs", {"digest": TEXT, "generation": INTEGER}, key=("digest",)),
    Table("direct_blobs", {"digest": TEXT, "generation": INTEGER, "variant": TEXT}, key=("digest",)),
    Table("requests", {"request_id": TEXT, "object_id": TEXT, "existed": INTEGER, "at": TIME}, key=("request_id",)),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}
"""
References to other objects carry the uid beside the id, so that they end with the life of what they refer to; ``datasets`` is a
list of [id, uid].
``writers`` has the sequence of the last event delivered by each journal, so that a delivery that is repeated adds nothing.
``condemned_blobs`` has, for content that a garbage collection has taken away, the generation under which it is stored when it
comes back (see ``docs/design``).
``direct_blobs`` has, for content that a client sent to the storage past the server, the variant of its name in a generation. It is
written when the content has been read and found right.
``requests`` has, for each request with an id that changed something in the last quarter of an hour, the object that it changed and
whether that existed before (0 or 1), so that a request that is repeated changes nothing.
"""
