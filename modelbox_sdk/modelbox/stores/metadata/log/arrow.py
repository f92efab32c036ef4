"""Rows and changes as Arrow, with types that a stranger understands: timestamps with a time zone, JSON as text."""

from __future__ import annotations

import bisect
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import pyarrow as pa

from modelbox.columns import integers, strings
from modelbox.stores.metadata.base import Row
from modelbox.stores.metadata.log.encoding import Entry, Key, dumps
from modelbox.stores.metadata.log.state import Below
from modelbox.stores.metadata.tables import INTEGER, JSON, TEXT, TIME, Table

T = TypeVar("T")

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_TYPES = {TEXT: pa.string(), INTEGER: pa.int64(), TIME: _TIMESTAMP, JSON: pa.string()}
_PORTION = 1000

CHANGES = pa.schema(
    [
        ("seq", pa.int64()),
        *((name, pa.string()) for name in ("action", "object_type", "object_id", "uid", "namespace")),
        ("at", _TIMESTAMP),
        ("payload", pa.string()),
    ]
)


def schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table."""
    return pa.schema([(name, _TYPES[kind]) for name, kind in table.columns.items()])


def rows_table(table: Table, rows: Iterable[Row]) -> pa.Table:
    """Rows as Arrow, in their order."""

    def portion(some: list[Row]) -> pa.RecordBatch:
        arrays = [_array(kind, [row.get(name) for row in some]) for name, kind in table.columns.items()]
        return pa.record_batch(arrays, schema=schema(table))

    return pa.Table.from_batches([portion(some) for some in _portions(rows)], schema=schema(table))


def entries_table(entries: Iterable[Entry]) -> pa.Table:
    """Changes as Arrow."""

    def portion(some: list[Entry]) -> pa.RecordBatch:
        *plain, at_us, payloads = zip(*some, strict=True)
        seqs, *texts = plain
        arrays = [integers(seqs), *map(strings, texts)]
        arrays += [_array(TIME, list(at_us)), _array(JSON, list(payloads))]
        return pa.record_batch(arrays, schema=CHANGES)

    return pa.Table.from_batches([portion(some) for some in _portions(entries)], schema=CHANGES)


def merged_table(table: Table, base: pa.Table, overlay: dict[str, Below]) -> pa.Table:
    """The rows of a large table, sorted by key: those of a checkpoint, and over them what was written since.

    The checkpoint's rows are sorted, so runs of untouched ones are taken over as slices.
    """
    base = _completed(table, base)
    pieces: list[pa.Table] = []
    own: list[Row] = []
    # Of no chunks, combine_chunks makes an empty array by way of pandas.
    firsts = base.column(table.key[0]).combine_chunks() if base.num_rows else strings([])
    position = 0
    for first in sorted(overlay):
        low = bisect.bisect_left(firsts, first, lo=position, key=_text)
        high = bisect.bisect_right(firsts, first, lo=low, key=_text)
        if low > position:
            pieces += [rows_table(table, own), base.slice(position, low - position)]
            own = []
        below = overlay[first]
        rows = {} if below.cleared else {_rest(table, row): row for row in _rows(table, base.slice(low, high - low))}
        for rest, (_, row) in below.rows.items():
            if row is None:
                rows.pop(rest, None)
            else:
                rows[rest] = row
        own += [rows[rest] for rest in sorted(rows)]
        position = high
    pieces += [rows_table(table, own), base.slice(position)]
    return pa.concat_tables(pieces)


def _completed(table: Table, stored: pa.Table) -> pa.Table:
    """With the columns that older versions did not have."""
    missing = [field for field in schema(table) if field.name not in stored.column_names]
    for field in missing:
        stored = stored.append_column(field, pa.nulls(stored.num_rows, field.type))
    return stored.select(list(table.columns)) if missing else stored


def _text(value: pa.StringScalar) -> str:
    return str(value.as_py())


def _rest(table: Table, row: Row) -> Key:
    return tuple([row[column] for column in table.key[1:]])


def _rows(table: Table, stored: pa.Table) -> list[Row]:
    columns = []
    for name, kind in table.columns.items():
        column = stored.column(name)
        values = (column.cast(pa.int64()) if kind == TIME else column).to_pylist()
        columns.append([v if v is None else json.loads(v) for v in values] if kind == JSON else values)
    return [dict(zip(table.columns, values, strict=True)) for values in zip(*columns, strict=True)]


def _array(kind: str, values: list[Any]) -> pa.Array:
    if kind == JSON:
        values = [None if value is None else dumps(value) for value in values]
    return strings(values) if kind in (TEXT, JSON) else integers(values, _TYPES[kind])


def _portions(items: Iterable[T]) -> Iterator[list[T]]:
    """Few at a time, so that other threads get their turn in between."""
    remaining = iter(items)
    while some := list(itertools.islice(remaining, _PORTION)):
        yield some
