"""The benchmarks run. How fast they find things to be is not looked at: that is for a machine that does nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_every_benchmark_runs_and_reports_every_row(tmp_path: Path) -> None:
    found = tmp_path / "rows.json"
    line = [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(found), "--folder", str(tmp_path)]
    done = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(found.read_text())
    assert {row["benchmark"] for row in rows} == {
        "calls",
        "throughput",
        "reading",
        "metadata",
        "transactions",
        "watch",
        "artifact",
        "files",
        "start",
        "long-run",
    }
    assert all(figure >= 0 for row in rows for figure in row["floor"])
    assert all(row["work"] in done.stdout for row in rows)
    assert not [path for path in tmp_path.iterdir() if path != found], "the benchmarks leave files behind"
