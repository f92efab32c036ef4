"""Points of metrics to columns on the wire and back, without touching single points.

A packed column of fixed-width numbers has the bytes of an Arrow buffer; ``twins`` has messages that take it as such.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from modelbox.columns import doubles, empty, strings
from modelbox.errors import InvalidArgumentError
from modelbox.points import RESULT_SCHEMA, SCHEMA, TIMESTAMP
from modelbox.records import MetricBatch
from modelbox.wire import service_pb2 as pb
from modelbox.wire import twins
from modelbox.wire.values import MAX_TIME_US, MIN_TIME_US

REQUEST_BYTES = 4 << 20
"""About how much goes into one request to append points; more when a single batch is larger."""
RESPONSE_BYTES = 1 << 20
"""About how much goes into one response with points; more when a single point is larger."""

_POINT_BYTES = 36
_MAX_KEY_BYTES = 1 << 29
"""The names of all points together: a short message can stand for very much."""
_MAX_DELAY_US = MAX_TIME_US - MIN_TIME_US

# -- requests


def encode_append(batches: Sequence[MetricBatch]) -> bytes:
    """A serialised ``AppendMetricsRequest``."""
    request = twins.AppendMetricsRequest()
    for batch in batches:
        message = request.batches.add(object_id=batch.object_id, uid=batch.uid, writer=batch.writer, sequence=batch.sequence)
        _fill(message.points, batch.points)
    return bytes(request.SerializeToString())


def decode_append(data: bytes) -> list[MetricBatch]:
    """The batches in a serialised ``AppendMetricsRequest``.

    Raises:
        InvalidArgumentError: It is none, or its columns do not fit together.
    """
    request = twins.parse(data, twins.AppendMetricsRequest, pb.AppendMetricsRequest)
    return [
        MetricBatch(
            object_id=message.object_id,
            uid=message.uid,
            writer=message.writer,
            sequence=message.sequence,
            points=_table(message.points),
        )
        for message in request.batches
    ]


def split_batches(batches: Sequence[MetricBatch], max_bytes: int = REQUEST_BYTES) -> Iterator[list[MetricBatch]]:
    """Lists of batches that fit into a request each, in order. A batch is never cut, because it is stored whole or not at all."""
    group: list[MetricBatch] = []
    total = 0
    for batch in batches:
        size = _estimate(batch.points)
        if group and total + size > max_bytes:
            yield group
            group, total = [], 0
        group.append(batch)
        total += size
    if group:
        yield group


# -- responses


def encode_points(table: pa.Table) -> bytes:
    """A serialised ``ReadMetricsResponse``."""
    response = twins.ReadMetricsResponse()
    _fill(response.points, table)
    return bytes(response.SerializeToString())


def decode_points(data: bytes) -> pa.Table:
    """The points in a serialised ``ReadMetricsResponse``, in the columns of ``points.RESULT_SCHEMA``.

    Raises:
        InvalidArgumentError: It is none, or its columns do not fit together.
    """
    return _table(twins.parse(data, twins.ReadMetricsResponse, pb.ReadMetricsResponse).points, result=True)


def split_points(table: pa.Table, max_bytes: int = RESPONSE_BYTES) -> Iterator[pa.Table]:
    """Tables that fit into a response each, in order; none for an empty table."""
    rows = max(1, max_bytes // _POINT_BYTES)
    for start in range(0, table.num_rows, rows):
        yield from _halved(table.slice(start, rows), max_bytes)


def _halved(table: pa.Table, max_bytes: int) -> Iterator[pa.Table]:
    if table.num_rows > 1 and _estimate(table) > max_bytes:
        middle = table.num_rows // 2
        yield from _halved(table.slice(0, middle), max_bytes)
        yield from _halved(table.slice(middle), max_bytes)
    else:
        yield table


def _estimate(table: pa.Table) -> int:
    """About how many bytes a table takes on the wire."""
    total: int = table.num_rows * _POINT_BYTES
    for name in ("text", "blob"):
        column = table.column(name)
        if column.null_count < len(column):
            total += pc.sum(pc.binary_length(column)).as_py()
    return total


# -- messages


def points_to_message(table: pa.Table) -> pb.MetricPoints:
    """The message of points in the columns of ``points.SCHEMA`` or ``points.RESULT_SCHEMA``."""
    twin, message = twins.MetricPoints(), pb.MetricPoints()
    _fill(twin, table)
    message.ParseFromString(twin.SerializeToString())
    return message


def points_from_message(message: pb.MetricPoints, result: bool = False) -> pa.Table:
    """The points in a message, in the columns of ``points.SCHEMA``; of ``points.RESULT_SCHEMA`` with ``result``.

    Raises:
        InvalidArgumentError: Its columns do not fit together.
    """
    return _table(twins.MetricPoints.FromString(message.SerializeToString()), result=result)


# -- from Arrow


def _fill(message: Any, table: pa.Table) -> None:
    if not table.num_rows:
        return
    keys, key_index = _keys(_whole(table, "key"))
    message.keys.extend(keys)
    if len(keys) > 1:
        message.key_index = _data(key_index, 4)
    message.step = _data(_whole(table, "step"), 8)
    message.wallclock_us = _data(_whole(table, "wallclock"), 8)
    message.value = _data(pc.fill_null(_whole(table, "value"), _zero()), 8)
    if "delay" in table.column_names:
        delay = _data(_whole(table, "delay"), 8)
        if delay.count(0) != len(delay):
            message.delay_us = delay
    message.text_index, texts = _sparse(_whole(table, "text"))
    message.text.extend(texts)
    message.blob_index, blobs = _sparse(_whole(table, "blob"))
    message.blob.extend(blobs)


def _whole(table: pa.Table, name: str) -> pa.Array:
    """A column as one array."""
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _keys(column: pa.Array) -> tuple[list[str], pa.Array]:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices


def _data(column: pa.Array, width: int) -> bytes:
    """The numbers of a column without nulls."""
    buffer = column.buffers()[1]
    return bytes(buffer.slice(column.offset * width, len(column) * width).to_pybytes())


def _zero() -> pa.Scalar:
    return doubles([0.0])[0]


def _sparse(column: pa.Array) -> tuple[bytes, list[bytes]]:
    """Where a column is not null, and what stands there."""
    if column.null_count == len(column):
        return b"", []
    valid = pc.is_valid(column)
    positions = pc.indices_nonzero(valid).cast(pa.uint32())
    return _data(positions, 4), column.filter(valid).cast(pa.binary()).to_pylist()


# -- to Arrow


def _table(message: Any, *, result: bool = False) -> pa.Table:
    schema = RESULT_SCHEMA if result else SCHEMA
    rows = len(message.step) // 8
    if not rows:
        _check_empty(message)
        return empty(schema)
    texts = _positions(message.text_index, len(message.text), rows, "text")
    blobs = _positions(message.blob_index, len(message.blob), rows, "blob")
    if texts and blobs and not set(texts).isdisjoint(blobs):
        raise InvalidArgumentError("a point is both text and bytes")
    columns = [
        _key_column(message, rows),
        _numbers(message.step, rows, "step", pa.int64()),
        _numbers(message.wallclock_us, rows, "wallclock_us", TIMESTAMP),
        _numbers(message.value, rows, "value", pa.float64(), nulls=(*texts, *blobs)),
        _spread(message.text, texts, rows, pa.string()),
        _spread(message.blob, blobs, rows, pa.binary()),
    ]
    _check_range(columns[2].view(pa.int64()), MIN_TIME_US, MAX_TIME_US, "wallclock_us")
    if not result:
        columns.append(_delays(message.delay_us, rows))
    return pa.Table.from_arrays(columns, schema=schema)


def _check_empty(message: Any) -> None:
    if any(value for field, value in message.ListFields() if field.name != "keys"):
        raise InvalidArgumentError("the columns of points are of different lengths: step is empty, and others are not")


def _key_column(message: Any, rows: int) -> pa.Array:
    if any(not key or "\0" in key for key in message.keys):
        raise InvalidArgumentError("a metric's key must not be empty, and must not contain NUL")
    keys = strings(list(message.keys))
    longest = max(map(len, message.keys), default=0)
    if longest * rows > _MAX_KEY_BYTES:
        raise InvalidArgumentError(f"{rows} points with keys of up to {longest} characters are too much at a time; send fewer")
    if not message.key_index and len(keys) == 1:
        return keys.take(_zeros(rows, pa.int32(), 4))
    index = _numbers(message.key_index, rows, "key_index", pa.uint32())
    if pc.max(index).as_py() >= len(keys):
        raise InvalidArgumentError(f"key_index goes up to {pc.max(index)}, and there are {len(keys)} keys")
    return keys.take(index)


def _delays(data: bytes, rows: int) -> pa.Array:
    if not data:
        return _zeros(rows, pa.int64(), 8)
    column = _numbers(data, rows, "delay_us", pa.int64())
    _check_range(column, -_MAX_DELAY_US, _MAX_DELAY_US, "delay_us")
    return column


def _numbers(data: bytes, rows: int, name: str, kind: pa.DataType, *, nulls: Sequence[int] = ()) -> pa.Array:
    if len(data) * 8 != rows * kind.bit_width:
        given = len(data) * 8 / kind.bit_width
        raise InvalidArgumentError(f"the columns of points are of different lengths: step has {rows}, {name} has {given:g}")
    return pa.Array.from_buffers(kind, rows, [_bitmap(rows, nulls, present=False), pa.py_buffer(data)])


def _zeros(rows: int, kind: pa.DataType, width: int) -> pa.Array:
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(bytes(rows * width))])


def _check_range(column: pa.Array, low: int, high: int, name: str) -> None:
    found = pc.min_max(column)
    if found["min"].as_py() < low or found["max"].as_py() > high:
        raise InvalidArgumentError(f"{name} goes from {found['min']} to {found['max']}; only {low} to {high} is accepted")


def _positions(data: bytes, values: int, rows: int, name: str) -> array[int]:
    """Where the values of a sparse column stand."""
    if len(data) != 4 * values:
        raise InvalidArgumentError(f"{name}_index has {len(data) / 4:g} entries, and there are {values} values")
    positions = array("I", data)
    if any(map(int.__ge__, positions[:-1], positions[1:])):
        raise InvalidArgumentError(f"{name}_index is not ascending")
    if positions and positions[-1] >= rows:
        raise InvalidArgumentError(f"{name}_index goes up to {positions[-1]}, and there are {rows} points")
    return positions


def _spread(values: Sequence[bytes], positions: array[int], rows: int, kind: pa.DataType) -> pa.Array:
    """A column with values at some positions, and null elsewhere."""
    if not positions:
        return pa.nulls(rows, kind)
    offsets, end, last = array("i"), 0, -1
    for position, value in zip(positions, values, strict=True):
        offsets.extend(array("i", [end]) * (position - last))
        end, last = end + len(value), position
    offsets.extend(array("i", [end]) * (rows - last))
    buffers = [_bitmap(rows, positions, present=True), pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    column = pa.Array.from_buffers(kind, rows, buffers)
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        raise InvalidArgumentError("a text among the points is not valid UTF-8") from None
    return column


def _bitmap(rows: int, positions: Sequence[int], *, present: bool) -> pa.Buffer | None:
    """The bitmap that says whether only the rows at some positions are there, or all others."""
    if not positions:
        return None
    flags = bytearray(rows) if present else bytearray(b"\1") * rows
    for position in positions:
        flags[position] = present
    return pa.Array.from_buffers(pa.uint8(), rows, [None, pa.py_buffer(flags)]).cast(pa.bool_()).buffers()[1]
