"""Writing much to the end of a file."""

from __future__ import annotations

import errno
import mmap
import os
import queue

from modelbox.direct_io import BLOCK, LENGTH, set_direct
from modelbox.stores.blobs.behind import Behind
from modelbox.stores.blobs.syncing import start_writing

_BUFFERS = 3
_FLUSH_EVERY = 8 << 20
"""The disk should not idle while content is hashed: 1 GiB took 0.76 s with 8 MiB, 1.2 s with 128 MiB, 2.5 s when all of it was left
to the sync at the end; cp and sync 1.15 s."""


class Appender:
    """Writes bytes to the end of an open file, which nobody else writes to.

    Args:
        fd: The file. It is the caller's, who closes it after :meth:`end`.
        direct: Whether to write past the system's cache, where the file system can; see :class:`_DirectWriter`.
    """

    def __init__(self, fd: int, *, direct: bool = False) -> None:
        self._fd = fd
        self._at = os.lseek(fd, 0, os.SEEK_END)
        self._unsent = 0
        self._direct: _DirectWriter | None = None
        if direct and self._at % BLOCK == 0 and set_direct(fd, True):
            self._direct = _DirectWriter(fd)

    def write(self, data: memoryview) -> None:
        """Add bytes. With direct writes, some wait in memory until there are more; what fails is raised later, again and again."""
        if self._direct is not None:
            self._direct.write(data)
            return
        write_all(self._fd, data)
        self._at += len(data)
        self._unsent += len(data)
        if self._unsent >= _FLUSH_EVERY:
            start_writing(self._fd, self._at - self._unsent, self._unsent)
            self._unsent = 0

    def end(self) -> None:
        """Write what waits in memory: there is no more. Idempotent."""
        direct, self._direct = self._direct, None
        if direct is not None:
            direct.end()


class _DirectWriter:
    """Writes past the system's cache, in a thread of its own, while the next bytes are collected.

    1 GiB took 0.45 s so, on a disk where filling the cache took 0.7 to 2 s.

    Args:
        fd: The file, with direct writes switched on, at the end of a block.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at = os.lseek(fd, 0, os.SEEK_CUR)
        self._free: queue.SimpleQueue[memoryview] = queue.SimpleQueue()
        for _ in range(_BUFFERS):
            self._free.put(memoryview(mmap.mmap(-1, LENGTH)))
        self._buffer = self._free.get()
        self._filled = 0
        self._behind = Behind(self._write, "modelbox-write")

    def write(self, data: memoryview) -> None:
        """Add bytes."""
        while data:
            count = min(len(data), LENGTH - self._filled)
            self._buffer[self._filled : self._filled + count] = data[:count]
            self._filled += count
            data = data[count:]
            if self._filled == LENGTH:
                self._behind.do(self._buffer)
                self._buffer, self._filled = self._free.get(), 0

    def end(self) -> None:
        """Write the rest."""
        self._behind.end()
        set_direct(self._fd, False)
        write_all(self._fd, self._buffer[: self._filled])

    def _write(self, blocks: memoryview) -> None:
        try:
            write_all(self._fd, blocks)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            set_direct(self._fd, False)  # this file system has rules of its own
            os.lseek(self._fd, self._at, os.SEEK_SET)
            write_all(self._fd, blocks)
        finally:
            self._at += len(blocks)
            self._free.put(blocks)


def write_all(fd: int, data: memoryview) -> None:
    """Write all of it."""
    while data:
        data = data[os.write(fd, data) :]
