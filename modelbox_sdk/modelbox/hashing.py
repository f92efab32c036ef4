"""The digest that content is known by: BLAKE3, written ``blake3:<hex>``."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from blake3 import blake3

ALGORITHM = "blake3"
PREFIX = f"{ALGORITHM}:"
CHUNK = 1 << 20
"""Bytes read at a time: fits the cache of a core, so that what was read is hashed from there."""
_LARGE = 16 << 20
"""From here on, hashing goes on in another thread while the next chunk is read; below, that does not pay."""
_LARGE_CHUNK = 4 << 20
_MANY_CORES = 4


class Hasher:
    """Hashes content of about a given size, with several threads where that pays.

    Args:
        size: How much is expected; only a hint.
    """

    def __init__(self, size: int = 0) -> None:
        from blake3 import blake3

        # Never blake3.AUTO: it uses a pool of the whole process, and hangs in a forked child of a process that has used it.
        self._hash: blake3 = blake3(max_threads=_threads() if size >= _LARGE else 1)
        self.size = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes; the interpreter is free for other threads meanwhile."""
        self._hash.update(data)
        self.size += len(data)

    def digest(self) -> str:
        """``blake3:<hex>`` of what was added so far."""
        return PREFIX + self._hash.hexdigest()


def digest_of(data: bytes | bytearray) -> str:
    """The digest of bytes in memory."""
    hasher = Hasher(len(data))
    hasher.update(data)
    return hasher.digest()


def digest_of_stream(stream: BinaryIO, size: int | None = None) -> tuple[str, int]:
    """The digest and the size of what is left in a stream; ``size`` is only a hint."""
    chunks = hashed_chunks(stream, size)
    while True:
        try:
            next(chunks)
        except StopIteration as end:
            hasher: Hasher = end.value
            return hasher.digest(), hasher.size


def hashed_chunks(stream: BinaryIO, size: int | None, chunk: int = 0) -> Generator[memoryview, None, Hasher]:
    """Read a stream to its end in chunks that are hashed on the way; the generator's value is the hasher.

    A chunk is only valid until the next one is asked for, and must not be changed: it may be hashed while the caller uses it.

    Args:
        stream: What to read.
        size: How much is expected, if it is known; only a hint.
        chunk: Length of a chunk; 0 for one that suits hashing.
    """
    hasher = Hasher(size or 0)
    if size is None or size < _LARGE:
        length = chunk or CHUNK
        buffer = memoryview(bytearray(length if size is None else min(length, size + 1)))
        while count := read_into(stream, buffer):
            hasher.update(buffer[:count])
            yield buffer[:count]
        return hasher
    # Two buffers: one is read into while the other is hashed.
    buffers = [memoryview(bytearray(chunk or _LARGE_CHUNK)) for _ in range(2)]
    with ThreadPoolExecutor(1, thread_name_prefix="modelbox-hash") as pool:
        previous: Future[None] | None = None
        turn = 0
        while count := read_into(stream, buffers[turn]):
            if previous is not None:
                previous.result()
            previous = pool.submit(hasher.update, buffers[turn][:count])
            yield buffers[turn][:count]
            turn = 1 - turn
        if previous is not None:
            previous.result()
    return hasher


def read_into(stream: BinaryIO, buffer: memoryview) -> int:
    """Fill a buffer from a stream as far as it goes; fewer bytes than the buffer holds mean the end."""
    readinto: Callable[[memoryview], int | None] | None = getattr(stream, "readinto", None)
    filled = 0
    while filled < len(buffer):
        if readinto is not None:
            count = readinto(buffer[filled:]) or 0
        else:
            data = stream.read(len(buffer) - filled)
            count = len(data)
            buffer[filled : filled + count] = data
        if not count:
            break
        filled += count
    return filled


def _threads() -> int:
    # On two cores one is busy with reading and writing meanwhile, and a second thread gains nothing.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores // 2, 8) if cores >= _MANY_CORES else 1
