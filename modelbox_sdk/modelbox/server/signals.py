"""Being told to stop: once for a graceful end, twice for an end at once."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable

STOPPING = (signal.SIGTERM, signal.SIGINT)
STOP_S = 10.0
"""A server that is told to stop has ended after so long."""
_MARGIN_S = 0.5
_SAME_S = 0.25
"""Signals that come closer together are one: GNU timeout sends its own to a process, and again to the group of it."""

_log = logging.getLogger("modelbox.server")


class StopSignals:
    """Waits for signals in a thread of its own.

    The signals are blocked in all threads, those of grpc too, and taken by ``sigwait``: a Python signal handler would run in the
    main thread, where it must not touch the locks that the main thread may be holding.

    Attributes:
        at_once: Done before the process ends at once.
    """

    def __init__(self) -> None:
        self.at_once: Callable[[], None] = lambda: None
        self._asked = threading.Event()
        self._can_stop = False
        self._thread = threading.Thread(target=self._run, name="modelbox-signals", daemon=True)

    def watch(self) -> None:
        """Begin; to be called in the main thread, before there are others. Until :meth:`ready`, a signal ends the process."""
        block()
        self._thread.start()

    def ready(self) -> None:
        """From now on the first signal only asks for a stop."""
        self._can_stop = True

    def wait(self) -> None:
        """Wait until a stop is asked for."""
        self._asked.wait()

    def _run(self) -> None:
        first = 0.0
        while True:
            number = signal.sigwait(STOPPING)
            if not self._asked.is_set() and self._can_stop:
                first = time.monotonic()
                self._asked.set()
            elif time.monotonic() - first > _SAME_S:
                self.at_once()
                os._exit(128 + number)


def block() -> None:
    """Keep the signals from this thread, and all that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)


def limit_stop() -> None:
    """End the process if it has not ended in time. What was acknowledged is durable, so nothing of it can be lost."""
    timer = threading.Timer(STOP_S - _MARGIN_S, _give_up)
    timer.daemon = True
    timer.start()


def _give_up() -> None:
    _log.warning("calls or work in the background did not end in time, and are given up")
    os._exit(1)
