"""What it takes to begin."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from tests.benchmarks.rows import MILLISECONDS, Row, rounds
from tests.benchmarks.running import Finished, Scale, fresh, run_command
from tests.benchmarks.running import run as run_program


def run(scale: Scale) -> Iterable[Row]:
    """Importing, and the first metric in a new store and in one that exists."""
    for work, code, bar in (
        ("`import modelbox`, above bare Python", "import modelbox", 0.03),
        ("`from modelbox import ModelBoxClient`, above bare Python", "from modelbox import ModelBoxClient", None),
    ):
        if not scale.quick:
            _code(code)
        floors, figures = rounds(scale.rounds(25), lambda: _code("pass"), lambda: _code(code))  # noqa: B023
        above = [ours - floor for ours, floor in zip(figures, floors, strict=True)]
        yield Row(work, MILLISECONDS, above, bar=None if bar is None else ("at most", bar))
    with scale.scratch() as folder:
        first_in_new: list[Finished] = []
        later: list[Finished] = []

        def new() -> float:
            fresh(folder / "new")
            first_in_new.append(run_program("first_metric", folder / "new"))
            return first_in_new[-1].since_start("logged")

        def existing() -> float:
            later.append(run_program("first_metric", folder / "existing"))
            return later[-1].since_start("logged")

        if not scale.quick:
            existing()
        count = scale.rounds(15)
        figures = [(_code("pass"), new(), existing()) for _ in range(count)]
    floors = [bare for bare, _, _ in figures]
    for at, name in ((1, "a new store"), (2, "an existing store")):
        yield Row(
            f"process start to the first logged metric, {name}",
            MILLISECONDS,
            [figure[at] for figure in figures],
            floors,
            "bare Python",
            ("at most", 0.3),
        )
    whole = [one.since_start("closed") for one in later[-count:]]
    yield Row("the same, to the end of `close()`, an existing store", MILLISECONDS, whole, floors, "bare Python")


def _code(code: str) -> float:
    return run_command([sys.executable, "-c", code]).wall_s
