"""Putting small segments together, so that the files of an object stay few. :mod:`.layout` tells why that is safe."""

from __future__ import annotations

import contextlib
import io
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from modelbox.columns import empty
from modelbox.stores.metrics.order import ENCODED_SCHEMA, in_order, logged_us
from modelbox.stores.metrics.parquet.folder import PointsFolder
from modelbox.stores.metrics.parquet.layout import Intent, Snapshot, intent_file
from modelbox.stores.metrics.parquet.segment import ROW_GROUP, Segment, SegmentWriter

SIZES = (1 << 14, 1 << 17, 1 << 20, 1 << 23, 1 << 26)
"""Bytes at which a file leaves each tier; one that has left the last is never merged again."""
FAN_IN = 8
"""Files in a tier that make a merge due. A point is rewritten once in each tier at most."""

_MOST_SOURCES = 512
_GROUP_BYTES = 640 << 10
_MOST_BUFFERED = 9 * _GROUP_BYTES
_COMPRESSION = 8
"""How much smaller values that repeat may be in a file than the noise that a row group's size is known for."""
_KEPT_INTENTS = 8
_SMALLEST_PIECE = 1 << 10


def due(snapshot: Snapshot) -> list[str]:
    """The files that should be merged now, smallest first; none when all is well.

    All files of the lowest full tier and of those below it, as far as memory allows: a merge holds one row group of each.
    """
    by_size = sorted((size, file) for file, size in snapshot.alive.items() if size < SIZES[-1])
    lower = 0
    for limit in SIZES:
        below = sum(1 for size, _ in by_size if size < limit)
        if below - lower >= FAN_IN:
            by_size = by_size[:below]
            break
        lower = below
    else:
        return []
    chosen: list[str] = []
    buffered = 0
    for size, file in by_size[:_MOST_SOURCES]:
        buffered += size if size < SIZES[0] else min(size * _COMPRESSION, _GROUP_BYTES)
        if buffered > _MOST_BUFFERED and len(chosen) >= FAN_IN:
            break
        chosen.append(file)
    return chosen


class Merger:
    """Merges the files of objects, for one store.

    Args:
        take_over_s: Age at which somebody else's unfinished merge counts as abandoned. Being wrong costs double work, nothing else.
    """

    def __init__(self, take_over_s: float) -> None:
        self._take_over_s = take_over_s
        self._name = secrets.token_hex(8)

    def run(self, folder: PointsFolder) -> None:
        """Do all that is due for one object: finish what others left, merge, delete what is dead."""
        snapshot = self._finish(folder, folder.snapshot())
        while not snapshot.pending and (sources := due(snapshot)):
            self._intend(folder, snapshot, sources)
            snapshot = self._finish(folder, folder.snapshot())
        self._sweep(folder, snapshot)

    def _intend(self, folder: PointsFolder, before: Snapshot, sources: list[str]) -> None:
        """Create the next intent, unless somebody else does."""
        number = before.intent.number + 1 if before.intent else 1
        intent = Intent(
            number=number,
            result=f"merged-{number:08d}-{secrets.token_hex(4)}.parquet",
            sources=tuple(sources),
            live=tuple(file for file in before.results if file not in sources),
            covered=before.covered,
            creator=self._name,
            created_us=time.time_ns() // 1000,
        )
        with contextlib.suppress(FileExistsError):
            folder.files.create(folder.path_of(intent_file(number)), intent.to_bytes())

    def _finish(self, folder: PointsFolder, snapshot: Snapshot) -> Snapshot:
        """Make the result that the last intent lacks, if it falls to us."""
        intent = snapshot.intent
        if not snapshot.pending or intent is None:
            return snapshot
        age_s = time.time() - intent.created_us / 1e6
        if intent.creator != self._name and 0 <= age_s < self._take_over_s:
            return snapshot
        try:
            merge(folder, {file: snapshot.alive[file] for file in intent.sources}, intent.result)
        except FileNotFoundError:  # somebody else was faster
            return folder.snapshot()
        snapshot = folder.snapshot()
        self._sweep(folder, snapshot)
        return snapshot

    def _sweep(self, folder: PointsFolder, snapshot: Snapshot) -> None:
        for file in snapshot.dead:
            folder.files.delete(folder.path_of(file))
        if snapshot.intent is None or not snapshot.dead:
            return
        for number in folder.intents():
            if number <= snapshot.intent.number - _KEPT_INTENTS:
                folder.files.delete(folder.path_of(intent_file(number)))


