"""A small store: keeps what it is given, once, and can be told to fail."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelbox.errors import UnavailableError
from modelbox.records import MetricBatch, PendingEvent


class CollectingSink:
    """Keeps batches by (writer, sequence, uid), and events by their writer's last number, as every backend does."""

    def __init__(self) -> None:
        self.batches: dict[tuple[str, int, str], MetricBatch] = {}
        self.stored_events: dict[str, list[PendingEvent]] = {}
        self.calls = 0
        self.failure: Exception | None = None
        self.hang = threading.Event()
        self.hang.set()

    def append_metrics(self, batches: Sequence[MetricBatch]) -> None:
        self._enter()
        for batch in batches:
            self.batches.setdefault((batch.writer, batch.sequence, batch.uid), batch)

    def append_events(self, writer: str, events: Sequence[PendingEvent]) -> None:
        self._enter()
        stored = self.stored_events.setdefault(writer, [])
        for event in events:
            if not stored or event.sequence > stored[-1].sequence:
                stored.append(event)

    def _enter(self) -> None:
        self.calls += 1
        self.hang.wait()
        if self.failure is not None:
            raise self.failure

    @property
    def events(self) -> list[PendingEvent]:
        return [event for writer in sorted(self.stored_events) for event in self.stored_events[writer]]

    def rows(self, uid: str | None = None) -> list[dict[str, Any]]:
        return rows([self.batches[name] for name in sorted(self.batches)], uid)


class FolderSink:
    """A store that outlives its process: a file for each batch and each event, under its identity."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def append_metrics(self, batches: Sequence[MetricBatch]) -> None:
        for batch in batches:
            points = [[row["key"], row["step"], row["value"]] for row in rows([batch])]
            self._put(f"{batch.writer}.{batch.sequence:09d}.{batch.uid}.batch", json.dumps(points))

    def append_events(self, writer: str, events: Sequence[PendingEvent]) -> None:
        for event in events:
            self._put(f"{writer}.{event.sequence:09d}.event", event.name)

    def _put(self, name: str, text: str) -> None:
        temporary = self.folder / f"{name}.{os.getpid()}.tmp"
        temporary.write_text(text)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, self.folder / name)
        temporary.unlink()

    def rows(self) -> list[tuple[str, int, float]]:
        return [tuple(point) for path in sorted(self.folder.glob("*.batch")) for point in json.loads(path.read_text())]

    def event_names(self) -> list[str]:
        return [path.read_text() for path in sorted(self.folder.glob("*.event"))]


def rows(batches: Sequence[MetricBatch], uid: str | None = None) -> list[dict[str, Any]]:
    """Points of batches in order, with the wallclock as microseconds."""
    import pyarrow as pa

    found: list[dict[str, Any]] = []
    for batch in batches:
        if uid is None or batch.uid == uid:
            at = batch.points.schema.get_field_index("wallclock")
            table = batch.points.set_column(at, "wallclock", batch.points["wallclock"].cast(pa.int64()))
            batch.points.validate(full=True)
            found += table.to_pylist()
    return found


def down() -> UnavailableError:
    return UnavailableError("the store is down")
