"""Putting small segments together, so that the files of an object stay few. :mod:`.layout` tells why that is safe."""

from __future__ import annotations

import contextlib
import io
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import pyarrow as pa

from modelbox.stores.metrics.parquet.folder import PointsFolder
from modelbox.stores.metrics.parquet.layout import Intent, Snapshot, batch_of, intent_file
from modelbox.stores.metrics.parquet.ordered import READING, merged
from modelbox.stores.metrics.parquet.segment import Segment, SegmentWriter

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
            for table in merged(_open_all(folder, sources, opened), READING):
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
        batch = batch_of(file)
        found.append(Segment(stream, folder.address(file)).authored_row_groups(batch.writer if batch else None))
    return found
