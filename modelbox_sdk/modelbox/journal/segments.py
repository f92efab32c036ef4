"""The files that one writer fills, one after another.

Nothing here has a lock of its own: all that changes `Segments.all`, or what is being filled, runs under the journal's lock, and
only the holder of the delivery's gate takes ranges and events off a segment. A signal handler may log in the middle of any line of
a log call, lock or no lock, so `Segments.rotate` changes what is being filled in one step that cannot be interrupted (CPython looks
for signals at calls and at backward jumps only).
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from modelbox.journal import layout
from modelbox.journal.decode import Series
from modelbox.journal.ownership import Ownership, new_writer

DEFAULT_SIZE = 2 << 20
"""Bytes of a journal file: up to a quarter of a million points, so that turning one into a segment takes some 40 MB."""

_HASTE_S = 10.0
_sync = getattr(os, "fdatasync", os.fsync)
_DONTNEED: int | None = getattr(mmap, "MADV_DONTNEED", None)


class Range(NamedTuple):
    """A sealed batch: the records from ``start`` to ``end``, of which ``records`` are metrics."""

    start: int
    end: int
    sequence: int
    records: int


class Segment:
    """One file, mapped; or anonymous memory, where there is no folder or the disk is full.

    Attributes:
        number: Position among the writer's files.
        first_sequence: Number of its first batch.
        path: Where it is; None while it is only in memory.
        memory: The mapping; its position is the end of the records.
        ranges: Sealed batches that are still to be delivered.
        series: What the numbers of its series stand for, as far as they were looked at.
        events_logged: How many events were written, of which ``events_done`` are delivered; the others come after ``events_from``.
        records: Calls that logged metrics.
        full: True when nothing is appended any more.
        shapes: The series that are defined in it, by uid and keys; ``packing`` has what a log call needs of them.
    """

    def __init__(self, writer: str, number: int, size: int, path: str | None) -> None:
        self.number = number
        self.seed = layout.seed_of(writer, number)
        self.shapes: dict[tuple[str, ...], layout.Shape] = {}
        self.packing: dict[tuple[str, ...], tuple[Callable[..., bytes], int, bytes]] = {}
        self.next_series = 1
        self.first_sequence = 0
        self.size = size
        self.path: str | None = None
        self.fd = -1
        self.cuts = 0
        self.open_start = layout.HEADER_SIZE
        self.ranges: deque[Range] = deque()
        self.series: dict[int, Series] = {}
        self.events_logged = 0
        self.events_done = 0
        self.events_from = layout.HEADER_SIZE
        self.records = 0
        self.records_sealed = 0
        self.synced_to = 0
        self.full = False
        self.memory = self._create(path) if path else mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.write = self.memory.write

    def _create(self, path: str) -> mmap.mmap:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            # Space that is allocated now cannot be missing later, when a full disk would kill the process by SIGBUS.
            os.posix_fallocate(fd, 0, self.size)
            memory = mmap.mmap(fd, self.size)
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        self.fd, self.path = fd, path
        return memory

    def begin(self, writer: str, first_sequence: int) -> None:
        """Write the header; records follow."""
        self.first_sequence = first_sequence
        self.memory.seek(0)
        self.memory.write(layout.encode_header(layout.Header(layout.FORMAT_VERSION, self.number, first_sequence, writer)))

    @property
    def end(self) -> int:
        """Where the records end."""
        return self.memory.tell()

    @property
    def is_delivered(self) -> bool:
        """Whether there is nothing left in it for the store."""
        return self.full and not self.ranges and self.events_done == self.events_logged

    def sync(self) -> None:
        """Make what is written so far survive the death of the machine.

        Raises:
            OSError: It may not be.
        """
        end = self.end
        if self.fd >= 0 and self.synced_to < end:
            try:
                # fdatasync, unlike the msync of Python's mmap, lets other threads run; Linux treats both the same.
                _sync(self.fd)
            except OSError:
                if self.fd >= 0:
                    raise
                return  # delivered and removed meanwhile
            self.synced_to = end

    def rest(self) -> None:
        """Let the pages of a full file be the kernel's alone, until they are read for delivery."""
        if self.fd >= 0 and _DONTNEED is not None:
            self.memory.madvise(_DONTNEED)

    def settle(self, path: str) -> None:
        """Move what is only in memory into a file. The caller sees to it that nobody appends meanwhile.

        Raises:
            OSError: There is still no space.
        """
        memory = self.memory
        end = memory.tell()
        settled = self._create(path)
        settled.write(memory[:end])
        self.synced_to = 0
        self.memory = settled
        self.write = settled.write

    def close(self) -> None:
        """Let go of the file; the mapping goes with the last one who looks at it."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def remove(self) -> None:
        """Delete the file: all of it is delivered."""
        path, self.path = self.path, None
        if path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.close()


class Segments:
    """The files of one writer.

    Attributes:
        writer: Its unique name.
        all: The files that are not yet delivered and removed, oldest first; the last one is being filled.
        failure: Why files are only in memory, or None.
        parked: True while the delivery thread sleeps until it is woken.
    """

    def __init__(self, folder: str | None, size: int = DEFAULT_SIZE, *, store: str = "") -> None:
        self.writer = new_writer()
        self._store = store
        self.all: list[Segment] = []
        self.failure: OSError | None = None
        self.parked = False
        self.active: Segment | None = None
        self._folder = folder
        self._size = size
        self._owner: Ownership | None = None
        self._spare: Segment | None = None
        self._numbers = itertools.count(1)
        self._began = 0.0
        self._in_haste = False

    def __len__(self) -> int:
        return len(self.all)

    @property
    def homeless(self) -> bool:
        """Whether records are only in memory though there is a folder for them."""
        return self._folder is not None and any(segment.path is None for segment in self.all)

    @property
    def wants_spare(self) -> bool:
        """Whether the file being filled is so full, or fills so fast, that the next one should be made."""
        active = self.active
        if active is None or self._spare is not None or self.failure is not None:
            return False
        return self._in_haste or active.end * 2 > active.size

    def rotate(self, old: Segment | None, need: int) -> None:
        """Begin the file after ``old``, with space for at least ``need`` bytes; in memory when there is no space on disk."""
        new = self._take_spare(need, after=0 if old is None else old.number) or self._make(need)
        now = time.monotonic()
        self._in_haste = old is not None and now - self._began < _HASTE_S
        self._began = now
        new.begin(self.writer, 0 if old is None else old.first_sequence + old.cuts + 1)
        if self.active is old:
            self.all = [*self.all, new]
            self.active = new
            if old is not None:
                old.rest()
        else:  # a signal handler logged, and rotated, meanwhile
            new.remove()

    def retire(self) -> None:
        """Seal the files that are not being filled any more. Whoever holds the lock knows that nobody is writing into them."""
        for segment in self.all:
            if segment is not self.active and not segment.full:
                self.seal(segment)
                segment.full = True

    def finish(self) -> None:
        """End the file that is being filled."""
        self.active = None
        self.retire()

    def settle(self, segment: Segment) -> None:
        """Move a file that is only in memory to the disk.

        Raises:
            OSError: There is still no space, or no right.
        """
        if segment.path is None and self._folder is not None:
            self._own()
            segment.settle(self._path(segment.number))

    def drop(self, segment: Segment) -> None:
        """Remove a file, all of which is delivered."""
        self.all = [other for other in self.all if other is not segment]
        if self.active is segment:
            self.active = None
        segment.remove()

    def seal(self, segment: Segment) -> None:
        """End the current batch of a file at the end of its records, if there are any."""
        end = segment.end
        if end > segment.open_start:
            records = segment.records - segment.records_sealed
            segment.ranges.append(Range(segment.open_start, end, segment.first_sequence + segment.cuts, records))
            segment.records_sealed += records
            segment.open_start = end

    def cut(self, now_us: int) -> bool:
        """Seal the current batch of the file that is being filled, and say so in the file; False when it has no space for that."""
        segment = self.active
        if segment is None or segment.end == segment.open_start:
            return True
        if segment.size - segment.end < layout.CUT_SIZE:
            return False
        self.seal(segment)
        sequence = segment.first_sequence + segment.cuts
        segment.memory.write(layout.encode_cut(sequence, logged_us=now_us, seed=segment.seed))
        segment.open_start = segment.end
        segment.cuts += 1
        return True

    def prepare(self) -> None:
        """Make the next file ahead of its need.

        Raises:
            OSError: There is no space.
        """
        if self._spare is None and self._owner is not None:
            number = next(self._numbers)
            self._spare = Segment(self.writer, number, self._size, self._path(number))

    def discard_spare(self) -> None:
        """Remove the file that was made ahead."""
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.remove()

    def release(self) -> None:
        """Let go of everything; the folder goes if no journals are left in it."""
        self.discard_spare()
        for segment in self.all:
            segment.close()
        if self._owner is not None:
            self._owner.release(remove=True)
            self._owner = None

    def forget(self) -> None:
        """In a forked child: close the inherited descriptors, and touch nothing else."""
        for segment in [*self.all, self._spare]:
            if segment is not None:
                segment.close()
        if self._owner is not None:
            self._owner.forget()

    def _take_spare(self, need: int, after: int) -> Segment | None:
        spare, self._spare = self._spare, None
        # While a spare was being made, a later number may have been taken. An adopter delivers files by their numbers, and what
        # comes before events that are delivered counts as delivered.
        if spare is not None and (spare.size < need + layout.HEADER_SIZE or spare.number < after):
            spare.remove()
            return None
        return spare

    def _make(self, need: int) -> Segment:
        number = next(self._numbers)
        size = max(self._size, -(-(need + layout.HEADER_SIZE + layout.CUT_SIZE) // mmap.PAGESIZE) * mmap.PAGESIZE)
        if self._folder is None:
            return Segment(self.writer, number, size, None)
        try:
            self._own()
            return Segment(self.writer, number, size, self._path(number))
        except OSError as error:
            self.failure = error
            return Segment(self.writer, number, size, None)

    def _own(self) -> None:
        if self._owner is None and self._folder is not None:
            self._owner = Ownership(self._folder, self.writer)
            if self._store:
                _note_store(self._folder, self._store)

    def _path(self, number: int) -> str:
        assert self._owner is not None  # noqa: S101 - narrows the type; _own() came before
        return os.path.join(self._owner.path, layout.file_name(number))


def _note_store(folder: str, store: str) -> None:
    """Say in the folder where its journals are to be delivered, for people who find it."""
    path = os.path.join(folder, layout.STORE_NAME)
    with contextlib.suppress(OSError):  # it is only a help
        if os.path.exists(path):
            return
        unfinished = f"{path}.{os.getpid()}"
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write(f"{store}\n")
        os.replace(unfinished, path)
