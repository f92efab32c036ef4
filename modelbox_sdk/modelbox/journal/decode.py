"""From the bytes of a journal file to its records: what is whole, what is damaged, which batch each belongs to.

A file ends where only zeros follow, or a record that was being written. Bytes that do not make a record but are followed by ones
that do are damage: they are skipped, and reported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import NamedTuple
from zlib import crc32

from modelbox.errors import CorruptStoreError
from modelbox.journal import layout
from modelbox.records import PendingEvent

_STREAK = 8
_MOST_EVENTS = 500
_CHUNK_BYTES = 4 << 20
_ZEROS = bytes(1 << 16)
_MIN_SIZES = {
    layout.SERIES: layout.HEAD_SIZE,
    layout.SCALARS: layout.HEAD_SIZE + 16,
    layout.SCALARS_AT: layout.HEAD_SIZE + 24,
    layout.TEXT: layout.HEAD_SIZE + 24,
    layout.BLOB: layout.HEAD_SIZE + 24,
    layout.EVENT: layout.HEAD_SIZE,
    layout.CUT: layout.HEAD_SIZE + 8,
}


class Series(NamedTuple):
    """What a record's series number stands for."""

    object_id: str
    uid: str
    keys: tuple[str, ...]


class Run(NamedTuple):
    """So many records of one kind, series and size, one after another from ``start``."""

    start: int
    records: int
    size: int


@dataclass(slots=True)
class Batch:
    """The metrics of one batch: where the records of each kind and series are, in the order of their first."""

    sequence: int
    runs: dict[tuple[int, int], list[Run]] = field(default_factory=dict)

    def add(self, kind: int, series: int, run: Run) -> None:
        """Note some more records."""
        self.runs.setdefault((kind, series), []).append(run)


@dataclass(slots=True)
class Contents:
    """What is in a file.

    Attributes:
        series: The series that are defined in it.
        batches: Those with metrics.
        events: Offsets of the events' records.
        damage: What could not be read.
        newer: True when the file is of a newer format, and not for us to read or to remove.
    """

    series: dict[int, Series] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    damage: list[CorruptStoreError] = field(default_factory=list)
    newer: bool = False


