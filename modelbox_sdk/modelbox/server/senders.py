"""The threads that send to watchers, and what happens to watchers that do not take what is sent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

_THREADS = 16
_MOST_THREADS = 64
_STUCK_AFTER_S = 0.2
_PATIENCE_UNDER_PRESSURE_S = 1.0

_log = logging.getLogger("modelbox.server")


class Receiver(Protocol):
    """Whom a thread sends to."""

    def cancel(self) -> None:
        """Give it up, which ends a send that is stuck."""


R = TypeVar("R", bound=Receiver)


class Senders(Generic[R]):
    """A few threads that serve receivers in turn. One that is stuck with a slow receiver is made up for by another.

    Args:
        serve: Sends a receiver the next that it should get.
        timeout_s: How long a receiver may hold a thread.
    """

    def __init__(self, serve: Callable[[R], None], timeout_s: float) -> None:
        self._serve = serve
        self._timeout_s = timeout_s
        self._ready: SimpleQueue[R | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._serving: dict[threading.Thread, tuple[R, float] | None] = {}

    def start(self) -> None:
        """Start the threads."""
        for _ in range(_THREADS):
            self._add_thread()

    def put(self, receiver: R) -> None:
        """Have a receiver served. It must not be put again before it has been."""
        self._ready.put(receiver)

    def look_after(self) -> None:
        """Replace threads that are stuck, and cancel receivers that hold them. To be called several times a second."""
        now = time.monotonic()
        serving = list(self._serving.copy().values())
        stuck = sorted((since, id(receiver), receiver) for receiver, since in filter(None, serving) if now - since > _STUCK_AFTER_S)
        patience = self._timeout_s if len(stuck) < _MOST_THREADS else min(self._timeout_s, _PATIENCE_UNDER_PRESSURE_S)
        for since, _, receiver in stuck:
            if now - since > patience:
                receiver.cancel()
        free = len(serving) - len(stuck)
        if free < _THREADS and len(serving) < _MOST_THREADS:
            self._add_thread()
        elif free > _THREADS:
            self._ready.put(None)  # one thread fewer

    def stop(self) -> None:
        """End the threads, once they have served those before. Idempotent."""
        threads = list(self._serving.copy())
        for _ in threads:
            self._ready.put(None)
        for thread in threads:
            thread.join()

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="modelbox-sender", daemon=True)
        self._serving[thread] = None
        thread.start()

    def _run(self) -> None:
        me = threading.current_thread()
        while (receiver := self._ready.get()) is not None:
            self._serving[me] = (receiver, time.monotonic())
            try:
                self._serve(receiver)
            except Exception:  # noqa: BLE001 - the thread has others to serve
                _log.exception("sending to a watcher failed")
                receiver.cancel()
            self._serving[me] = None
        del self._serving[me]
