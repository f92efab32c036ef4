"""Points cross the wire exactly, in columns; what does not fit together is refused, whatever its bytes."""

from __future__ import annotations

import contextlib
import struct
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbox.columns import binaries, doubles, empty, integers, strings
from modelbox.errors import InvalidArgumentError
from modelbox.points import RESULT_SCHEMA, SCHEMA, TIMESTAMP
from modelbox.records import MetricBatch
from modelbox.wire import points
from modelbox.wire import service_pb2 as pb
from modelbox.wire.values import MAX_TIME_US, MIN_TIME_US

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
POINT = st.tuples(
    st.sampled_from(["loss", "é", "a" * 300]),
    INT64,
    st.integers(MIN_TIME_US, MAX_TIME_US),
    st.floats(allow_nan=True) | TEXT | st.binary(max_size=5),
    st.just(0) | st.integers(-(10**17), 10**17),
)


def table_of(rows: list[Any]) -> pa.Table:
    """Points of (key, step, wallclock, value, delay)."""
    values = [row[3] for row in rows]
    columns = [
        strings([row[0] for row in rows]),
        integers([row[1] for row in rows]),
        integers([row[2] for row in rows], TIMESTAMP),
        doubles([value if isinstance(value, float) else None for value in values]),
        strings([value if isinstance(value, str) else None for value in values]),
        binaries([value if isinstance(value, bytes) else None for value in values]),
        integers([row[4] for row in rows]),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def batch_of(table: pa.Table, sequence: int = 1) -> MetricBatch:
    return MetricBatch(object_id="o", uid="u", writer="w", sequence=sequence, points=table)


def same(table: pa.Table, other: pa.Table) -> bool:
    """Equal, also where a number is none, which equals nothing."""
    table.validate(full=True)
    return repr(table.to_pylist()) == repr(other.to_pylist()) and table.schema == other.schema


# -- round trips


@settings(deadline=None)
@given(st.lists(POINT, max_size=20))
def test_points_are_exact(rows: list[Any]) -> None:
    table = table_of(rows)
    result = table.select(RESULT_SCHEMA.names)
    (batch,) = points.decode_append(points.encode_append([batch_of(table)]))
    assert same(batch.points, table)
    assert same(points.decode_points(points.encode_points(result)), result)
    message = points.points_to_message(table)
    assert same(points.points_from_message(message), table)
    assert same(points.points_from_message(message, result=True), result)


@settings(deadline=None)
@given(st.lists(POINT, min_size=1, max_size=9), st.lists(POINT, min_size=1, max_size=9), st.integers(0, 8))
def test_slices_and_chunks(first: list[Any], second: list[Any], start: int) -> None:
    table = pa.concat_tables([table_of(first), table_of(second)]).slice(start)
    (batch,) = points.decode_append(points.encode_append([batch_of(table)]))
    assert same(batch.points, table)


def test_keys_that_are_a_dictionary_already() -> None:
    table = table_of([("a", 1, 2, 3.0, 0), ("b", 1, 2, 3.0, 0)])
    column = table.column("key").combine_chunks().dictionary_encode()
    told = table.set_column(0, "key", column)
    assert same(points.decode_points(points.encode_points(told)), table.select(RESULT_SCHEMA.names))


def test_what_is_not_needed_is_not_sent() -> None:
    message = points.points_to_message(table_of([("a", 1, 2, 3.0, 0), ("a", 2, 3, 4.0, 0)]))
    assert {field.name for field, _ in message.ListFields()} == {"keys", "step", "wallclock_us", "value"}
    assert len(message.SerializeToString()) < 2 * 24 + 20


def test_a_value_that_is_null_is_sent_as_0() -> None:
    message = points.points_to_message(table_of([("a", 1, 2, "x", 0), ("a", 2, 3, 4.0, 0), ("a", 2, 3, b"y", 0)]))
    assert list(message.value) == [0.0, 4.0, 0.0]
    assert (list(message.text_index), list(message.blob_index)) == ([0], [2])


def test_batches_keep_their_names() -> None:
    batches = [batch_of(table_of([("a", 1, 2, 3.0, 0)]), 2**64 - 1), batch_of(empty(SCHEMA), 0)]
    assert points.decode_append(points.encode_append(batches)) == batches


# -- other ways of writing the same message


def numbers(form: str, *values: Any) -> bytes:
    return struct.pack(f"<{len(values)}{form}", *values)


def field(number: int, data: bytes) -> bytes:
    """A field with a length of less than 128 bytes."""
    return bytes([number << 3 | 2, len(data)]) + data


def wrapped(data: bytes) -> bytes:
    return field(1, data)


def test_columns_in_pieces() -> None:
    piece = pb.MetricPoints(keys=["a"], step=[1], wallclock_us=[2], value=[3.0])
    other = pb.MetricPoints(step=[4], wallclock_us=[5], value=[6.0])
    data = wrapped(piece.SerializeToString()) + wrapped(other.SerializeToString())  # as parsers have to merge them
    expected = table_of([("a", 1, 2, 3.0, 0), ("a", 4, 5, 6.0, 0)]).select(RESULT_SCHEMA.names)
    assert same(points.decode_points(data), expected)
    assert same(points.decode_points(wrapped(piece.SerializeToString() + other.SerializeToString())), expected)


def test_columns_that_are_not_packed() -> None:
    eight = bytes([2 << 3 | 5]) + numbers("I", 0)
    for number, form, value in ((3, "q", 7), (4, "q", 8), (5, "d", 9.0)):
        eight += bytes([number << 3 | 1]) + numbers(form, value)
    expected = table_of([("a", 7, 8, 9.0, 0)]).select(RESULT_SCHEMA.names)
    assert same(points.decode_points(wrapped(field(1, b"a") + eight)), expected)


def test_fields_of_a_newer_version() -> None:
    message = pb.MetricPoints(keys=["a"], step=[1], wallclock_us=[2], value=[3.0]).SerializeToString()
    expected = table_of([("a", 1, 2, 3.0, 0)]).select(RESULT_SCHEMA.names)
    assert same(points.decode_points(wrapped(message + field(15, b"new")) + field(9, b"new")), expected)


def test_columns_out_of_order_and_names_twice() -> None:
    data = field(5, numbers("d", 1.0, 2.0)) + field(4, numbers("q", 1, 2)) + field(3, numbers("q", 1, 2))
    data += field(2, numbers("I", 0, 1)) + field(1, b"a") * 2
    assert points.decode_points(wrapped(data)).column("key").to_pylist() == ["a", "a"]


# -- what does not fit

GOOD: dict[str, Any] = {"keys": ["a", "b"], "key_index": [0, 1, 0], "step": [1, 2, 3], "wallclock_us": [1] * 3, "value": [0.0] * 3}

BAD = {
    "a key that is not there": {"key_index": [0, 2, 0]},
    "a key far out": {"key_index": [0, 2**32 - 1, 0]},
    "no index, two keys": {"key_index": []},
    "an index, no keys": {"keys": []},
    "no keys, no index": {"keys": [], "key_index": []},
    "a short index": {"key_index": [0]},
    "few times": {"wallclock_us": [1]},
    "many values": {"value": [0.0] * 4},
    "no steps": {"step": []},
    "few delays": {"delay_us": [1]},
    "a time of no year": {"wallclock_us": [1, MAX_TIME_US + 1, 1]},
    "a time long ago": {"wallclock_us": [-(2**63), 1, 1]},
    "a delay of ages": {"delay_us": [0, 2**63 - 1, 0]},
    "texts without places": {"text": ["x"]},
    "places without texts": {"text_index": [0]},
    "a text at no point": {"text_index": [3], "text": ["x"]},
    "texts that go back": {"text_index": [1, 0], "text": ["x", "y"]},
    "two texts at a point": {"text_index": [1, 1], "text": ["x", "y"]},
    "text and bytes": {"text_index": [1], "text": ["x"], "blob_index": [1], "blob": [b"x"]},
    "bytes at no point": {"blob_index": [2**32 - 1], "blob": [b"x"]},
}


@pytest.mark.parametrize("name", BAD)
def test_columns_that_do_not_fit(name: str) -> None:
    message = pb.MetricPoints(**GOOD | BAD[name])
    request = pb.AppendMetricsRequest(batches=[pb.MetricBatch(points=message)])
    with pytest.raises(InvalidArgumentError):
        points.decode_append(request.SerializeToString())
    with pytest.raises(InvalidArgumentError):
        points.points_from_message(message)


def test_a_short_message_that_stands_for_very_much() -> None:
    rows = 10_000
    message = pb.MetricPoints(keys=["a" * 100_000], step=[0] * rows, wallclock_us=[0] * rows, value=[0.0] * rows)
    with pytest.raises(InvalidArgumentError, match="send fewer"):
        points.points_from_message(message)


def test_the_good_ones_fit() -> None:
    assert points.points_from_message(pb.MetricPoints(**GOOD)).num_rows == 3


def good(*more: bytes) -> bytes:
    return wrapped(b"".join([field(1, b"a"), *(field(n, numbers("q", 1)) for n in (3, 4)), field(5, numbers("d", 1.0)), *more]))


@pytest.mark.parametrize(
    "data",
    [
        good(field(3, b"1234567")),
        good(field(5, b"123456789")),
        good(field(7, numbers("I", 0)), field(8, b"\xff")),
        good(field(7, b"123"), field(8, b"x")),
        wrapped(field(1, b"\xff") + field(3, numbers("q", 1))),
        b"\xff",
        wrapped(b"\xff" * 20),
    ],
)
def test_bytes_that_are_no_columns(data: bytes) -> None:
    with pytest.raises(InvalidArgumentError):
        points.decode_points(data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for decode in (points.decode_points, points.decode_append, lambda raw: points.decode_points(wrapped(raw[:120]))):
        with contextlib.suppress(InvalidArgumentError):
            decode(data)


@settings(deadline=None)
@given(st.lists(POINT, max_size=4), st.integers(0, 300), st.binary(min_size=1, max_size=4))
def test_bytes_that_were_changed_on_the_way(rows: list[Any], position: int, change: bytes) -> None:
    data = bytearray(points.encode_append([batch_of(table_of(rows))]))
    data[position : position + len(change)] = change
    with contextlib.suppress(InvalidArgumentError):
        for batch in points.decode_append(bytes(data)):
            batch.points.validate(full=True)


# -- splitting


def test_batches_are_split_between_requests() -> None:
    table = table_of([("a", step, step, float(step), 0) for step in range(100)])
    batches = [batch_of(table, sequence) for sequence in range(10)]
    groups = list(points.split_batches(batches, 10_000))
    assert [batch for group in groups for batch in group] == batches
    assert [len(group) for group in groups] == [2] * 5
    assert all(len(points.encode_append(group)) <= 10_000 for group in groups)
    assert list(points.split_batches([], 10)) == []
    assert [len(group) for group in points.split_batches(batches, 1)] == [1] * 10


def test_points_are_split_between_responses() -> None:
    rows = [("a", step, step, float(step), 0) for step in range(1000)]
    rows[500] = ("a", 500, 500, "x" * 50_000, 0)
    table = table_of(rows).select(RESULT_SCHEMA.names)
    pieces = list(points.split_points(table, 20_000))
    assert pa.concat_tables(pieces).equals(table)
    sizes = [len(points.encode_points(piece)) for piece in pieces]
    assert [size for size in sizes if size > 20_000] == [size for size in sizes if size > 50_000]
    assert len([size for size in sizes if size > 20_000]) == 1
    assert list(points.split_points(empty(RESULT_SCHEMA))) == []


def test_pandas_is_not_loaded() -> None:
    code = """
import sys
from modelbox.wire import points, service_pb2 as pb
message = pb.MetricPoints(keys=["a"], step=[1, 2], wallclock_us=[1, 1], value=[0, 1], delay_us=[0, 1], text_index=[0], text=["x"])
table = points.points_from_message(message)
list(points.split_points(table))
assert points.points_to_message(table) == message
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