class Decoder:
    """Walks the records of one file.

    Args:
        data: The file, from its start.
        writer: Its writer.
        number: Its number.
        name: How messages name it.
        trusted: True in the process that wrote it, whose memory needs no checksums.
    """

    def __init__(self, data: memoryview, *, writer: str, number: int, name: str, trusted: bool = False) -> None:
        self._data = data
        self._words = data.cast("Q") if len(data) % 8 == 0 else data[: len(data) & ~7].cast("Q")
        self._seed = layout.seed_of(writer, number)
        self._name = name
        self._trusted = trusted
        self._used = len(data)
        self.contents = Contents()

    def read_all(self) -> Contents:
        """Everything in the file."""
        header = layout.decode_header(self._data[: layout.HEADER_SIZE])
        if header is None:
            if not any(self._data[: layout.HEADER_SIZE]):
                return self.contents  # made ahead, and never used
            self._damaged(0, "the header is not one of a journal")
        elif header.version > layout.FORMAT_VERSION:
            self.contents.newer = True
            self._damaged(0, f"it is of format {header.version}, newer than {layout.FORMAT_VERSION}; update modelbox-sdk")
        else:
            self._used = _used(self._data)
            self.read(layout.HEADER_SIZE, len(self._data) & ~7, header.first_sequence)
        return self.contents

    def read(self, start: int, end: int, sequence: int) -> Contents:
        """The records from ``start`` to ``end``, the first of which belongs to the batch with a number."""
        batch = Batch(sequence)
        contents = self.contents
        unpack = layout.HEAD.unpack_from
        at, last, streak = start, (0, 0), 0
        last_start = min(end - layout.SMALLEST_RECORD, self._used - 1)
        while at <= last_start:
            checksum, size, kind, series, _ = unpack(self._data, at)
            if not self._is_record(at, end, checksum, size, kind):
                at = self._resume(at, end)
                continue
            if kind in (layout.SCALARS, layout.SCALARS_AT, layout.TEXT, layout.BLOB):
                count = 1
                streak = streak + 1 if last == (kind, series) else 0
                last = (kind, series)
                if streak >= _STREAK and kind <= layout.SCALARS_AT:
                    # The window grows with the streak: short runs stay cheap, and long ones take a few steps.
                    count = self._count_alike(at, min(end, at + 8 * streak * size), size)
                    streak += count - 1
                if series in contents.series:
                    batch.add(kind, series, Run(at, count, size))
                else:
                    self._damaged(at, f"the definition of series {series} is lost")
                at += count * size
                continue
            if kind == layout.SERIES:
                self._define(at, size)
            elif kind == layout.EVENT:
                contents.events.append(at)
            elif kind == layout.CUT:
                batch = self._next(batch, int(self._words[(at + layout.HEAD_SIZE) // 8]) + 1)
            at += size
        self._next(batch, batch.sequence)
        return contents

    def _next(self, batch: Batch, sequence: int) -> Batch:
        if batch.runs:
            self.contents.batches.append(batch)
        return Batch(max(sequence, batch.sequence))

    def _is_record(self, at: int, end: int, checksum: int, size: int, kind: int) -> bool:
        if kind not in _MIN_SIZES or size % 8 or size < _MIN_SIZES[kind] or at + size > end:
            return False
        return self._trusted or checksum == crc32(self._data[at + 4 : at + size], self._seed)

    def _count_alike(self, at: int, end: int, size: int) -> int:
        """How many records from ``at`` on are alike in kind, series and size, and whole."""
        fit = (end - at) // size
        first, stride = at // 8 + 1, size // 8
        alike = self._words[first : first + fit * stride : stride].tobytes()
        pattern = alike[:8]
        low, high = 1, fit
        while low < high:
            middle = (low + high + 1) // 2
            if alike[8 * low : 8 * middle] == pattern * (middle - low):
                low = middle
            else:
                high = middle - 1
        if self._trusted:
            return low
        data, length = self._data, size - 4
        starts = range(at + 4, at + 4 + low * size, size)
        found = list(map(crc32, [data[start : start + length] for start in starts], repeat(self._seed)))
        claimed = memoryview(data[at : at + low * size]).cast("I")[:: size // 4].tolist()
        if found == claimed:
            return low
        return next(index for index, pair in enumerate(zip(found, claimed, strict=True)) if pair[0] != pair[1])

    def _define(self, at: int, size: int) -> None:
        body = bytes(self._data[at + layout.HEAD_SIZE : at + size]).rstrip(b"\0")
        number, object_id, uid, keys = json.loads(body)
        self.contents.series[number] = Series(object_id, uid, tuple(keys))

    def _resume(self, at: int, end: int) -> int:
        """The start of the next whole record after something that is none; the end when there is none."""
        unpack = layout.HEAD.unpack_from
        for start in range(at + 8, min(end - layout.SMALLEST_RECORD + 1, self._used), 8):
            checksum, size, kind, _, _ = unpack(self._data, start)
            if kind in _MIN_SIZES and self._is_record(start, end, checksum, size, kind):
                self._damaged(at, f"{start - at} bytes are not what was written")
                return start
        return end

    def _damaged(self, at: int, what: str) -> None:
        self.contents.damage.append(CorruptStoreError(f"journal {self._name} at byte {at}: {what}"))


def _used(data: memoryview) -> int:
    """Where only zeros follow. A file is mostly that while it is young, and comparing is much faster than looking for the end."""
    end = len(data)
    while end:
        chunk = bytes(data[max(0, end - len(_ZEROS)) : end])
        if chunk != _ZEROS[: len(chunk)]:
            return end - len(chunk) + len(chunk.rstrip(b"\0"))
        end -= len(chunk)
    return 0


def event_chunks(data: memoryview, records: Sequence[int]) -> Iterator[list[PendingEvent]]:
    """The events in the records at some offsets, in lists that are stored as one each: not too many, and not too large."""
    chunk: list[PendingEvent] = []
    total = 0
    for at in records:
        size = layout.HEAD.unpack_from(data, at)[1]
        if chunk and (len(chunk) == _MOST_EVENTS or total + size > _CHUNK_BYTES):
            yield chunk
            chunk, total = [], 0
        chunk.append(decode_event(data, at))
        total += size
    if chunk:
        yield chunk


def decode_event(data: memoryview, at: int) -> PendingEvent:
    """The event in the record at an offset."""
    size = layout.HEAD.unpack_from(data, at)[1]
    return PendingEvent(**json.loads(bytes(data[at + layout.HEAD_SIZE : at + size]).rstrip(b"\0")))
