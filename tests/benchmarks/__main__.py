"""Run the benchmarks: ``python -m tests.benchmarks [--only NAME] [--quick] [--json FILE] [--folder DIR]``."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.benchmarks import (
    artifacts,
    logging_calls,
    long_run,
    metadata,
    reading,
    serving,
    starting,
    throughput,
    transfers,
    watching,
)
from tests.benchmarks.rows import Row, table
from tests.benchmarks.running import Scale

BENCHMARKS = {
    "calls": logging_calls.run,
    "throughput": throughput.run,
    "reading": reading.run,
    "metadata": metadata.run_large_store,
    "transactions": metadata.run_transactions,
    "watch": watching.run,
    "artifact": artifacts.run_large,
    "files": artifacts.run_many,
    "start": starting.run,
    "long-run": long_run.run,
    "server-transfers": transfers.run_through,
    "server-direct": transfers.run_direct,
    "server-calls": serving.run_calls,
    "server-watch": serving.run_watchers,
    "server-metrics": serving.run_metrics,
    "server-start": serving.run_starting,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", choices=list(BENCHMARKS), help=f"one of {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that the benchmarks run, and nothing about speed")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures of every round there")
    parser.add_argument("--folder", metavar="DIR", type=Path, help="where to work; a temporary folder when not given")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="modelbox-bench-", dir=options.folder) as folder:
        rows = list(measure(options.only or list(BENCHMARKS), Scale(Path(folder), options.quick)))
    print(f"\nPython {platform.python_version()}, {platform.system()} {platform.machine()}; median [min-max]\n")
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps([row.as_dict() for row in rows], indent=1) + "\n")
    return 0


def measure(names: Iterable[str], scale: Scale) -> Iterable[Row]:
    """Run some benchmarks, and say on stderr how they go."""
    for name in names:
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        began = time.monotonic()
        rows = list(BENCHMARKS[name](scale))
        for row in rows:
            row.benchmark = name
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
        yield from rows


if __name__ == "__main__":
    sys.exit(main())
