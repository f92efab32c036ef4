"""Ends calls whose clients keep threads waiting."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

_LOOK_EVERY_S = 0.5
_PATIENCE_UNDER_PRESSURE_S = 1.0


class Watchdog:
    """Knows which calls wait for their client, and cancels those that have done so for too long.

    What waits is a call's context; its waiting thread then finds the call cancelled. Entering and leaving cost a dictionary's
    insertion, since every call does both.
    """

    def __init__(self) -> None:
        self._until: dict[Any, tuple[float, float]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelbox-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def waits(self, context: Any, patience_s: float) -> None:
        """A call waits for its client from now on."""
        now = time.monotonic()
        self._until[context] = (now, now + patience_s)

    def goes_on(self, context: Any) -> None:
        """A call has stopped waiting."""
        self._until.pop(context, None)

    @contextlib.contextmanager
    def watching(self, context: Any, patience_s: float) -> Iterator[None]:
        """While a call waits for its client."""
        self.waits(context, patience_s)
        try:
            yield
        finally:
            self.goes_on(context)

    def hurry(self) -> None:
        """Everybody is waiting and others want to be served: cancel the calls that have waited for more than a second."""
        now = time.monotonic()
        self._cancel([context for context, (since, _) in self._now() if now - since > _PATIENCE_UNDER_PRESSURE_S])

    def stop(self) -> None:
        """Look no more. Idempotent."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY_S):
            now = time.monotonic()
            self._cancel([context for context, (_, until) in self._now() if now > until])

    def _now(self) -> list[tuple[Any, tuple[float, float]]]:
        return list(self._until.copy().items())  # copied at once: other threads go on inserting

    def _cancel(self, contexts: list[Any]) -> None:
        for context in contexts:
            self._until.pop(context, None)
            context.cancel()
