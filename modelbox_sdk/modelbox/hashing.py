"""The digest that content is known by: BLAKE3, written ``blake3:<hex>``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from blake3 import blake3

ALGORITHM = "blake3"
PREFIX = f"{ALGORITHM}:"
CHUNK = 1 << 20
"""Bytes read at a time: fits the caches of a core, so that what was read is hashed from there."""
_THREADED_SIZE = 32 << 20
_THREADED_CHUNK = 8 << 20


class Hasher:
    """Hashes content of about a given size, with several threads where that pays.

    Args:
        size: How much is expected; only a hint.
    """

    def __init__(self, size: int = 0) -> None:
        from blake3 import blake3

        self._threads = _threads() if size >= _THREADED_SIZE else 1
        # Never blake3.AUTO: it uses a pool of the whole process, and hangs in a forked child of a process that has used it.
        self._hash: blake3 = blake3(max_threads=self._threads)
        self.size = 0

    @property
    def chunk(self) -> int:
        """How much to read at a time."""
        return _THREADED_CHUNK if self._threads > 1 else CHUNK

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes; the interpreter is free for other threads meanwhile."""
        self._hash.update(data)
        self.size += len(data)

    def digest(self) -> str:
        """``blake3:<hex>`` of what was added so far."""
        return PREFIX + self._hash.hexdigest()


def digest_of(data: bytes) -> str:
    """The digest of bytes in memory."""
    hasher = Hasher(len(data))
    hasher.update(data)
    return hasher.digest()


def digest_of_stream(stream: BinaryIO, size: int = 0) -> tuple[str, int]:
    """The digest and the size of what is left in a stream; ``size`` is only a hint."""
    hasher = Hasher(size)
    buffer = memoryview(bytearray(min(hasher.chunk, max(size, 1 << 16))))
    while count := read_into(stream, buffer):
        hasher.update(buffer[:count])
    return hasher.digest(), hasher.size


def read_into(stream: BinaryIO, buffer: memoryview) -> int:
    """Fill a buffer from a stream as far as it goes; fewer bytes than the buffer holds mean the end."""
    readinto = getattr(stream, "readinto", None)
    filled = 0
    while filled < len(buffer):
        if readinto is not None:
            count = readinto(buffer[filled:])
        else:
            data = stream.read(len(buffer) - filled)
            count = len(data)
            buffer[filled : filled + count] = data
        if not count:
            break
        filled += count
    return filled


def _threads() -> int:
    # Two threads on two hyper-threads of one core gain nothing (3.4 GB/s either way).
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 8) if cores > 2 else 1
