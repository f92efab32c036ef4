"""Running programs in fresh interpreters, and what they say about themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        folder: Where stores and files are made; it should be on the disk that is of interest.
        quick: Tiny sizes: shows that the benchmarks run, and nothing about speed.
    """

    folder: Path
    quick: bool = False

    def of(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def rounds(self, full: int) -> int:
        return 1 if self.quick else full

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        path = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Finished:
    """A program that has ended.

    Attributes:
        wall_s: From its start to its end, seen from outside.
        started_ns: When it was started, by the monotonic clock that all processes of a machine share.
        said: What it printed: one JSON object.
    """

    wall_s: float
    started_ns: int
    said: dict[str, Any] = field(default_factory=dict)

    def since_start(self, name: str) -> float:
        """Seconds from its start to a moment that it noted."""
        return (self.said[name] - self.started_ns) / 1e9


def command(program: str, *args: object) -> list[str]:
    """The command line of one of the programs here."""
    return [sys.executable, str(PROGRAMS / f"{program}.py"), *map(str, args)]


def run(program: str, *args: object) -> Finished:
    """Run one of the programs here in a fresh interpreter."""
    return run_command(command(program, *args))


def run_command(line: list[str]) -> Finished:
    """Run anything and take the time."""
    started = time.monotonic_ns()
    done = subprocess.run(line, stdout=subprocess.PIPE, check=True, env=environment())
    wall_s = (time.monotonic_ns() - started) / 1e9
    return Finished(wall_s, started, json.loads(done.stdout) if done.stdout.strip() else {})


def start(program: str, *args: object) -> subprocess.Popen[str]:
    """Start one of the programs here, to talk with over its pipes."""
    return subprocess.Popen(
        command(program, *args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment()
    )


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that a started program prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def environment() -> dict[str, str]:
    """The environment without what would lead a client elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MODELBOX_")}


def fresh(path: Path) -> Path:
    """The path, with nothing at it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return path


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
