"""Calls that only clients of upstream make, besides those with files."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value

from modelbox.backends.base import Backend
from modelbox.backends.served import ServedBackend, TrackedFile
from modelbox.errors import InvalidArgumentError, ModelBoxError
from modelbox.journal import Journal, Target
from modelbox.json_values import json_object
from modelbox.records import Action, Change, datetime_from_us, us_from_datetime
from modelbox.server.calls import Call, watches
from modelbox.server.servicers.defaults import namespace_of
from modelbox.server.servicers.source_paths import relative_path
from modelbox.server.watchers import Watch
from modelbox.wire import service_pb2 as pb
from modelbox.wire.values import (
    file_type_from_enum,
    json_text,
    metadata_from_message,
    timestamp_from_message,
    timestamp_to_message,
    valid_time_us,
)

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger("modelbox.server")

_STORE_S = 20.0
_CLOSE_S = 5.0
_MOST_POINTS = 1_000_000
_ROWS = 1 << 14
_EVENTS = {
    Action.CREATED: pb.OBJECT_CREATED,
    Action.UPDATED: pb.OBJECT_UPDATED,
    Action.DELETED: pb.OBJECT_DELETED,
    Action.LOGGED: pb.EVENT_LOGGED,
}
_MAX_DEPTH = 16
"""Parsers take 100 messages inside each other, and a level of JSON can be three; what is deeper is sent as its JSON text."""


class UpstreamServicer:
    """Calls that only clients of upstream make.

    What they log goes through a journal of the server's own: a point then costs a record in a file, not a write to the store.

    Args:
        backend: The store, without anybody's limits.
    """

    def __init__(self, backend: ServedBackend) -> None:
        spool = backend.spool()
        self._is_alone = spool.folder is None
        self._shared = spool.shared
        self._journal = Journal(spool.folder, backend, shared=spool.shared, store=spool.store)

    def settle(self) -> None:
        """Have readers see what was logged, where they do not look into the journal and it is not worth a write for each point.

        That is so in a store in memory, which nobody else reads.
        """
        if self._is_alone:
            self._journal.flush(_STORE_S)

    def close(self) -> None:
        """Bring what was logged from the journal to the store. What cannot be brought there now stays in the journal."""
        try:
            self._journal.close(_CLOSE_S)
        except ModelBoxError as error:
            _log.warning("%s", error)

    # -- metrics

    def LogMetrics(self, request: pb.LogMetricsRequest, call: Call) -> pb.LogMetricsResponse:
        record = call.backend.writable_object(request.parent_id)
        self._journal.log_metrics(
            Target(record.id, record.uid),
            {request.key: _value_of(request)},
            step=_signed(request.value.step),
            wallclock=_wallclock_of(request.value),
        )
        if self._journal.homeless or not (self._shared or self._is_alone):
            self._journal.flush(_STORE_S)
        return pb.LogMetricsResponse()

    def GetMetrics(self, request: pb.GetMetricsRequest, call: Call) -> pb.GetMetricsResponse:
        self.settle()
        table = call.backend.read_metrics(request.parent_id)
        if table.num_rows > _MOST_POINTS:
            raise InvalidArgumentError(
                f"there are {table.num_rows:,} points; GetMetrics answers with at most {_MOST_POINTS:,}, use ReadMetrics"
            )
        response = pb.GetMetricsResponse()
        for batch in table.to_batches(max_chunksize=_ROWS):
            _add_points(response, batch)
        return response

    # -- events

    def LogEvent(self, request: pb.LogEventRequest, call: Call) -> pb.LogEventResponse:
        record = call.backend.writable_object(request.parent_id)
        event = request.event
        if not event.name:
            raise InvalidArgumentError("the name of an event must not be empty")
        told = event.HasField("wallclock_time")
        self._journal.log_event(
            Target(record.id, record.uid),
            event.name,
            event.source.name,
            json_object(metadata_from_message(event.metadata), "metadata"),
            wallclock=datetime_from_us(timestamp_from_message(event.wallclock_time)) if told else None,
        )
        self._journal.deliver_events(_STORE_S)
        return pb.LogEventResponse(created_at=timestamp_to_message(time.time_ns() // 1000))

    # -- artifacts

    def TrackArtifacts(self, request: pb.TrackArtifactsRequest, call: Call) -> pb.TrackArtifactsResponse:
        files = [
            TrackedFile(
                path=relative_path(file.src_path, request.name),
                uri=file.src_path,
                checksum=file.checksum,
                file_type=file_type_from_enum(file.file_type),
            )
            for file in request.files
        ]
        return pb.TrackArtifactsResponse(id=call.backend.track_files(request.object_id, request.name, files).id)

    # -- changes

    @watches
    def WatchNamespace(self, request: pb.WatchNamespaceRequest, call: Call) -> Watch:
        namespace = namespace_of(request)
        return Watch(namespace=namespace, since=_position_at(call.backend, namespace, request.since), encode=_encode)


# -- metrics


def _add_points(response: pb.GetMetricsResponse, batch: pa.RecordBatch) -> None:
    columns = [batch.column(name) for name in ("key", "step", "wallclock", "value", "text", "blob")]
    columns[2] = columns[2].cast("int64")
    for key, step, us, value, text, blob in zip(*(column.to_pylist() for column in columns), strict=True):
        metrics = response.metrics[key]
        metrics.key = key
        metrics.values.add(
            step=step % 2**64, wallclock_time=max(0, us // 1_000_000), wallclock_us=us, **_value_fields(value, text, blob)
        )


def _value_of(request: pb.LogMetricsRequest) -> float | str | bytes:
    value = request.value
    if value.HasField("double_value"):
        return value.double_value
    kind = value.WhichOneof("value")
    if kind is None:
        raise InvalidArgumentError(f"metric {request.key!r} has no value")
    found: float | str | bytes = getattr(value, kind)
    return found


def _value_fields(value: float | None, text: str | None, blob: bytes | None) -> dict[str, Any]:
    if text is not None:
        return {"s_tensor": text}
    if blob is not None:
        return {"b_tensor": blob}
    return {"f_val": value, "double_value": value}


def _signed(step: int) -> int:
    """The step that an unsigned one is the two's complement of."""
    return step - 2**64 if step >= 2**63 else step


