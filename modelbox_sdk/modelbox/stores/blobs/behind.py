"""Work that is done a few steps behind the one who asks for it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_STEPS = 8
_Chunk = TypeVar("_Chunk", bound="bytes | memoryview")


class Behind(Generic[_Chunk]):
    """Does something with one chunk after the other in a thread of its own, so that the next ones can come in meanwhile.

    The thread begins with the first chunk. One thread at a time asks.

    Args:
        step: What is done with a chunk. What it raises is raised by every later call here, and nothing more is done.
        name: Of the thread.
    """

    def __init__(self, step: Callable[[_Chunk], None], name: str) -> None:
        self._step = step
        self._name = name
        self._chunks: queue.Queue[_Chunk | None] = queue.Queue(_STEPS)
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def do(self, chunk: _Chunk) -> None:
        """Do it with a chunk, soon; waits while too many are on their way."""
        self._raise()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._chunks.put(chunk)

    def end(self) -> None:
        """Wait until all is done. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._chunks.put(None)
            thread.join()
        self._raise()

    def _run(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            if self._error is None:
                try:
                    self._step(chunk)
                except BaseException as error:  # noqa: BLE001 - raised by who asks
                    self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
