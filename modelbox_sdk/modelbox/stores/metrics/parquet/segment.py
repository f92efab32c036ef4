"""One Parquet file of points: how it is written, and read without ever returning what was not written.

Rows are in the order of reads. Steps and wallclocks are delta encoded, values split into streams of bytes (or a dictionary
where they repeat), everything zstd: 0.5 to 0.85 times the bytes that pyarrow's defaults give. Any reader of Parquet can read it.

Pages carry checksums, which pyarrow verifies. What Parquet leaves unprotected is its footer, where a flipped bit may move a
minimum, so that rows are skipped in silence; so the footer holds a checksum of itself, taken with zeros in its place.
"""

from __future__ import annotations

import contextlib
import io
import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modelbox.errors import CorruptStoreError, ModelBoxError, UnavailableError
from modelbox.stores.metrics.order import ENCODED_SCHEMA

ROW_GROUP = 1 << 16
"""Rows that are read, and held in a merge, at a time: 600 KB in a file and 3 MB in memory."""

_GROUP_BYTES = 8 << 20
"""Bytes in memory that make a row group of fewer rows, for long texts and blobs."""
_DICTIONARY_UP_TO = 0.7
"""Share of distinct values up to which a dictionary is smaller than streams of bytes."""
_SEAL = "modelbox.footer_crc32"
_BLANK = "0" * 8
_SEALED = re.compile(re.escape(_SEAL.encode()) + rb"[^0-9a-f]{1,4}([0-9a-f]{8})")
_TAIL = 1 << 16


