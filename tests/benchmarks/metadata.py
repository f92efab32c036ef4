"""Metadata: a store with a long history, and transactions."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.benchmarks.rows import A_SECOND, MILLISECONDS, Row, rounds
from tests.benchmarks.running import Scale, fresh, line_of, start
from tests.benchmarks.running import run as run_program

_MEMORY = Path("/dev/shm")
FLOOR = "write, fdatasync, link"


def run_large_store(scale: Scale) -> Iterable[Row]:
    """10,000 experiments with a short history and with a long one, opened by processes that know nothing yet."""
    experiments = scale.of(10_000, 30)
    with scale.scratch() as folder:
        ids = {
            name: _make(folder / name, experiments, changes)
            for name, changes in (("short", experiments), ("long", scale.of(100_000, 300)))
        }

        def opened(name: str) -> dict[str, Any]:
            return run_program("large_store", "open", folder / name, *ids[name]).said

        if not scale.quick:
            opened("long")
        said: dict[str, list[dict[str, Any]]] = {"short": [], "long": []}
        for _ in range(scale.rounds(9)):
            for name, found in said.items():
                found.append(opened(name))
    figures = {name: {figure: [one[figure] for one in found] for figure in found[0]} for name, found in said.items()}
    store = "10,000 experiments, 100,000 changes"
    long, short = figures["long"], figures["short"]
    yield Row(f"{store}: open, with the first get", MILLISECONDS, long["opened_s"], bar=("at most", 0.3))
    yield Row("the same: get one", MILLISECONDS, long["got_s"], bar=("at most", 0.005))
    yield Row("the same: list a page of 100", MILLISECONDS, long["listed_s"], bar=("at most", 0.1))
    yield Row(
        "open: a history ten times as long",
        MILLISECONDS,
        long["opened_s"],
        short["opened_s"],
        "10,000 changes",
        ("ratio at most", 1.5),
    )


def _make(store: Path, experiments: int, changes: int) -> tuple[str, str]:
    """Made in memory, where committing is fast, and copied to the disk: the files are the same."""
    place = Path(tempfile.mkdtemp(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
    try:
        said = run_program("large_store", "make", place / "store", experiments, changes).said
        assert said["changes"] == changes, f"{said['changes']} changes were made, of {changes}"
        shutil.copytree(place / "store", store)
    finally:
        shutil.rmtree(place)
    return said["id"], said["other"]


def run_transactions(scale: Scale) -> Iterable[Row]:
    """Durable transactions a second, of one process and of eight in one store."""
    for processes, work, bar in ((1, "one process", 300), (scale.of(8, 2), "eight processes, in all", 150)):
        with scale.scratch() as folder:
            floors, figures = rounds(
                scale.rounds(5),
                lambda: _rate(f"floor:{_empty(folder / 'floor')}", processes, scale),  # noqa: B023
                lambda: _rate(str(fresh(folder / "store")), processes, scale),  # noqa: B023
            )
        yield Row(f"durable transactions, {work}", A_SECOND, figures, floors, FLOOR, ("at least", bar))


def _empty(folder: Path) -> Path:
    fresh(folder).mkdir()
    return folder


def _rate(store: str, processes: int, scale: Scale) -> float:
    """Commits a second of all processes, from the moment at which the last of them was ready."""
    seconds = 0.2 if scale.quick else 4.0
    started = [start("transact", store, f"p{number}", seconds) for number in range(processes)]
    for process in started:
        assert line_of(process) == "ready"
    for process in started:
        print(file=process.stdin)
    said = [json.loads(process.communicate()[0]) for process in started]
    return float(sum(one["commits"] / one["took_s"] for one in said))
