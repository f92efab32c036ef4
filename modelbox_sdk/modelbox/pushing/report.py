"""Counting what a push sends."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from modelbox.records import PushReport


@dataclass(slots=True)
class Tally:
    """A report in the making.

    Attributes:
        touched: Ids of the objects that something was sent about, by the field of the report that counts them.
    """

    touched: dict[str, set[str]] = dataclasses.field(
        default_factory=lambda: {name: set() for name in ("experiments", "models", "versions", "artifacts")}
    )
    points: int = 0
    events: int = 0
    bytes_sent: int = 0
    bytes_there: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)

    def report(self) -> PushReport:
        """What it comes to."""
        counts = {name: len(ids) for name, ids in self.touched.items()}
        return PushReport(
            **counts,
            points=self.points,
            events=self.events,
            bytes_sent=self.bytes_sent,
            bytes_there=self.bytes_there,
            problems=tuple(self.problems),
        )