def _wallclock_of(value: pb.MetricsValue) -> Any:
    if value.HasField("wallclock_us"):
        return datetime_from_us(valid_time_us(value.wallclock_us))
    return value.wallclock_time or None


# -- changes


def _position_at(backend: Backend, namespace: str, since_s: int) -> int:
    """The position in the feed before the first change in a namespace that was committed at a time or later."""
    low, high = 0, backend.last_seq() if since_s else 0
    while low < high:
        middle = (low + high) // 2
        found = backend.changes(since=middle, limit=1, namespace=namespace)
        if found and us_from_datetime(found[0].at) < since_s * 1_000_000:
            low = found[0].seq
        else:
            high = middle
    return low


def _encode(changes: Sequence[Change], position: int) -> list[bytes]:
    """A response for each change."""
    del position
    responses = [pb.WatchNamespaceResponse(event=_EVENTS[change.action], payload=_struct(change.payload, 0)) for change in changes]
    return [response.SerializeToString() for response in responses]


def _struct(value: Any, depth: int) -> Value:
    """A JSON value as a message."""
    if value is None:
        return Value(null_value=NullValue.NULL_VALUE)
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, str):
        return Value(string_value=value)
    if isinstance(value, (int, float)):
        return _number(value)
    if depth == _MAX_DEPTH:
        return Value(string_value=json_text(value))
    if isinstance(value, (list, tuple)):
        return Value(list_value=ListValue(values=[_struct(item, depth + 1) for item in value]))
    return Value(struct_value=Struct(fields={key: _struct(item, depth + 1) for key, item in value.items()}))


def _number(value: float) -> Value:
    try:
        return Value(number_value=value)
    except OverflowError:  # an integer that no double comes near
        return Value(string_value=json_text(value))
