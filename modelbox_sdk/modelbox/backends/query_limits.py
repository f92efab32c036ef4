"""What a query of somebody else may take, and ending it when nobody waits for it any more."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

_limited = threading.local()


class QueryLimits:
    """The limits of the queries that a thread runs inside the block.

    Args:
        seconds: How long they may run.
        memory_bytes: How much memory the engine may use for each.

    Attributes:
        exceeded: Why a query was ended; "" while none was.
    """

    def __init__(self, *, seconds: float, memory_bytes: int) -> None:
        self.memory_bytes = memory_bytes
        self.exceeded = ""
        self._lock = threading.Lock()
        self._interrupt: Callable[[], None] | None = None
        self._timer = threading.Timer(seconds, self.end, (f"it ran for more than {seconds:g} s",))
        self._timer.daemon = True

    def end(self, reason: str) -> None:
        """End what runs in the block, now and later. From any thread."""
        with self._lock:
            self.exceeded = self.exceeded or reason
            if self._interrupt is not None:
                self._interrupt()

    @contextlib.contextmanager
    def running(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While a query runs that ``interrupt`` ends."""
        with self._lock:
            self._interrupt = interrupt
        try:
            yield
        finally:
            with self._lock:
                self._interrupt = None

    def __enter__(self) -> Self:
        _limited.limits = self
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _limited.limits = None
        self._timer.cancel()


def query_limits() -> QueryLimits | None:
    """The limits of this thread, if it has any."""
    return getattr(_limited, "limits", None)
