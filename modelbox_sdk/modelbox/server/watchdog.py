"""Ends calls whose clients keep threads waiting."""

from __future__ import annotations

import threading
import time
from typing import Any

_LOOK_EVERY_S = 0.25


class Watchdog:
    """Knows which calls wait for their client, and cancels those that have done so for too long.

    What waits is a call's context; its waiting thread then finds the call cancelled. Entering and leaving cost a dictionary's
    insertion, since every call does both::

        with watchdog(context):
            ...

    Args:
        patience_s: How long a call may wait.
        crowd: When so many wait that others cannot be served, they have less time.
        patience_in_a_crowd_s: How long they may wait then.
    """

    def __init__(self, patience_s: float, *, crowd: int, patience_in_a_crowd_s: float = 5.0) -> None:
        self._patience_s = patience_s
        self._crowd = crowd
        self._patience_in_a_crowd_s = min(patience_s, patience_in_a_crowd_s)
        self._since: dict[Any, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelbox-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def __call__(self, context: Any) -> _Waiting:
        """For a block in which a call waits for its client."""
        return _Waiting(self._since, context)

    def stop(self) -> None:
        """Look no more. Idempotent."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY_S):
            waiting = self._since.copy()  # at once: other threads go on inserting
            patience_s = self._patience_s if len(waiting) < self._crowd else self._patience_in_a_crowd_s
            now = time.monotonic()
            for context, since in waiting.items():
                if now - since > patience_s:
                    context.cancel()


class _Waiting:
    """A call that waits, inside the block."""

    __slots__ = ("_context", "_since")

    def __init__(self, since: dict[Any, float], context: Any) -> None:
        self._since = since
        self._context = context

    def __enter__(self) -> None:
        self._since[self._context] = time.monotonic()

    def __exit__(self, *_: object) -> None:
        del self._since[self._context]
