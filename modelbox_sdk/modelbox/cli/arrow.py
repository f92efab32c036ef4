"""Python values from Arrow, without ``to_pylist`` on times: that imports pandas wherever it is installed, which takes a second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from modelbox.records import datetime_from_us

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 10_000


def rows_of(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows of a table, some thousands of them in memory at a time."""
    for batch in table.to_batches(max_chunksize=_ROWS):
        yield from zip(*(values(column) for column in batch.columns), strict=True)


def values(column: pa.Array) -> list[Any]:
    """The values of a column; its times as datetimes."""
    import pyarrow as pa

    if column.type == pa.timestamp("us", tz="UTC"):
        return [None if us is None else datetime_from_us(us) for us in column.cast(pa.int64()).to_pylist()]
    found: list[Any] = column.to_pylist()
    return found