class SegmentWriter:
    """Writes tables of points, which must come in order, as one segment.

    Args:
        sink: Where the bytes go; it is not closed.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = _SealingSink(sink)
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Add rows of ``ENCODED_SCHEMA``."""
        if self._writer is None:
            self._writer = self._open(table)
        rows = max(1, min(ROW_GROUP, _GROUP_BYTES * len(table) // max(1, table.nbytes)))
        self._writer.write_table(table, row_group_size=rows)

    def close(self) -> None:
        """Write the footer."""
        writer = self._writer or self._open(ENCODED_SCHEMA.empty_table())
        writer.add_key_value_metadata({_SEAL: _BLANK})
        self._sink.hold()
        writer.close()
        self._sink.release()

    def _open(self, sample: pa.Table) -> pq.ParquetWriter:
        by_dictionary = ["key", "text", "delay"]
        encodings = {"step": "DELTA_BINARY_PACKED", "wallclock": "DELTA_BINARY_PACKED"}
        values = sample["value"].slice(0, ROW_GROUP)
        if pc.count_distinct(values).as_py() > _DICTIONARY_UP_TO * (len(values) - values.null_count):
            encodings["value"] = "BYTE_STREAM_SPLIT"
        else:
            by_dictionary.append("value")
        return pq.ParquetWriter(
            self._sink,
            ENCODED_SCHEMA,
            compression="zstd",
            use_dictionary=by_dictionary,
            column_encoding=encodings,
            write_statistics=["key", "step", "text", "blob"],
            write_page_checksum=True,
            store_schema=False,
        )


def segment_bytes(points: pa.Table) -> bytes:
    """A segment of points that are in order (``ENCODED_SCHEMA``)."""
    sink = io.BytesIO()
    writer = SegmentWriter(sink)
    writer.write(points)
    writer.close()
    return sink.getvalue()


class Segment:
    """A segment to read.

    Args:
        file: Its content, seekable.
        address: What to call it in errors.

    Raises:
        CorruptStoreError: It is not what was written; so do all methods.
    """

    def __init__(self, file: BinaryIO | pa.BufferReader, address: str) -> None:
        self._address = address
        with reading(address):
            metadata = pq.read_metadata(pa.BufferReader(verified(file, address)))
            self._file = pq.ParquetFile(
                file, metadata=metadata, page_checksum_verification=True, read_dictionary=["key"], pre_buffer=False
            )
        self._groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        if (names := self._file.schema_arrow.names) != ENCODED_SCHEMA.names:
            raise CorruptStoreError(f"{address} is not a segment of metrics: it has the columns {', '.join(names)}")

    def read(self, keys: frozenset[str], start_step: int | None, end_step: int | None) -> pa.Table:
        """The rows with one of the keys (if there are any) and the steps, both ends inclusive, in order."""
        groups = [
            i
            for i, group in enumerate(self._groups)
            if (not keys or _meets(group.column(0), min(keys), max(keys))) and _meets(group.column(1), start_step, end_step)
        ]
        return select(self._table(groups), keys, start_step, end_step)

    def row_groups(self) -> Iterator[pa.Table]:
        """All rows, in order, some at a time."""
        for i in range(len(self._groups)):
            yield self._table([i])

    def _table(self, groups: list[int]) -> pa.Table:
        if not groups:
            return ENCODED_SCHEMA.empty_table()
        with reading(self._address):
            table = self._file.read_row_groups(groups)
            expected = sum(self._groups[i].num_rows for i in groups)
            if len(table) != expected:
                raise CorruptStoreError(f"{self._address} is damaged: {len(table)} rows where {expected} were written")
            return table.cast(ENCODED_SCHEMA)


def select(table: pa.Table, keys: frozenset[str], start_step: int | None, end_step: int | None) -> pa.Table:
    """The rows with one of the keys (if there are any) and the steps, both ends inclusive."""
    conditions = []
    if keys:
        conditions.append(pc.is_in(table["key"], value_set=pa.array(keys, pa.string())))
    if start_step is not None:
        conditions.append(pc.greater_equal(table["step"], start_step))
    if end_step is not None:
        conditions.append(pc.less_equal(table["step"], end_step))
    for condition in conditions[1:]:
        conditions[0] = pc.and_(conditions[0], condition)
    return table.filter(conditions[0]) if conditions else table


@contextlib.contextmanager
def reading(address: str) -> Iterator[None]:
    """Turn what pyarrow raises about a file's content into ``CorruptStoreError``; a missing file passes."""
    try:
        yield
    except (ModelBoxError, FileNotFoundError):
        raise
    except OSError as error:
        if error.errno:  # of the storage below: pyarrow's own have no number
            raise UnavailableError(f"cannot read {address}: {error.strerror}") from error
        raise CorruptStoreError(f"{address} is damaged: {error}") from error
    except (pa.ArrowException, ValueError, EOFError) as error:
        raise CorruptStoreError(f"{address} is damaged: {error}") from error


def _meets(column: Any, low: Any, high: Any) -> bool:
    """Whether a column of a row group may have values from ``low`` to ``high``, as far as its statistics tell."""
    statistics = column.statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return (low is None or statistics.max >= low) and (high is None or statistics.min <= high)


def verified(file: Any, address: str) -> bytes:
    """The footer of a segment with what follows it, when its checksum matches."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _TAIL))
    tail = bytes(file.read())
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if tail[-4:] != b"PAR1" or length > size - 4:
        raise CorruptStoreError(f"{address} is damaged: it does not end as a Parquet file does")
    if length > len(tail):
        file.seek(size - length)
        tail = bytes(file.read())
    footer = tail[-length:]
    sealed = _SEALED.search(footer)
    if sealed is None or zlib.crc32(_blank(footer, sealed)) != int(sealed[1], 16):
        raise CorruptStoreError(f"{address} is damaged: the checksum of its footer does not match")
    return footer


def _blank(footer: bytes, sealed: re.Match[bytes]) -> bytes:
    return footer[: sealed.start(1)] + _BLANK.encode() + footer[sealed.end(1) :]


class _SealingSink(io.RawIOBase):
    """Passes bytes on, and holds the footer back until its checksum is in it."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._held: io.BytesIO | None = None
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._position += len(view)
        (self._held or self._sink).write(view)
        return len(view)

    def tell(self) -> int:
        return self._position

    def hold(self) -> None:
        self._held = io.BytesIO()

    def release(self) -> None:
        held = cast(io.BytesIO, self._held).getvalue()
        length = int.from_bytes(held[-8:-4], "little") + 8
        footer = held[-length:]
        sealed = _SEALED.search(footer)
        if sealed is None:
            raise AssertionError("a footer has no place for its checksum")
        checksum = f"{zlib.crc32(footer):08x}".encode()
        self._sink.write(held[:-length] + footer[: sealed.start(1)] + checksum + footer[sealed.end(1) :])
