"""Files of which much is read or written once, past the system's cache (``O_DIRECT``).

What else is in the cache stays there, and it costs no memory for pages that nobody comes back to: on a virtual machine, reading
1 GiB that was not in the cache took 0.5 s so, and between 0.6 and 3 s through the cache.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import BinaryIO

from modelbox.ahead import filled_ahead
from modelbox.hashing import chunks_of

BLOCK = 4096
"""What direct reads and writes begin and end at, in the file; in memory they begin at a page."""
LARGE = 16 << 20
"""From here on it pays."""
LENGTH = 2 << 20
"""Bytes to read or write at a time; 1 to 8 MiB are as fast."""


def set_direct(fd: int, direct: bool) -> bool:
    """Switch direct reads and writes of an open file on or off; whether the file system has them."""
    flag: int = getattr(os, "O_DIRECT", 0)
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | flag if direct else flags & ~flag)
    except OSError:
        return False
    return flag != 0


def read_ahead(stream: BinaryIO, offset: int, length: int, *, direct: bool = True) -> Generator[memoryview, None, None]:
    """A range of a stream in chunks; each is only valid until the next one is asked for.

    A large range of a file is read in another thread, a few chunks ahead.

    Args:
        stream: What nobody else reads meanwhile.
        offset: Where the range begins.
        length: Bytes of it; fewer come when the stream ends before.
        direct: Whether to read a large range past the system's cache, where the file system can.
    """
    fd = _descriptor(stream) if length >= LARGE else None
    if fd is None:
        stream.seek(offset)
        yield from _limited(chunks_of(stream, length), length)
        return
    at = offset - offset % BLOCK

    def fill(buffer: memoryview) -> int:
        nonlocal at
        count = _read(fd, buffer, at)
        at += count
        return count

    set_direct(fd, direct)
    with closing(filled_ahead(fill, LENGTH)) as chunks:
        first = next(chunks, memoryview(b""))[offset % BLOCK :]
        yield from _limited(itertools.chain((first,), chunks), length)


def _limited(chunks: Iterable[memoryview], length: int) -> Generator[memoryview, None, None]:
    for chunk in chunks:
        if wanted := chunk[:length]:
            yield wanted
        length -= len(wanted)
        if not length:
            return


def _descriptor(stream: BinaryIO) -> int | None:
    """That of a file; None for a stream that is something else."""
    try:
        return stream.fileno()
    except (AttributeError, OSError):
        return None


def _read(fd: int, buffer: memoryview, at: int) -> int:
    try:
        return os.preadv(fd, [buffer], at)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        set_direct(fd, False)  # this file system has rules of its own
        return os.preadv(fd, [buffer], at)
