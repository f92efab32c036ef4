"""A series as a line of a few characters' size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from modelbox.display.markup import Markup, tag

_WIDTH, _HEIGHT, _MARGIN = 140, 26, 3


class Dot(NamedTuple):
    """A point of a series."""

    step: int
    value: float


def sparkline(dots: Sequence[Dot]) -> Markup:
    """An SVG of a series over its steps; NaN and infinities are gaps.

    Args:
        dots: Points in the order in which they are to be joined.
    """
    finite = [dot.value for dot in dots if math.isfinite(dot.value)]
    if not finite:
        return Markup()
    place = _scale(dots, min(finite), max(finite))
    drawn = []
    for run in _runs(dots, place):
        if len(run) == 1:
            drawn.append(tag("circle", cx=run[0][0], cy=run[0][1], r=1.6, fill="currentColor"))
        else:
            line = "L".join(f"{x} {y}" for x, y in run)
            drawn.append(tag("path", d=f"M{line}", fill="none", stroke="currentColor", stroke_width=1.4, stroke_linejoin="round"))
    return tag("svg", *drawn, width=_WIDTH, height=_HEIGHT, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_hidden="true")


class _Scale(NamedTuple):
    first: int
    last: int
    low: float
    high: float

    def x(self, step: int) -> float:
        share = (step - self.first) / (self.last - self.first) if self.last > self.first else 0.5
        return round(_MARGIN + share * (_WIDTH - 2 * _MARGIN), 1)

    def y(self, value: float) -> float:
        # In halves: the distance of two doubles may be more than a double holds.
        span = self.high / 2 - self.low / 2
        share = (value / 2 - self.low / 2) / span if span > 0 else 0.5
        return round(_HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN), 1)


def _scale(dots: Sequence[Dot], low: float, high: float) -> _Scale:
    steps = [dot.step for dot in dots]
    return _Scale(min(steps), max(steps), low, high)


def _runs(dots: Sequence[Dot], place: _Scale) -> list[list[tuple[float, float]]]:
    """The stretches without a gap. A series logged without steps is drawn in the order of its points."""
    if place.first == place.last:
        place = place._replace(first=0, last=len(dots) - 1)
        dots = [Dot(i, dot.value) for i, dot in enumerate(dots)]
    runs: list[list[tuple[float, float]]] = [[]]
    for dot in dots:
        if math.isfinite(dot.value):
            runs[-1].append((place.x(dot.step), place.y(dot.value)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
