"""One Parquet file of points: how it is written, and read without ever returning what was not written.

Rows are in the order of reads. Steps and wallclocks are delta encoded, values split into streams of bytes (or a dictionary
where they repeat), everything zstd: 0.5 to 0.85 times the bytes that pyarrow's defaults give. Any reader of Parquet can read it.

Parquet's own checksums leave the headers of pages and the footer unprotected, where a flipped bit may move a minimum, so that rows
are skipped in silence, or point outside a dictionary. So the footer holds a checksum of each row group's bytes, and one of itself,
taken with zeros in its place. They cost 0.2 ms for a megabyte.
"""

from __future__ import annotations

import contextlib
import io
import json
import mmap
import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modelbox.columns import empty, strings
from modelbox.errors import CorruptStoreError, ModelBoxError, UnavailableError
from modelbox.stores.metrics.order import AUTHORED_SCHEMA, ENCODED_SCHEMA, authored, int64

ROW_GROUP = 1 << 16
"""Rows that are read, and held in a merge, at a time: 600 KB in a file and 3 MB in memory."""

_GROUP_BYTES = 8 << 20
"""Bytes in memory that make a row group of fewer rows, for long texts and blobs."""
_DICTIONARY_UP_TO = 0.7
"""Share of distinct values up to which a dictionary is smaller than streams of bytes."""
_WORTH_THREADS = 20_000
_SEALS = "modelbox.crc32"
"""In the metadata of the footer: the footer's checksum, and for each row group where it ends and its checksum."""
_BLANK = "00000000"
_SEALED = re.compile(rb'\{"footer":"([0-9a-f]{8})","groups":\[[0-9\[\],]*\]\}')
_MAGIC = b"PAR1"
_TAIL = 1 << 16


class SegmentWriter:
    """Writes tables of points, which must come in order, as one segment.

    Args:
        sink: Where the bytes go; it is not closed.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = _SealingSink(sink)
        self._writer: pq.ParquetWriter | None = None
        self._groups: list[tuple[int, int]] = []

    def write(self, table: pa.Table) -> None:
        """Add rows of ``ENCODED_SCHEMA``, or of ``AUTHORED_SCHEMA``; all rows of one of them."""
        if self._writer is None:
            self._writer = self._open(table)
        rows = max(1, min(ROW_GROUP, _GROUP_BYTES * len(table) // max(1, table.nbytes)))
        for start in range(0, len(table), rows):
            self._writer.write_table(table.slice(start, rows))
            self._groups.append(self._sink.group())

    def close(self) -> None:
        """Write the footer."""
        writer = self._writer or self._open(empty(ENCODED_SCHEMA))
        writer.add_key_value_metadata({_SEALS: json.dumps({"footer": _BLANK, "groups": self._groups}, separators=(",", ":"))})
        self._sink.hold()
        writer.close()
        self._sink.release()

    def _open(self, sample: pa.Table) -> pq.ParquetWriter:
        by_dictionary = ["key", "text", "delay", *sample.schema.names[len(ENCODED_SCHEMA) :]]
        encodings = {"step": "DELTA_BINARY_PACKED", "wallclock": "DELTA_BINARY_PACKED"}
        values = sample["value"].slice(0, ROW_GROUP)
        if pc.count_distinct(values).as_py() > _DICTIONARY_UP_TO * (len(values) - values.null_count):
            encodings["value"] = "BYTE_STREAM_SPLIT"
        else:
            by_dictionary.append("value")
        return pq.ParquetWriter(
            self._sink,
            sample.schema,
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
        file: Its content.
        address: What to call it in errors.

    Raises:
        CorruptStoreError: It is not what was written; so do all methods.
    """

    def __init__(self, file: BinaryIO, address: str) -> None:
        self._file = file
        self._address = address
        footer, self._seals = verified_footer(file, address)
        with reading(address):
            self._metadata = pq.read_metadata(pa.BufferReader(footer))
            self._groups = [self._metadata.row_group(i) for i in range(self._metadata.num_row_groups)]
            names = self._metadata.schema.to_arrow_schema().names
            self._has_writers = names == AUTHORED_SCHEMA.names
            if not self._has_writers and names != ENCODED_SCHEMA.names:
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

    def authored_row_groups(self, writer: str | None) -> Iterator[pa.Table]:
        """All rows, in order, some at a time, with their writers.

        Args:
            writer: That of all rows, where the segment does not tell.
        """
        for i in range(len(self._groups)):
            yield self._table([i], AUTHORED_SCHEMA) if self._has_writers else authored(self._table([i]), writer)

    def verify(self) -> None:
        """Check all of it."""
        for i in range(len(self._groups)):
            self._bytes([i])

    def _table(self, groups: list[int], schema: pa.Schema = ENCODED_SCHEMA) -> pa.Table:
        if not groups:
            return empty(schema)
        content = pa.BufferReader(self._bytes(groups))
        with reading(self._address):
            by_dictionary = ["key", "writer"] if self._has_writers else ["key"]
            file = pq.ParquetFile(content, metadata=self._metadata, read_dictionary=by_dictionary, pre_buffer=False)
            rows = sum(self._groups[i].num_rows for i in groups)
            return file.read_row_groups(groups, columns=schema.names, use_threads=rows > _WORTH_THREADS).cast(schema)

    def _bytes(self, groups: list[int]) -> pa.Buffer:
        """The file, of which only some row groups are filled in; the rest takes no memory."""
        content = mmap.mmap(-1, max([1, *(self._seals[i].end for i in groups)]))
        view = memoryview(content)
        with reading(self._address):
            for i in groups:
                start, end, checksum = self._seals[i]
                self._file.seek(start)
                if _read_into(self._file, view[start:end]) < end - start or zlib.crc32(view[start:end]) != checksum:
                    raise CorruptStoreError(f"{self._address} is damaged: bytes {start} to {end} are not what was written")
        return pa.py_buffer(content)


