"""Metric points for tests, and what a metrics store should make of them, in plain Python."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from modelbox.points import SCHEMA
from modelbox.records import MetricBatch, MetricQuery

NOW_US = 1_750_000_000_000_000
OTHER_VALUES: tuple[str | bytes, ...] = ("", "text", "🔥", b"", b"\x00\xff")
MIN_STEP, MAX_STEP = -(2**63), 2**63 - 1
KEYS = ("loss", "LOSS", "val/acc.top-5", 'it\'s "quoted"; --', "naïve ключ", "損失", "🔥", "a b", "0", "\x00nul\n", "z" * 5000)
VALUES = (0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 0.1 + 0.2)


class Point(NamedTuple):
    """A point as it is logged."""

    key: str
    step: int
    logged_us: int
    value: float | str | bytes
    wallclock_us: int | None = None
    """None where the caller gave none, so that it is the time of logging."""

    def row(self) -> tuple[Any, ...]:
        """As a read returns it, but for a wallclock in microseconds and a value that can be compared, also NaN and -0.0."""
        wallclock = self.logged_us if self.wallclock_us is None else self.wallclock_us
        number = _exact(self.value) if isinstance(self.value, float) else None
        text = self.value if isinstance(self.value, str) else None
        blob = self.value if isinstance(self.value, bytes) else None
        return self.key, self.step, wallclock, number, text, blob


def batch_of(points: Iterable[Point], *, sequence: int, writer: str = "writer-1", uid: str = "uid-1") -> MetricBatch:
    """A batch of points."""
    points = list(points)
    wallclocks = [point.logged_us if point.wallclock_us is None else point.wallclock_us for point in points]
    table = pa.table(
        {
            "key": [point.key for point in points],
            "step": [point.step for point in points],
            "wallclock": pa.array(wallclocks, SCHEMA.field("wallclock").type),
            "value": [point.value if isinstance(point.value, float) else None for point in points],
            "text": [point.value if isinstance(point.value, str) else None for point in points],
            "blob": [point.value if isinstance(point.value, bytes) else None for point in points],
            "delay": [point.logged_us - wallclock for point, wallclock in zip(points, wallclocks, strict=True)],
        },
        schema=SCHEMA,
    )
    return MetricBatch(object_id=f"id-of-{uid}", uid=uid, writer=writer, sequence=sequence, points=table)


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a result, as :meth:`Point.row` has them."""
    columns = [table["key"], table["step"], table["wallclock"].cast(pa.int64()), table["value"], table["text"], table["blob"]]
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [
        (key, step, wallclock, None if value is None else _exact(value), text, blob)
        for key, step, wallclock, value, text, blob in rows
    ]


def expected(points: Iterable[Point], query: MetricQuery) -> list[tuple[Any, ...]]:
    """What a query without ``max_points`` should return."""
    kept = [
        point
        for point in points
        if (not query.keys or point.key in query.keys)
        and (query.start_step is None or point.step >= query.start_step)
        and (query.end_step is None or point.step <= query.end_step)
        and not any(point.step > rewind.step and point.logged_us <= rewind.at_us for rewind in query.rewinds)
    ]
    kept.sort(key=lambda point: (point.key.encode(), point.step, point.logged_us))
    return [point.row() for point in kept]


def random_points(chance: random.Random, count: int, *, keys: Sequence[str] = KEYS[:5], start_us: int = NOW_US) -> list[Point]:
    """Points of every kind; no two have the same logged time."""
    points = []
    for i in range(count):
        value: float | str | bytes = chance.choice(VALUES) if chance.random() < 0.3 else chance.gauss(0, 1)
        if chance.random() < 0.05:
            value = chance.choice(OTHER_VALUES)
        wallclock = None if chance.random() < 0.7 else NOW_US + chance.randrange(-(10**9), 10**9)
        points.append(Point(chance.choice(keys), chance.randrange(-3, 30), start_us + i, value, wallclock))
    return points


def series(values: Iterable[float | str | bytes], *, key: str = "loss", start_us: int = NOW_US) -> list[Point]:
    """Points of one key at the steps 0, 1, 2, ..."""
    return [Point(key, step, start_us + step, value) for step, value in enumerate(values)]


def _exact(value: float) -> str:
    return value.hex()  # "nan", "-inf" and "-0x0.0p+0" among them
