"""Arrow arrays from Python values, without pandas.

``pyarrow.array``, ``pyarrow.scalar``, ``Schema.empty_table``, and functions of ``pyarrow.compute`` that are given a Python value,
import pandas where it is installed, to see whether the value is one of its objects. That takes a second. These do not.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def strings(values: Sequence[str | None]) -> pa.Array:
    """A column of text; None is null."""
    import pyarrow as pa

    return _variable(values, [b"" if value is None else value.encode() for value in values], pa.string(), pa.large_string())


def binaries(values: Sequence[bytes | None]) -> pa.Array:
    """A column of bytes; None is null."""
    import pyarrow as pa

    return _variable(values, [value or b"" for value in values], pa.binary(), pa.large_binary())


def integers(values: Sequence[int | None], kind: pa.DataType | None = None) -> pa.Array:
    """A column of 64-bit integers, or of another type of that width such as a timestamp; None is null.

    An ``array("q")`` is taken as it is, without a copy.
    """
    import pyarrow as pa

    if isinstance(values, array):
        return pa.Array.from_buffers(kind or pa.int64(), len(values), [None, pa.py_buffer(values)])
    data = pa.py_buffer(array("q", (0 if value is None else value for value in values)))
    return pa.Array.from_buffers(kind or pa.int64(), len(values), [_validity(values), data])


def doubles(values: Sequence[float | None]) -> pa.Array:
    """A column of doubles; None is null."""
    import pyarrow as pa

    data = pa.py_buffer(array("d", (0.0 if value is None else value for value in values)))
    return pa.Array.from_buffers(pa.float64(), len(values), [_validity(values), data])


def empty(schema: pa.Schema) -> pa.Table:
    """A table without rows."""
    import pyarrow as pa

    return pa.Table.from_batches([], schema)


def _variable(values: Sequence[Any], encoded: Sequence[bytes], kind: pa.DataType, large_kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    ends: Iterable[int] = accumulate(map(len, encoded))
    data = b"".join(encoded)
    large = len(data) >= 2**31
    offsets = array("q" if large else "i", (0, *ends))
    buffers = [_validity(values), pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(large_kind if large else kind, len(values), buffers)


def _validity(values: Sequence[Any]) -> pa.Buffer | None:
    """The bitmap of what is not None."""
    import pyarrow as pa

    if not any(value is None for value in values):
        return None
    flags = pa.Array.from_buffers(pa.uint8(), len(values), [None, pa.py_buffer(bytes(value is not None for value in values))])
    return flags.cast(pa.bool_()).buffers()[1]