def select(table: pa.Table, keys: frozenset[str], start_step: int | None, end_step: int | None) -> pa.Table:
    """The rows with one of the keys (if there are any) and the steps, both ends inclusive."""
    conditions = []
    if keys:
        conditions.append(pc.is_in(table["key"], value_set=strings(sorted(keys))))
    if start_step is not None:
        conditions.append(pc.greater_equal(table["step"], int64(start_step)))
    if end_step is not None:
        conditions.append(pc.less_equal(table["step"], int64(end_step)))
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


class _Seal(NamedTuple):
    """The checksum of the bytes from ``start`` to ``end``."""

    start: int
    end: int
    checksum: int


def verified_footer(file: Any, address: str) -> tuple[bytes, list[_Seal]]:
    """The footer of a segment, with the checksums of the row groups, when its own checksum matches."""
    with reading(address):
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _TAIL))
        tail = bytes(file.read())
        length = int.from_bytes(tail[-8:-4], "little") + 8
        if tail[-4:] != _MAGIC or length > size - len(_MAGIC):
            raise CorruptStoreError(f"{address} is damaged: it does not end as a Parquet file does")
        if length > len(tail):
            file.seek(size - length)
            tail = bytes(file.read())
    footer = tail[-length:]
    sealed = _SEALED.search(footer)
    if sealed is None or zlib.crc32(_with_checksum(footer, sealed, _BLANK)) != int(sealed[1], 16):
        raise CorruptStoreError(f"{address} is damaged: the checksum of its footer does not match")
    groups = json.loads(sealed[0])["groups"]
    starts = [len(_MAGIC), *(end for end, _ in groups)]
    return footer, [_Seal(start, end, checksum) for start, (end, checksum) in zip(starts, groups, strict=False)]


def _with_checksum(footer: bytes, sealed: re.Match[bytes], checksum: str) -> bytes:
    return footer[: sealed.start(1)] + checksum.encode() + footer[sealed.end(1) :]


def _read_into(file: Any, view: memoryview) -> int:
    """Fill a buffer as far as the file goes, also from a raw file that gives less than is asked for."""
    done = 0
    while done < len(view) and (count := file.readinto(view[done:])):
        done += count
    return done


class _SealingSink(io.RawIOBase):
    """Passes bytes on with a running checksum, and holds the footer back until its own is in it."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._held: io.BytesIO | None = None
        self._position = 0
        self._checksum = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        (self._held or self._sink).write(view)
        if self._position >= len(_MAGIC):
            self._checksum = zlib.crc32(view, self._checksum)
        self._position += len(view)
        return len(view)

    def tell(self) -> int:
        return self._position

    def group(self) -> tuple[int, int]:
        """End a row group: where it ends, and its checksum."""
        ended = self._position, self._checksum
        self._checksum = 0
        return ended

    def hold(self) -> None:
        self._held = io.BytesIO()

    def release(self) -> None:
        held = cast(io.BytesIO, self._held).getvalue()
        length = int.from_bytes(held[-8:-4], "little") + 8
        footer = held[-length:]
        sealed = _SEALED.search(footer)
        if sealed is None:
            raise AssertionError("a footer has no place for its checksum")
        self._sink.write(held[:-length] + _with_checksum(footer, sealed, f"{zlib.crc32(footer):08x}"))
