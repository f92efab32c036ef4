"""Trouble for a server and for the connections to it, at random moments."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

from services.server_process import ServerProcess
from services.tcp_proxy import TcpProxy

STOP_S = 10.0


class Outages:
    """While the block runs, the server dies, hangs and comes back, and connections break; at its end all is well again.

    Args:
        server: What clients talk to.
        proxy: What stands between, if anything.
        rng: Decides on everything but time.
        every_s: After how long the next trouble begins, in the mean.

    Attributes:
        counts: How often there was what.
    """

    def __init__(self, server: ServerProcess, proxy: TcpProxy | None, rng: random.Random, *, every_s: float = 2.0) -> None:
        self.counts: Counter[str] = Counter()
        self._server = server
        self._proxy = proxy
        self._rng = rng
        self._every_s = every_s
        self._kinds = [self._kill, self._kill, self._kill, self._stop, self._hang]
        if proxy is not None:
            self._kinds += [self._reset, self._cut, self._cut, self._stall, self._refuse, self._slow] * 2

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="outages", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._over.wait(self._rng.expovariate(1 / self._every_s)):
                self._rng.choice(self._kinds)()
        except Exception as error:  # noqa: BLE001 - raised by the block
            self._error = error

    # -- the server

    def _kill(self) -> None:
        workers = self._server.workers()
        if workers and self._rng.random() < 0.5:
            with contextlib.suppress(ProcessLookupError):  # it has ended after an earlier kill
                os.kill(self._rng.choice(workers), signal.SIGKILL)
            self.counts["server: workers killed"] += 1
            return
        self._server.kill()
        self.counts["server: killed"] += 1
        self._come_back()

    def _stop(self) -> None:
        started = time.monotonic()
        code, took_s = self._server.stop(), time.monotonic() - started
        if code or took_s > STOP_S:
            raise AssertionError(f"the server ended with {code} after {took_s:.1f} s")
        self.counts["server: stopped"] += 1
        self._come_back()

    def _come_back(self) -> None:
        time.sleep(self._rng.choice([0.0, 0.0, 0.5, 3.0]))
        self._server.start()

    def _hang(self) -> None:
        self._server.pause()
        time.sleep(self._rng.choice([0.1, 1.0, 3.0]))
        self._server.resume()
        self.counts["server: hung"] += 1

    # -- connections

    def _reset(self) -> None:
        self._link.reset()
        self.counts["connections: reset"] += 1

    def _cut(self) -> None:
        """Break the connection that carries a byte that is to come: in the middle of a request or of an answer."""
        self._link.cut_after(int(self._rng.expovariate(1 / 5_000)), answers=self._rng.random() < 0.6)
        self.counts["connections: cut"] += 1

    def _stall(self) -> None:
        self._link.stalled = True
        time.sleep(self._rng.choice([0.1, 1.0, 3.0]))
        self._link.stalled = False
        if self._rng.random() < 0.5:  # what is under way arrives late, or never
            self._link.reset()
        self.counts["connections: stalled"] += 1

    def _refuse(self) -> None:
        self._link.refusing = True
        self._link.reset()
        time.sleep(self._rng.choice([0.1, 1.0, 3.0]))
        self._link.refusing = False
        self.counts["connections: refused"] += 1

    def _slow(self) -> None:
        self._link.delay_s = self._rng.uniform(0.0, 0.1)
        time.sleep(self._rng.choice([0.5, 2.0]))
        self._link.delay_s = 0.0
        self.counts["connections: slow"] += 1

    @property
    def _link(self) -> TcpProxy:
        assert self._proxy is not None
        return self._proxy
