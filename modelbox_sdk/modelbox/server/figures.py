"""Figures about what processes do: what is counted, how it adds up, and what Prometheus calls it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from prometheus_client.core import Metric

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets of latencies, in seconds."""

Key: TypeAlias = tuple[str, ...]
"""The name of a figure, and the values of its labels."""


class Shown(NamedTuple):
    """How a figure is shown: its name for Prometheus, its labels, and what it is."""

    name: str
    labels: tuple[str, ...]
    help: str


COUNTERS = {
    "calls": Shown("modelbox_calls", ("method", "code"), "Calls that have ended."),
    "received": Shown("modelbox_received_bytes", ("method",), "Bytes of messages that came in."),
    "sent": Shown("modelbox_sent_bytes", ("method",), "Bytes of messages that went out."),
    "restarts": Shown("modelbox_worker_restarts", (), "Worker processes that ended by themselves and were started again."),
    "cpu": Shown("process_cpu_seconds", (), "CPU time of all processes of the server."),
}
GAUGES = {
    "in_flight": Shown("modelbox_calls_in_flight", ("method",), "Calls that have not ended."),
    "watchers": Shown("modelbox_watchers", (), "Clients that follow changes."),
    "workers": Shown("modelbox_workers", (), "Processes that answer calls."),
    "threads": Shown("modelbox_threads", (), "Threads of all processes of the server."),
    "memory": Shown("process_resident_memory_bytes", (), "Memory of all processes of the server."),
    "open_files": Shown("process_open_fds", (), "Open file descriptors of all processes of the server."),
    "most_files": Shown("process_max_fds", (), "How many of them there may be."),
    "started": Shown("process_start_time_seconds", (), "When the server started, in seconds since 1970."),
}
LATENCIES = {
    "call": Shown("modelbox_call_seconds", ("method",), "How long calls took."),
    "store": Shown("modelbox_store_seconds", ("store", "operation"), "How long the storage took, with waiting for locks."),
}


@dataclass(slots=True)
class Latencies:
    """A histogram of seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total_s: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.total_s += seconds

    def add(self, other: Latencies) -> None:
        """Count all of another one."""
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.total_s += other.total_s

    def cumulative(self) -> list[tuple[str, float]]:
        """For each upper bound, how many were not above it."""
        count = 0.0
        shown = []
        for bound, here in zip([*map(str, BOUNDS), "+Inf"], self.buckets, strict=True):
            count += here
            shown.append((bound, count))
        return shown


@dataclass(slots=True, kw_only=True)
class Figures:
    """What one process counted, or several of them together."""

    counters: dict[Key, float] = field(default_factory=dict)
    gauges: dict[Key, float] = field(default_factory=dict)
    latencies: dict[Key, Latencies] = field(default_factory=dict)

    def add(self, other: Figures) -> None:
        """Add those of another process."""
        for key, count in other.counters.items():
            self.counters[key] = self.counters.get(key, 0.0) + count
        for key, level in other.gauges.items():
            self.gauges[key] = self.gauges.get(key, 0.0) + level
        for key, latencies in other.latencies.items():
            self.latencies.setdefault(key, Latencies()).add(latencies)

    def copy(self) -> Figures:
        """The same, which does not change with this one."""
        copied = Figures()
        copied.add(self)
        return copied

    def without_gauges(self) -> Figures:
        """What stays true when the process is gone."""
        return Figures(counters=self.counters, latencies=self.latencies)


class FiguresCollector:
    """Shows figures to Prometheus; a collector for its client library.

    Args:
        measure: Takes the figures of now.
    """

    def __init__(self, measure: Callable[[], Figures]) -> None:
        self._measure = measure

    def describe(self) -> list[Metric]:
        """Nothing: to register this takes no figures."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures of now."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        figures = self._measure()
        for kind, shown in COUNTERS.items():
            counter = CounterMetricFamily(shown.name, shown.help, labels=shown.labels)
            for key in _of(kind, figures.counters):
                counter.add_metric(key[1:], figures.counters[key])
            yield counter
        for kind, shown in GAUGES.items():
            gauge = GaugeMetricFamily(shown.name, shown.help, labels=shown.labels)
            for key in _of(kind, figures.gauges):
                gauge.add_metric(key[1:], figures.gauges[key])
            yield gauge
        for kind, shown in LATENCIES.items():
            histogram = HistogramMetricFamily(shown.name, shown.help, labels=shown.labels)
            for key in _of(kind, figures.latencies):
                histogram.add_metric(key[1:], figures.latencies[key].cumulative(), figures.latencies[key].total_s)
            yield histogram


def _of(kind: str, figures: dict[Key, float] | dict[Key, Latencies]) -> list[Key]:
    return sorted(key for key in figures if key[0] == kind)