def merge(folder: PointsFolder, sources: Mapping[str, int], result: str) -> None:
    """Write the points of several segments, given with their sizes, as one.

    Raises:
        FileNotFoundError: A source is not there any more.
    """

    def fill(sink: BinaryIO) -> None:
        writer = SegmentWriter(sink)
        with contextlib.ExitStack() as opened:
            for table in _merged(_open_all(folder, sources, opened)):
                writer.write(table)
                pa.default_memory_pool().release_unused()  # or a merge ends with twice what it needs
        writer.close()

    folder.files.write_stream(folder.path_of(result), fill)


def _open_all(folder: PointsFolder, sources: Mapping[str, int], opened: contextlib.ExitStack) -> list[Iterator[pa.Table]]:
    """The row groups of each source. The content of small ones is read at once, so that they hold no file descriptor."""
    small = folder.contents([file for file, size in sources.items() if size <= _GROUP_BYTES])
    found = []
    for file in sources:
        if file in small:
            stream: BinaryIO = io.BytesIO(small.pop(file))
        else:
            stream = folder.files.open(folder.path_of(file))
            opened.callback(stream.close)
        found.append(Segment(stream, folder.address(file)).row_groups())
    return found


@dataclass
class _Head:
    """The rows of a source that are read and not yet merged."""

    rest: Iterator[pa.Table]
    rows: pa.Table
    following: pa.Table | None

    def advance(self) -> None:
        while len(self.rows) == 0 and self.following is not None:
            self.rows, self.following = self.following, next(self.rest, None)


def _merged(sources: Sequence[Iterator[pa.Table]]) -> Iterator[pa.Table]:
    """All rows of sources that are in order each, in order, about a row group at a time."""
    # Small pieces of each, so that what is sorted at a time does not grow with the number of sources.
    rows = max(_SMALLEST_PIECE, ROW_GROUP // max(1, len(sources)))
    pieces = [_pieces(source, rows) for source in sources]
    heads = [_Head(source, empty(ENCODED_SCHEMA), next(source, None)) for source in pieces]
    ready: list[pa.Table] = []
    while heads:
        for head in heads:
            head.advance()
        # No row that is still unread comes before the earliest of the last rows that are read.
        bound = min((_row_key(head.rows, -1) for head in heads if head.following is not None), default=None)
        parts = []
        for head in heads:
            count = _rows_up_to(head.rows, bound)
            parts.append(head.rows.slice(0, count))
            head.rows = head.rows.slice(count)
        heads = [head for head in heads if len(head.rows) or head.following is not None]
        ready.append(in_order(parts))
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


def _row_key(table: pa.Table, row: int) -> tuple[str, int, int]:
    one = table.slice(len(table) - 1 if row < 0 else row, 1)
    return one["key"][0].as_py(), one["step"][0].as_py(), logged_us(one)[0].as_py()


def _rows_up_to(table: pa.Table, bound: tuple[str, int, int] | None) -> int:
    """The number of rows that do not come after ``bound``; all of them without one."""
    if bound is None or len(table) == 0 or _row_key(table, -1) <= bound:
        return len(table)
    low, high = 0, len(table) - 1
    while low < high:
        middle = (low + high) // 2
        if _row_key(table, middle) <= bound:
            low = middle + 1
        else:
            high = middle
    return low
