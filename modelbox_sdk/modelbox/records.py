"""The values that cross every seam: frozen, plain, and free of third-party types.

Times are integers of microseconds since the epoch (``*_us``); the public objects turn them into aware datetimes.
A ``uid`` names one *life* of an object: an experiment that is deleted and created again has the same ``id``, which is derived
from its identity, and another ``uid``. Metrics and events hang on the uid, so that nothing of a deleted object comes back.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None

ANY_NAMESPACE = "*"
"""Stands for every namespace where changes are read; no namespace can have this name."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def datetime_from_us(us: int) -> datetime:
    """An aware UTC datetime, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=us)


def us_from_datetime(moment: datetime) -> int:
    """Microseconds since the epoch; a naive datetime is local time, as ``datetime.timestamp`` has it."""
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


class MLFramework(enum.StrEnum):
    """The frameworks that an experiment or a model version can name."""

    PYTORCH = "pytorch"
    KERAS = "keras"
    TENSORFLOW = "tensorflow"
    JAX = "jax"
    SKLEARN = "sklearn"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    OTHER = "other"


class ObjectType(enum.StrEnum):
    """What a change is about, and what metrics, metadata, events and artifacts hang on."""

    EXPERIMENT = "experiment"
    MODEL = "model"
    MODEL_VERSION = "model_version"
    ARTIFACT = "artifact"


class Action(enum.StrEnum):
    """What a change did."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    LOGGED = "logged"


class Status(enum.StrEnum):
    """Where an experiment stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class Rewind(NamedTuple):
    """Points with a step greater than ``step``, logged no later than ``at_us``, are hidden."""

    step: int
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRecord:
    """What every stored object has."""

    id: str
    uid: str
    namespace: str
    name: str
    created_at_us: int
    updated_at_us: int
    rewinds: tuple[Rewind, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRecord(ObjectRecord):
    """An experiment: identity (namespace, name, owner)."""

    owner: str
    external_id: str = ""
    framework: str = ""
    task: str = ""
    status: Status = Status.RUNNING
    parent_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord(ObjectRecord):
    """A model: identity (namespace, name)."""

    owner: str
    task: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersionRecord(ObjectRecord):
    """A version of a model: identity (model, version string)."""

    model_id: str
    version: str
    description: str = ""
    framework: str = ""
    experiment_id: str | None = None
    dataset_ids: tuple[str, ...] = ()
    unique_tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file of an artifact.

    Attributes:
        path: Relative POSIX path inside the artifact.
        size: Bytes; None for a tracked file, whose size was never read.
        digest: ``blake3:<hex>`` of the content; for a tracked file the checksum as it was given, or "".
        content_type: MIME type guessed from the path.
        uri: Where the content is: inside the store, or the tracked address.
        blob: Name of the content in the blob store; None for a tracked file.
        artifact_id: The artifact that it is a file of; "" while it is of none.
        md5: MD5 of the content in hexadecimal digits, where an uploader of upstream gave it, or "".
        file_type: What such an uploader says that it is, such as ``checkpoint``, or "".
        source_path: Where it had the file, when that is not ``path``, or "".
    """

    path: str
    size: int | None
    digest: str
    content_type: str
    uri: str
    blob: str | None = None
    artifact_id: str = ""
    md5: str = ""
    file_type: str = ""
    source_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRecord(ObjectRecord):
    """Files under one name on one object: identity (object, name)."""

    object_id: str
    object_type: ObjectType
    files: tuple[FileRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that a trainer, or anything else, reported about an object.

    Attributes:
        name: What happened, such as ``checkpoint_started``.
        source: Who says so, such as ``trainer``; may be empty.
        wallclock: When it happened (aware, UTC).
        metadata: JSON values.
        object_id: The object it was logged on.
        seq: Its place in the feed of changes.
    """

    name: str
    source: str
    wallclock: datetime
    metadata: Mapping[str, Any]
    object_id: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the feed of changes.

    Attributes:
        seq: Position in the feed; only grows. Resume with ``since=change.seq``.
        action: ``created``, ``updated``, ``deleted`` or ``logged``.
        object_type: ``experiment``, ``model``, ``model_version`` or ``artifact``.
        object_id: Id of the object that changed; for a logged event, of the object it was logged on.
        namespace: Namespace of that object.
        at: When it was committed (aware, UTC).
        payload: The object's state after the change; a narrower change adds what it was about
            (``tag``, ``labels``, ``metadata``, ``rewind``); for a logged event, the event.
    """

    seq: int
    action: Action
    object_type: ObjectType
    object_id: str
    namespace: str
    at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEvent:
    """An event on its way from a journal to the log."""

    object_id: str
    uid: str
    sequence: int
    name: str
    source: str
    wallclock_us: int
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricBatch:
    """Points of one object, from one writer.

    Attributes:
        object_id: The object that the points were logged on.
        uid: The life of that object.
        writer: Unique name of the journal's writer.
        sequence: Position of the batch among the writer's batches; (writer, sequence, uid) names the batch, and storing it twice
            stores it once.
        points: ``points.SCHEMA``, in the order in which they were logged.
    """

    object_id: str
    uid: str
    writer: str
    sequence: int
    points: pa.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricQuery:
    """Which points of one object to read.

    Attributes:
        uid: The life of the object.
        keys: Keys to read; empty for all.
        start_step: First step, inclusive.
        end_step: Last step, inclusive.
        max_points: At most so many points of each key, keeping minima, maxima and ends.
        rewinds: Hidden ranges.
    """

    uid: str
    keys: tuple[str, ...] = ()
    start_step: int | None = None
    end_step: int | None = None
    max_points: int | None = None
    rewinds: tuple[Rewind, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageRecord:
    """What is behind an object, and what came of it."""

    experiments: tuple[ExperimentRecord, ...] = ()
    datasets: tuple[ArtifactRecord, ...] = ()
    artifacts: tuple[ArtifactRecord, ...] = ()
    versions: tuple[ModelVersionRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GarbageReport:
    """What a collection of garbage freed, or would free.

    Attributes:
        blobs: Pieces of content that nothing refers to.
        bytes: Their size.
        dry_run: True when nothing was deleted.
    """

    blobs: int
    bytes: int
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """What a push sent, and what it could not send.

    Attributes:
        experiments: Experiments that something was sent about.
        models: Models that something was sent about.
        versions: Model versions that something was sent about.
        artifacts: Artifacts that something was sent about.
        points: Metric points that were sent.
        events: Events that were sent.
        bytes_sent: Bytes of content that were sent.
        bytes_there: Bytes of content that were there already.
        problems: What could not be sent as it is, and what to do about it.
    """

    experiments: int = 0
    models: int = 0
    versions: int = 0
    artifacts: int = 0
    points: int = 0
    events: int = 0
    bytes_sent: int = 0
    bytes_there: int = 0
    problems: tuple[str, ...] = ()
