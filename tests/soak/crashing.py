"""Rounds in which real processes work on one store and are killed at random moments."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import AbstractContextManager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import worker
from checker import Checker, ViolationError
from ledger import Ledger

STOP_S = 40.0
STOP_REMOTE_S = 120.0
"""A call may wait for a server that is coming back, and a fork for the call."""
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["worker"])


def stacks() -> str:
    """Where the processes of the workers are, as far as py-spy is installed and may look."""
    found = subprocess.run(
        ["pgrep", "-f", "multiprocessing.forkserver"], capture_output=True, text=True, check=False
    ).stdout.split()
    spy = shutil.which("py-spy") or str(Path(sys.executable).parent / "py-spy")
    if not Path(spy).exists():
        return f"processes {found}"
    return "\n".join(subprocess.run([spy, "dump", "-p", pid], capture_output=True, text=True, check=False).stdout for pid in found)


class Life:
    """A worker process, and the thread that reads what it says."""

    def __init__(self, uri: str, ledger: Ledger, lock: threading.Lock, who: int, seed: int, tiny: bool) -> None:
        reader, writer = _context.Pipe(duplex=False)
        self.who = who
        self.stop_s = STOP_REMOTE_S if uri.startswith("grpc://") else STOP_S
        self.process: ForkServerProcess = _context.Process(target=worker.main, args=(uri, writer, who, seed, tiny))
        self.process.start()
        writer.close()
        self._thread = threading.Thread(target=self._read, args=(reader, ledger, lock), daemon=True)
        self._thread.start()

    def end(self, sig: signal.Signals) -> bool:
        """Send a signal and wait; whether it ended in time."""
        if self.process.is_alive() and self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, sig)
        self.process.join(self.stop_s)
        if self.process.is_alive():
            return False
        self._thread.join(self.stop_s)
        return not self._thread.is_alive()

    @staticmethod
    def _read(reader: Any, ledger: Ledger, lock: threading.Lock) -> None:
        rest = b""
        while data := os.read(reader.fileno(), 1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            with lock:
                for line in lines:
                    ledger.add(line)
        reader.close()


class CrashStore:
    """A store that lives through several rounds.

    Args:
        uri: Where it is.
        rng: Decides on everything but time.
        tiny: Whether half of the workers have tiny checkpoint intervals and journal files.
        trouble: What else happens while they work.
    """

    def __init__(
        self, uri: str, rng: random.Random, *, tiny: bool = True, trouble: AbstractContextManager[Any] | None = None
    ) -> None:
        self.uri = uri
        self.rng = rng
        self.tiny = tiny
        self.trouble = trouble or contextlib.nullcontext()
        self.ledger = Ledger()
        self.lock = threading.Lock()
        self.next_who = 1
        self.downloaded: set[str] = set()

    def round(self, workers: int, duration_s: float, life_s: float) -> Counter[str]:
        """Let them work and kill them, then compare.

        Args:
            workers: How many at a time.
            duration_s: How long.
            life_s: After how long a worker is killed, in the mean.

        Raises:
            ViolationError: The store broke a promise.
        """
        counts: Counter[str] = Counter()
        lives = [self._spawn() for _ in range(workers)]
        try:
            with self.trouble:
                self._work(lives, duration_s, life_s, counts)
            self._end(lives, counts)
        finally:
            for life in lives:
                life.process.kill()
        if self.ledger.failures:
            raise ViolationError("; ".join(self.ledger.failures))
        found = Checker(self.uri, self.ledger, self.downloaded).run()
        counts["forks"] = len(list(self.ledger.all("fork")))
        return counts + found

    def _work(self, lives: list[Life], duration_s: float, life_s: float, counts: Counter[str]) -> None:
        deadline = time.monotonic() + duration_s
        due = [self._death(life_s) for _ in lives]
        while time.monotonic() < deadline and not self.ledger.failures:
            time.sleep(0.003)
            for i, life in enumerate(lives):
                if not life.process.is_alive():
                    raise ViolationError(f"life {life.who} ended by itself, with {life.process.exitcode}: {self.ledger.failures}")
                if time.monotonic() > due[i]:
                    self._kill(life, counts)
                    lives[i], due[i] = self._spawn(), self._death(life_s)

    def _end(self, lives: list[Life], counts: Counter[str]) -> None:
        """Kill some, and ask the others to close."""
        for life in lives:
            if self.rng.random() < 0.5:
                self._kill(life, counts)
            elif not life.end(signal.SIGTERM):
                raise ViolationError(
                    f"life {life.who} (process {life.process.pid}) does not end within {life.stop_s} s: {stacks()}"
                )
            elif (
                life.process.exitcode not in (0, -signal.SIGTERM) and not self.ledger.failures
            ):  # by the signal when it is very young
                raise ViolationError(f"life {life.who} ended with {life.process.exitcode}")

    def _spawn(self) -> Life:
        who, self.next_who = self.next_who, self.next_who + 1
        return Life(self.uri, self.ledger, self.lock, who, self.rng.getrandbits(32), self.tiny and self.rng.random() < 0.7)

    def _death(self, life_s: float) -> float:
        return time.monotonic() + 0.15 + self.rng.expovariate(1 / life_s)

    def _kill(self, life: Life, counts: Counter[str]) -> None:
        if not life.end(signal.SIGKILL):
            raise ViolationError(f"a forked child of life {life.who} hangs: {stacks()}")
        counts["kills"] += 1
