"""Filling memory in another thread, ahead of whoever needs what is in it."""

from __future__ import annotations

import mmap
import queue
import threading
from collections.abc import Callable, Generator

_BUFFERS = 3


def filled_ahead(fill: Callable[[memoryview], int], length: int) -> Generator[memoryview, None, None]:
    """Chunks, up to a few of which are filled before they are asked for; each is only valid until the next one is.

    Args:
        fill: Fills a buffer, which begins at a page of memory, in another thread, and returns how far; 0 is the end. What it raises
            is raised where the chunk would be.
        length: Bytes in a buffer.
    """
    free: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
    full: queue.SimpleQueue[memoryview | BaseException] = queue.SimpleQueue()
    for _ in range(_BUFFERS):
        free.put(memoryview(mmap.mmap(-1, length)))

    def run() -> None:
        try:
            while (buffer := free.get()) is not None:
                chunk = buffer[: fill(buffer)]
                full.put(chunk)
                if not chunk:
                    return
        except BaseException as error:  # noqa: BLE001 - raised where the chunk is asked for
            full.put(error)

    thread = threading.Thread(target=run, name="modelbox-read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            chunk = full.get()
            if isinstance(chunk, BaseException):
                raise chunk
            if not chunk:
                return
            yield chunk
            free.put(memoryview(chunk.obj))
    finally:
        free.put(None)
        thread.join()
