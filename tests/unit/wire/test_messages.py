"""Every record crosses the wire as it is, and every field of every message is used."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbox.columns import binaries, doubles, integers, strings
from modelbox.errors import InvalidArgumentError, NotFoundError
from modelbox.points import SCHEMA, TIMESTAMP
from modelbox.records import (
    Action,
    ArtifactRecord,
    Change,
    Event,
    ExperimentRecord,
    FileRecord,
    GarbageReport,
    LineageRecord,
    MetricBatch,
    MLFramework,
    ModelRecord,
    ModelVersionRecord,
    ObjectType,
    PendingEvent,
    Rewind,
    Status,
    datetime_from_us,
)
from modelbox.wire import file_ids, logged, messages, values
from modelbox.wire import service_pb2 as pb
from modelbox.wire.values import MAX_TIME_US, MIN_TIME_US

COMMON = {
    "id": "0123456789abcdef" * 2,
    "uid": "life",
    "namespace": "space",
    "name": "näme\n",
    "created_at_us": 1_700_000_000_123_456,
    "updated_at_us": -1,
    "rewinds": (Rewind(-5, 17), Rewind(2**62, -(2**62))),
}
EXPERIMENT = ExperimentRecord(
    **COMMON, owner="me", external_id="x1", framework="lightgbm", task="vision", status=Status.FAILED, parent_id="p"
)
MODEL = ModelRecord(**COMMON, owner="me", task="vision", description="what", labels={"a": "1", "b": ""})
VERSION = ModelVersionRecord(
    **COMMON,
    model_id="m",
    version="v1",
    description="what",
    framework="jax",
    experiment_id="e",
    dataset_ids=("d2", "d1"),
    unique_tags=("a", "b"),
    labels={"a": "1"},
)
STORED = FileRecord(
    path="a/b.pt",
    size=7,
    digest="blake3:00",
    content_type="text/plain",
    uri="file:///s/b",
    blob="b",
    artifact_id="0123456789abcdef" * 2,
    md5="ff",
    file_type="checkpoint",
    source_path="/home/b.pt",
)
TRACKED = FileRecord(path="c", size=None, digest="any", content_type="x/y", uri="s3://c", artifact_id=STORED.artifact_id)
ARTIFACT = ArtifactRecord(**COMMON, object_id="o", object_type=ObjectType.MODEL_VERSION, files=(STORED, TRACKED))
EVENT = Event(name="n", source="s", wallclock=datetime_from_us(-1), metadata={"a": [1, 1.5]}, object_id="o", seq=2**63)
PENDING = PendingEvent(object_id="o", uid="u", sequence=3, name="n", source="s", wallclock_us=-7, metadata={"a": {"b": None}})
CHANGE = Change(
    seq=9,
    action=Action.LOGGED,
    object_type=ObjectType.ARTIFACT,
    object_id="o",
    namespace="s",
    at=datetime_from_us(1_700_000_000_000_001),
    payload={"name": "é", "n": 2**70},
)


def points() -> Any:
    import pyarrow as pa

    columns = [
        strings(["a", "b", "a"]),
        integers([-1, 0, 2**62]),
        integers([0, -1, 1], TIMESTAMP),
        doubles([0.1, None, None]),
        strings([None, "é", None]),
        binaries([None, None, b"\0"]),
        integers([0, 5, -5]),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


BATCH = MetricBatch(object_id="o", uid="u", writer="w", sequence=2**63, points=points())

CONVERSIONS = {
    "experiment": (EXPERIMENT, messages.experiment_to_message, messages.experiment_from_message),
    "model": (MODEL, messages.model_to_message, messages.model_from_message),
    "version": (VERSION, messages.version_to_message, messages.version_from_message),
    "artifact": (ARTIFACT, messages.artifact_to_message, messages.artifact_from_message),
    "file": (STORED, lambda file: messages.file_to_message(file, ARTIFACT), messages.file_from_message),
    "event": (EVENT, logged.event_to_message, lambda message: logged.event_from_message(message, "o")),
    "new event": (PENDING, logged.new_event_to_message, logged.new_event_from_message),
    "change": (CHANGE, logged.change_to_message, logged.change_from_message),
    "batch": (BATCH, logged.batch_to_message, logged.batch_from_message),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_every_record_comes_back(name: str) -> None:
    record, to_message, from_message = CONVERSIONS[name]
    message = to_message(record)
    assert from_message(type(message).FromString(message.SerializeToString())) == record


@pytest.mark.parametrize("name", CONVERSIONS)
def test_every_field_is_used(name: str) -> None:
    record, to_message, _ = CONVERSIONS[name]
    message = to_message(record)
    assert {field.name for field, _ in message.ListFields()} == {field.name for field in message.DESCRIPTOR.fields}
    for field in dataclasses.fields(record):
        assert getattr(record, field.name) != field.default, "the example must show that the field crosses"


@pytest.mark.parametrize("record", [EXPERIMENT, MODEL, VERSION, ARTIFACT], ids=lambda record: type(record).__name__)
def test_an_object_of_any_type(record: Any) -> None:
    assert messages.object_from_message(messages.object_to_message(record)) == record


def test_an_object_of_no_type() -> None:
    with pytest.raises(InvalidArgumentError, match="no object"):
        messages.object_from_message(pb.StoredObject())
    with pytest.raises(TypeError, match="FileRecord"):
        messages.object_to_message(STORED)  # type: ignore[arg-type]


def test_lineage_and_garbage() -> None:
    lineage = LineageRecord(experiments=(EXPERIMENT,), datasets=(ARTIFACT,), artifacts=(ARTIFACT, ARTIFACT), versions=(VERSION,))
    assert messages.lineage_from_message(messages.lineage_to_message(lineage)) == lineage
    for dry_run in (True, False):
        report = GarbageReport(blobs=2, bytes=2**40, dry_run=dry_run)
        assert messages.garbage_from_message(messages.garbage_to_message(report), dry_run=dry_run) == report


def test_absent_and_empty_are_different() -> None:
    absent = ExperimentRecord(**COMMON, owner="me", parent_id=None)
    empty = dataclasses.replace(absent, parent_id="")
    assert messages.experiment_from_message(messages.experiment_to_message(absent)) == absent
    assert messages.experiment_from_message(messages.experiment_to_message(empty)) == empty
    nothing = FileRecord(path="p", size=0, digest="blake3:0", content_type="", uri="", blob="", artifact_id=STORED.artifact_id)
    assert messages.file_from_message(messages.file_to_message(nothing, ARTIFACT)) == nothing
    assert messages.file_from_message(messages.file_to_message(TRACKED, ARTIFACT)) == TRACKED


# -- what clients of upstream see of a file


def test_a_stored_file_for_upstream() -> None:
    message = messages.file_to_message(STORED, ARTIFACT)
    assert (message.checksum, message.src_path, message.upload_path) == ("ff", "/home/b.pt", "file:///s/b")
    assert (message.file_type, message.parent_id) == (pb.CHECKPOINT, "o")
    assert (message.created_at, message.updated_at) == tuple(map(values.timestamp_to_message, (COMMON["created_at_us"], -1)))


def test_a_tracked_file_for_upstream() -> None:
    message = messages.file_to_message(TRACKED, ARTIFACT)
    assert (message.checksum, message.src_path, message.upload_path) == ("any", "s3://c", "")


@settings(deadline=None)
@given(st.binary(min_size=16, max_size=16), st.text(st.characters(codec="utf-8")))
def test_the_id_of_a_file_leads_to_its_artifact(artifact: bytes, path: str) -> None:
    id = file_ids.file_id(artifact.hex(), path)
    assert len(id) <= 40
    assert id.isascii()
    assert file_ids.artifact_id_of(id) == artifact.hex()
    assert id != file_ids.file_id(artifact.hex(), path + "x")


@pytest.mark.parametrize("id", ["", "x", "ä" * 40, "*" * 40, "/etc/passwd", "a" * 39, "a" * 41, "=" * 40])
def test_what_no_file_has_as_its_id(id: str) -> None:
    with pytest.raises(NotFoundError):
        file_ids.artifact_id_of(id)


# -- times


@settings(deadline=None)
@given(st.integers(MIN_TIME_US, MAX_TIME_US))
def test_times_are_exact(us: int) -> None:
    message = values.timestamp_to_message(us)
    assert 0 <= message.nanos < 10**9
    assert values.timestamp_from_message(message) == us
    assert message.ToMicroseconds() == us


@pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63), 253_402_300_800, -62_135_596_801])
def test_times_that_are_none(seconds: int) -> None:
    with pytest.raises(InvalidArgumentError, match="years"):
        values.timestamp_from_message(Timestamp(seconds=seconds))
    with pytest.raises(InvalidArgumentError, match="years"):
        logged.new_event_from_message(pb.NewEvent(wallclock_us=max(-(2**63), min(seconds * 10**6, 2**63 - 1))))


# -- metadata

TEXT = st.text(st.characters(codec="utf-8"))
PLAIN_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON_VALUES = PLAIN_VALUES | st.lists(PLAIN_VALUES | st.lists(PLAIN_VALUES)) | st.dictionaries(TEXT, PLAIN_VALUES)


@settings(deadline=None)
@given(st.dictionaries(TEXT, JSON_VALUES))
def test_metadata_is_exact(metadata: dict[str, Any]) -> None:
    message = values.metadata_to_message(metadata)
    back = values.metadata_from_message(pb.Metadata.FromString(message.SerializeToString()))
    assert back == metadata
    assert repr(back) == repr({key: metadata[key] for key in sorted(metadata)}), "1, 1.0 and True are different, and so is -0.0"


@pytest.mark.parametrize("text", ["", "adam", "NaN", "-Infinity", "{", "1 2", "[" * 100_000, "'x'"], ids=lambda text: text[:9])
def test_a_text_that_is_not_json_is_a_string(text: str) -> None:
    assert values.metadata_from_message(pb.Metadata(metadata={"a": text})) == {"a": text}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_hold(value: float) -> None:
    with pytest.raises(InvalidArgumentError, match="JSON"):
        values.metadata_to_message({"a": value})


@pytest.mark.parametrize("text", ["[]", "1", "x", '{"a": NaN}', "{" * 10, '{"a":' * 100_000], ids=lambda text: text[:9])
def test_the_payload_of_a_change_is_an_object(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="JSON"):
        logged.new_event_from_message(pb.NewEvent(metadata_json=text))


# -- words


def test_words_and_their_numbers() -> None:
    for framework in ("", *map(str, MLFramework)):
        assert values.framework_from_enum(values.framework_to_enum(framework)) == framework
    for status in Status:
        assert values.status_from_enum(values.status_to_enum(status)) is status
    for kind in (None, *ObjectType):
        assert values.object_type_from_enum(values.object_type_to_enum(kind)) is kind
    for action in Action:
        assert values.action_from_enum(values.action_to_enum(action)) is action
    for file_type in ("", "model", "checkpoint", "text", "image", "audio", "video"):
        assert values.file_type_from_enum(values.file_type_to_enum(file_type)) == file_type


def test_numbers_of_a_newer_version() -> None:
    assert values.framework_from_enum(99) == "other"
    assert values.file_type_from_enum(99) == ""
    for from_enum in (values.status_from_enum, values.object_type_from_enum, values.action_from_enum):
        with pytest.raises(InvalidArgumentError, match="99"):
            from_enum(99)
    for from_undefined in (values.status_from_enum, values.action_from_enum):
        with pytest.raises(InvalidArgumentError, match="0 is not"):
            from_undefined(0)
    with pytest.raises(InvalidArgumentError, match="caffe"):
        values.framework_to_enum("caffe")
    with pytest.raises(InvalidArgumentError, match="hangs"):
        messages.artifact_from_message(pb.Artifact(id="a"))
    with pytest.raises(InvalidArgumentError, match="about"):
        logged.change_from_message(pb.Change(seq=1))
