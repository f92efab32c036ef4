"""The benchmarks run. How fast they find things to be is not looked at: that is for a machine that does nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
BENCHMARKS = (
    *("calls", "throughput", "reading", "metadata", "transactions", "watch", "artifact", "files", "start", "long-run"),
    *("server-transfers", "server-direct", "server-calls", "server-watch", "server-metrics", "server-start"),
)


def run(*arguments: str) -> str:
    line = [sys.executable, "-m", "tests.benchmarks", *arguments]
    done = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_these_are_all_benchmarks() -> None:
    assert f"oneof{','.join(BENCHMARKS)}" in "".join(run("--help").split())


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_reports(tmp_path: Path, name: str) -> None:
    found = tmp_path / "rows.json"
    printed = run("--quick", "--only", name, "--json", str(found), "--folder", str(tmp_path))
    rows = json.loads(found.read_text())
    assert {row["benchmark"] for row in rows} == {name}
    assert all(row["work"] in printed for row in rows)
    assert [path.name for path in tmp_path.iterdir()] == [found.name], "the benchmarks leave files behind"
