"""The arguments of the methods of a backend, checked: the same checks in the same order, wherever the backend is.

Each function takes what the method of its name takes, and raises what that method raises about its arguments alone. Every backend
calls it before it looks at any state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelbox.backends import validation
from modelbox.backends.base import SourceFile
from modelbox.errors import InvalidArgumentError
from modelbox.json_values import json_object
from modelbox.paths import validate_name, validate_relative_path
from modelbox.records import JsonValue, MetricBatch, ObjectType, PendingEvent

if TYPE_CHECKING:
    from modelbox.backends.served import NewFile, TrackedFile

_DIGEST = re.compile(r"blake3:[0-9a-f]{64}")
_MAX_CONTENT_BYTES = 5 << 40
"""What S3 takes as one object."""

_MAX_WRITER_CHARACTERS = 200

ARTIFACT_OWNERS = (ObjectType.EXPERIMENT, ObjectType.MODEL, ObjectType.MODEL_VERSION)
"""What artifacts can hang on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExperiment:
    """An experiment to create."""

    namespace: str
    name: str
    owner: str
    external_id: str
    framework: str
    task: str
    metadata: dict[str, JsonValue]
    parent_id: str | None


def create_experiment(
    *,
    name: Any,
    namespace: Any,
    owner: Any,
    external_id: Any = "",
    framework: Any = "",
    task: Any = "",
    metadata: Any = None,
    parent_id: Any = None,
) -> NewExperiment:
    """The names first, in the order of the identity."""
    return NewExperiment(
        namespace=validation.namespace(namespace),
        name=validation.name(name, "name"),
        owner=validation.name(owner, "owner"),
        external_id=validation.text(external_id, "external_id"),
        framework=validation.framework(framework),
        task=validation.text(task, "task"),
        metadata=_initial(metadata),
        parent_id=None if parent_id is None else validation.id(parent_id, ObjectType.EXPERIMENT),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """A model to create."""

    namespace: str
    name: str
    owner: str
    task: str
    description: str
    labels: dict[str, str]
    metadata: dict[str, JsonValue]


def create_model(
    *, name: Any, namespace: Any, owner: Any, task: Any = "", description: Any = "", labels: Any = None, metadata: Any = None
) -> NewModel:
    """The names first, in the order of the identity."""
    return NewModel(
        namespace=validation.namespace(namespace),
        name=validation.name(name, "name"),
        owner=validation.name(owner, "owner"),
        task=validation.text(task, "task"),
        description=validation.text(description, "description"),
        labels=validation.labels(labels),
        metadata=_initial(metadata),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version of a model to create."""

    model_id: str
    version: str
    name: str
    description: str
    framework: str
    labels: dict[str, str]
    unique_tags: tuple[str, ...]
    metadata: dict[str, JsonValue]
    experiment_id: str | None
    dataset_ids: tuple[str, ...]


def list_models(*, namespace: Any, limit: Any = None) -> None:
    """The limit first."""
    validation.limit(limit)
    validation.namespaces(namespace)


def create_version(
    model_id: Any,
    *,
    version: Any,
    name: Any = "",
    description: Any = "",
    experiment_id: Any = None,
    dataset_ids: Iterable[Any] = (),
    framework: Any = "",
    unique_tags: Any = (),
    labels: Any = None,
    metadata: Any = None,
) -> NewVersion:
    """What it says of itself first, then what it refers to."""
    return NewVersion(
        version=validation.name(version, "version"),
        name=validation.text(name, "name"),
        description=validation.text(description, "description"),
        framework=validation.framework(framework),
        labels=validation.labels(labels),
        unique_tags=validation.tags(unique_tags),
        metadata=_initial(metadata),
        model_id=validation.id(model_id, ObjectType.MODEL),
        experiment_id=None if experiment_id is None else validation.id(experiment_id, ObjectType.EXPERIMENT),
        dataset_ids=tuple(validation.id(dataset, ObjectType.ARTIFACT) for dataset in dataset_ids),
    )


def get_version(model_id: Any, *, version: Any = None, tag: Any = None) -> None:
    """At most one of version and tag."""
    if version is not None and tag is not None:
        raise InvalidArgumentError(f"give a version or a tag, not both (version {version!r}, tag {tag!r})")
    if version is not None:
        validation.name(version, "version")
    if tag is not None:
        validation.name(tag, "tag")
    validation.id(model_id, ObjectType.MODEL)


def list_experiments(*, namespace: Any, limit: Any = None, parent_id: Any = None) -> None:
    """The parent last."""
    validation.limit(limit)
    validation.namespaces(namespace)
    if parent_id is not None:
        validation.id(parent_id, ObjectType.EXPERIMENT)


def move_tag(model_id: Any, tag: Any, *, version_id: Any, if_held_by: Any = None) -> None:
    """The texts first."""
    validation.name(tag, "tag")
    if if_held_by is not None:
        validation.text(if_held_by, "if_held_by")
    validation.id(model_id, ObjectType.MODEL)
    validation.id(version_id, ObjectType.MODEL_VERSION)


def remove_tag(model_id: Any, tag: Any) -> None:
    """The tag first."""
    validation.name(tag, "tag")
    validation.id(model_id, ObjectType.MODEL)


def set_labels(id: Any, labels: Any) -> dict[str, str | None]:
    """The labels."""
    checked = validation.removable_labels(labels)
    validation.id(id, ObjectType.MODEL, ObjectType.MODEL_VERSION)
    return checked


def update_metadata(id: Any, metadata: Any) -> dict[str, JsonValue]:
    """The metadata."""
    checked = validation.metadata(metadata)
    validation.id(id)
    return checked


def rewind(id: Any, *, step: Any, at_us: int) -> int:
    """The step."""
    checked = validation.step(step, "step")
    if checked is None:
        raise TypeError("step must be an int, not None")
    validation.step(at_us, "at_us")
    validation.id(id)
    return checked


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsRange:
    """Which points of an object to read."""

    keys: tuple[str, ...]
    start_step: int | None
    end_step: int | None
    max_points: int | None


def read_metrics(id: Any, *, keys: Any = (), start_step: Any = None, end_step: Any = None, max_points: Any = None) -> PointsRange:
    """The range first."""
    chosen = PointsRange(
        keys=validation.keys(keys),
        start_step=validation.step(start_step, "start_step"),
        end_step=validation.step(end_step, "end_step"),
        max_points=validation.max_points(max_points),
    )
    validation.id(id)
    return chosen


def append_metrics(batches: Sequence[MetricBatch]) -> None:
    """Batch after batch. A writer's name becomes a part of the name of a file."""
    for batch in batches:
        _sequence(batch.sequence)
        length = len(quote(validation.name(batch.writer, "writer"), safe=""))
        if length > _MAX_WRITER_CHARACTERS:
            raise InvalidArgumentError(
                f"the writer {batch.writer[:200]!r} takes {length} characters; at most {_MAX_WRITER_CHARACTERS} fit"
            )


def append_events(writer: Any, events: Sequence[PendingEvent]) -> None:
    """The writer first, then event after event."""
    validation.text(writer, "writer")
    for event in events:
        _sequence(event.sequence)
        validation.text(event.source, "an event's source")
        if not validation.text(event.name, "an event's name"):
            raise InvalidArgumentError("the name of an event must not be empty")
        json_object(event.metadata, "metadata")


def _sequence(sequence: int) -> None:
    if not 0 <= sequence < 2**63:
        raise InvalidArgumentError(f"a sequence is {sequence}; it must be positive, and fit in 63 bits")


def put_artifact(object_id: Any, name: str, files: Sequence[SourceFile]) -> None:
    """The names first."""
    validate_name(name)
    for file in files:
        validate_relative_path(file.path)
    validation.id(object_id, *ARTIFACT_OWNERS)


def track_artifact(object_id: Any, name: str, *, uri: Any, checksum: Any) -> None:
    """The texts first."""
    validate_name(name)
    validation.name(uri, "uri")
    if checksum is not None:
        validation.text(checksum, "checksum")
    validation.id(object_id, *ARTIFACT_OWNERS)


def track_files(object_id: Any, name: str, files: Sequence[TrackedFile]) -> None:
    """The name first, then file after file."""
    validate_name(name)
    for file in files:
        validate_relative_path(file.path)
        validation.name(file.uri, "uri")
        validation.text(file.checksum, "checksum")
    validation.id(object_id, *ARTIFACT_OWNERS)


def new_files(object_id: Any, name: str, files: Sequence[NewFile]) -> None:
    """The names first, then the digests; content has one size."""
    validate_name(name)
    sizes: dict[str, int] = {}
    for file in files:
        validate_relative_path(file.path)
        _content(file.digest, file.size)
        if sizes.setdefault(file.digest, file.size) != file.size:
            raise InvalidArgumentError(f"content {file.digest} cannot have {file.size:,} bytes and {sizes[file.digest]:,} bytes")
    validation.id(object_id, *ARTIFACT_OWNERS)


def content(object_id: Any, digest: str, size: int, offset: int = 0) -> None:
    """The digest first, then the numbers."""
    _content(digest, size)
    if not 0 <= offset <= size:
        raise InvalidArgumentError(f"content of {size:,} bytes cannot be continued at byte {offset:,}")
    validation.id(object_id, *ARTIFACT_OWNERS)


def _content(digest: str, size: int) -> None:
    if not _DIGEST.fullmatch(digest):
        raise InvalidArgumentError(f"{digest[:200]!r} cannot be a digest: that is blake3: and 64 hexadecimal digits in lower case")
    if not 0 <= size <= _MAX_CONTENT_BYTES:
        raise InvalidArgumentError(f"content cannot have {size:,} bytes; at most {_MAX_CONTENT_BYTES:,} are accepted")


def find_artifact(object_id: Any, name: Any) -> None:
    """The name first."""
    validation.name(name, "name")
    validation.id(object_id)


def changes(*, since: Any, limit: Any = None, namespace: Any = None) -> None:
    """The position first."""
    validation.seq(since)
    validation.namespaces(namespace)
    validation.limit(limit)


def _initial(metadata: Any) -> dict[str, JsonValue]:
    return {} if metadata is None else validation.metadata(metadata)
