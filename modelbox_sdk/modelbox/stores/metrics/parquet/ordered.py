"""Putting streams of points together that are in order each, a few rows of each at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from modelbox.columns import empty
from modelbox.stores.metrics.order import AUTHORED_SCHEMA, in_order, logged_us
from modelbox.stores.metrics.parquet.segment import ROW_GROUP

_MOST_BUFFERED = 9 * (640 << 10)
_SMALLEST_PIECE = 1 << 10


class Order(NamedTuple):
    """An order of points (``AUTHORED_SCHEMA``).

    Attributes:
        key: What a row of a table is compared by.
        sort: The rows of all tables in one, in order; those that are equal stay as they came.
    """

    key: Callable[[pa.Table, int], tuple[Any, ...]]
    sort: Callable[[Sequence[pa.Table]], pa.Table]


def _reading_key(table: pa.Table, row: int) -> tuple[Any, ...]:
    return table["key"][row].as_py(), table["step"][row].as_py(), _logged(table, row)


def _logging_key(table: pa.Table, row: int) -> tuple[Any, ...]:
    writer = table["writer"][row].as_py()
    return writer is None, writer, _logged(table, row)


def _logged(table: pa.Table, row: int) -> int:
    logged: int = logged_us(table.slice(row, 1))[0].as_py()
    return logged


def _sort_by_logging(tables: Sequence[pa.Table]) -> pa.Table:
    table = pa.concat_tables(tables) if tables else empty(AUTHORED_SCHEMA)
    by = pa.table({"writer": table["writer"].cast(pa.string()), "logged": logged_us(table)})
    order = pc.sort_indices(by, sort_keys=[("writer", "ascending"), ("logged", "ascending")])
    return table.unify_dictionaries().take(order)


READING = Order(_reading_key, in_order)
"""By key, step and logged time, as points are read."""

LOGGING = Order(_logging_key, _sort_by_logging)
"""By writer and logged time, as points are logged; those without a writer come last."""


@dataclass
class _Head:
    """The rows of a source that are read and not yet merged."""

    rest: Iterator[pa.Table]
    rows: pa.Table
    following: pa.Table | None

    def advance(self) -> None:
        while len(self.rows) == 0 and self.following is not None:
            self.rows, self.following = self.following, next(self.rest, None)


def merged(sources: Sequence[Iterator[pa.Table]], order: Order) -> Iterator[pa.Table]:
    """All rows of sources that are in order each, in order, about a row group at a time."""
    # Small pieces of each, so that what is sorted at a time does not grow with the number of sources.
    rows = max(_SMALLEST_PIECE, ROW_GROUP // max(1, len(sources)))
    pieces = [_pieces(source, rows) for source in sources]
    heads = [_Head(source, empty(AUTHORED_SCHEMA), next(source, None)) for source in pieces]
    ready: list[pa.Table] = []
    while heads:
        for head in heads:
            head.advance()
        # No row that is still unread comes before the earliest of the last rows that are read.
        bound = min((order.key(head.rows, len(head.rows) - 1) for head in heads if head.following is not None), default=None)
        parts = []
        for head in heads:
            count = _rows_up_to(head.rows, bound, order)
            parts.append(head.rows.slice(0, count))
            head.rows = head.rows.slice(count)
        heads = [head for head in heads if len(head.rows) or head.following is not None]
        ready.append(order.sort(parts))
        if sum(map(len, ready)) >= ROW_GROUP or sum(table.nbytes for table in ready) >= _MOST_BUFFERED:
            yield _joined(ready)
            ready = []
    if ready:
        yield _joined(ready)


def _pieces(source: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    for table in source:
        for start in range(0, len(table), rows):
            yield table.slice(start, rows)


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _rows_up_to(table: pa.Table, bound: tuple[Any, ...] | None, order: Order) -> int:
    """The number of rows that do not come after ``bound``; all of them without one."""
    if bound is None or len(table) == 0 or order.key(table, len(table) - 1) <= bound:
        return len(table)
    low, high = 0, len(table) - 1
    while low < high:
        middle = (low + high) // 2
        if order.key(table, middle) <= bound:
            low = middle + 1
        else:
            high = middle
    return low
