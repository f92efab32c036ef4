"""Counting what a process serves, at a microsecond or two a call."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from modelbox.server.call_log import CallLog
from modelbox.server.figures import Figures, Key, Latencies
from modelbox.server.observer import Observer

if TYPE_CHECKING:
    import grpc

_PAGE = resource.getpagesize()


class Telemetry(Observer):
    """The figures of this process.

    Attributes:
        call_log: Told about calls too.
    """

    def __init__(self) -> None:
        self.call_log: CallLog | None = None
        self._lock = threading.Lock()
        self._counters: defaultdict[Key, float] = defaultdict(float)
        self._in_flight: defaultdict[str, int] = defaultdict(int)
        self._latencies: defaultdict[Key, Latencies] = defaultdict(Latencies)
        self._watchers = 0

    def call_started(self, method: str) -> None:
        with self._lock:
            self._in_flight[method] += 1

    def call_finished(
        self, method: str, code: grpc.StatusCode, seconds: float, context: grpc.ServicerContext, details: str = ""
    ) -> None:
        name = code.name
        with self._lock:
            self._in_flight[method] -= 1
            self._counters["calls", method, name] += 1
            self._latencies["call", method].observe(seconds)
        if self.call_log is not None:
            self.call_log.finished(method, name, seconds, context, details)

    def transferred(self, method: str, received: int, sent: int) -> None:
        with self._lock:
            if received:
                self._counters["received", method] += received
            if sent:
                self._counters["sent", method] += sent

    def watchers_changed(self, count: int) -> None:
        self._watchers = count

    def stored(self, store: str, operation: str, seconds: float) -> None:
        """The storage did something.

        Args:
            store: ``metadata``, ``metrics`` or ``artifacts``.
            operation: What it did.
            seconds: How long it took.
        """
        with self._lock:
            self._latencies["store", store, operation].observe(seconds)

    def figures(self) -> Figures:
        """What was counted until now, and what this process uses."""
        with self._lock:
            counted = Figures(counters=self._counters, latencies=self._latencies).copy()
            counted.gauges = {("in_flight", method): float(count) for method, count in self._in_flight.items()}
        counted.gauges["watchers",] = float(self._watchers)
        counted.gauges["workers",] = 1.0
        counted.add(process_figures())
        return counted


def process_figures() -> Figures:
    """What this process uses."""
    gauges: dict[Key, float] = {
        ("memory",): float(_memory()),
        ("open_files",): float(len(os.listdir("/dev/fd"))),
        ("most_files",): float(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        ("threads",): float(threading.active_count()),
    }
    return Figures(counters={("cpu",): time.process_time()}, gauges=gauges)


def _memory() -> int:
    """Resident bytes; where the system does not tell, the most that they have been."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
