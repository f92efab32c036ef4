"""The order in which points are read: by key (binary order), then step, then the time at which they were logged."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from modelbox.columns import empty, integers, strings
from modelbox.points import RESULT_SCHEMA, SCHEMA

ENCODED_KEY = pa.dictionary(pa.int32(), pa.string())
ENCODED_SCHEMA = SCHEMA.set(0, pa.field("key", ENCODED_KEY, nullable=False))
"""Points while they are worked on: a key is a small integer, which makes filters and sorting several times faster."""

AUTHORED_SCHEMA = ENCODED_SCHEMA.append(pa.field("writer", pa.dictionary(pa.int32(), pa.string())))
"""Points with the writers of the batches that they came in; null where a release merged them that did not keep it."""


def encoded(table: pa.Table) -> pa.Table:
    """A table of points with its keys as a dictionary."""
    if table.schema.field("key").type != ENCODED_KEY:
        table = table.set_column(0, "key", pc.dictionary_encode(table["key"]))
    return table.select(ENCODED_SCHEMA.names).cast(ENCODED_SCHEMA)


def logged_us(table: pa.Table) -> pa.ChunkedArray:
    """The time at which each point was logged, in microseconds since the epoch."""
    return pc.add(table["wallclock"].cast(pa.int64()), table["delay"])


def authored(table: pa.Table, writer: str | None) -> pa.Table:
    """Points (``ENCODED_SCHEMA``) of one writer, with its name."""
    field = AUTHORED_SCHEMA.field("writer")
    if writer is None:
        return table.append_column(field, pa.nulls(len(table), field.type))
    indices = pa.Array.from_buffers(pa.int32(), len(table), [None, pa.py_buffer(bytes(4 * len(table)))])
    return table.append_column(field, pa.DictionaryArray.from_arrays(indices, strings([writer])))


def in_order(tables: Sequence[pa.Table]) -> pa.Table:
    """The points of all tables in one, in order; points that are equal in all of that stay as they came.

    Args:
        tables: Tables of ``ENCODED_SCHEMA``, in any order.
    """
    table = pa.concat_tables(tables) if tables else empty(ENCODED_SCHEMA)
    if len(table) < 2:
        return table
    table = table.unify_dictionaries()
    keys = table["key"].combine_chunks()
    if isinstance(keys, pa.ChunkedArray):  # pyarrow 18 keeps a chunked array of several chunks
        keys = keys.chunk(0)
    rank = pc.sort_indices(pc.sort_indices(keys.dictionary)).cast(pa.int32())
    by = pa.table({"key": rank.take(keys.indices), "step": table["step"], "logged": logged_us(table)})
    order = pc.sort_indices(by, sort_keys=[("key", "ascending"), ("step", "ascending"), ("logged", "ascending")])
    return table.take(order)


def int64(value: int) -> pa.Scalar:
    """An integer, for functions of ``pyarrow.compute``."""
    return integers([value])[0]


def as_result(table: pa.Table) -> pa.Table:
    """What a read returns of a table of points."""
    return table.select(RESULT_SCHEMA.names).cast(RESULT_SCHEMA)
