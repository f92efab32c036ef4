"""Several processes that serve on one port: started, watched, started again, stopped."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection

from modelbox.errors import UnavailableError
from modelbox.server.configuration import ServerConfiguration
from modelbox.server.figures import Figures
from modelbox.server.network import PortReservation
from modelbox.server.signals import STOP_S
from modelbox.server.telemetry import process_figures
from modelbox.server.worker import STOP, Orders

_log = logging.getLogger("modelbox.server")

_START_S = 60.0
_MARGIN_S = 1.0
_ANSWER_S = 2.0
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 10.0
_STABLE_S = 30.0


class Supervisor:
    """The parent of the processes that serve. It loads nothing of what they need, and so stays small.

    Args:
        configuration: What to serve, and how.
    """

    def __init__(self, configuration: ServerConfiguration) -> None:
        self._configuration = configuration
        self._port: PortReservation | None = None
        self._workers: list[_Worker] = []

    def start(self) -> int:
        """Start all workers, and wait until they answer.

        Returns:
            The port.

        Raises:
            UnavailableError: The address cannot be listened on, or a worker cannot start; none is left running.
        """
        self._port = PortReservation(self._configuration.listen_addr)
        orders = Orders(self._configuration, self._port.address)
        self._workers = [_Worker(number, orders) for number in range(1, self._configuration.workers + 1)]
        try:
            for worker in self._workers:
                worker.start()
            for worker in self._workers:
                worker.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        for worker in self._workers:
            worker.watch()
        return self._port.port

    def stop(self) -> None:
        """End all workers as a signal would. Idempotent."""
        deadline = time.monotonic() + STOP_S - _MARGIN_S
        for worker in self._workers:
            worker.tell_to_stop()
        for worker in self._workers:
            worker.wait_until_gone(deadline)
        if self._port is not None:
            self._port.close()

    def kill(self) -> None:
        """End all workers at once."""
        for worker in self._workers:
            worker.kill()

    def figures(self) -> Figures:
        """Those of all workers and of this process."""
        total = process_figures()
        for worker in self._workers:
            total.add(worker.figures())
        return total


class _Worker:
    """One worker, and the processes that it has been."""

    def __init__(self, number: int, orders: Orders) -> None:
        self._number = number
        self._orders = orders
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._past = Figures()
        self._latest = Figures()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Connection
        self._asked = 0
        self._ready = False

    def start(self) -> None:
        """Start a process."""
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            descriptor = theirs.fileno()
            command = [sys.executable, "-P", "-m", "modelbox.server.worker", str(descriptor)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[descriptor])
        self._channel = ours
        self._ready = False
        with contextlib.suppress(OSError):  # it died at once; whoever waits for it sees that
            ours.send(self._orders)

    def wait_until_ready(self) -> None:
        """Wait until the process answers calls.

        Raises:
            UnavailableError: It cannot.
        """
        problem = "it does not say why"
        try:
            if self._channel.poll(_START_S):
                problem = self._channel.recv()
        except (EOFError, OSError):
            pass
        if problem:
            raise UnavailableError(f"worker {self._number} cannot start: {problem}")
        self._ready = True

    def watch(self) -> None:
        """Start another process whenever this one ends by itself."""
        threading.Thread(target=self._watch, name=f"modelbox-worker-{self._number}", daemon=True).start()

    def tell_to_stop(self) -> None:
        """Ask the process to end; no other is started."""
        with self._lock:
            self._stopping.set()
            if self._process is not None:
                with contextlib.suppress(OSError):  # it is gone already
                    self._channel.send(STOP)

    def wait_until_gone(self, deadline: float) -> None:
        """Wait for the end of the process, and bring it about when it is late."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.warning("worker %d did not stop in time and is killed", self._number)
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once; no other is started."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()

    def figures(self) -> Figures:
        """What all its processes counted, and what the present one uses."""
        with self._lock:
            if self._ready:
                self._measure()
            total = self._past.copy()
            total.add(self._latest)
            return total

    def _measure(self) -> None:
        self._asked += 1
        deadline = time.monotonic() + _ANSWER_S
        try:
            self._channel.send(self._asked)
            answered = -1
            while answered != self._asked and self._channel.poll(max(0.0, deadline - time.monotonic())):
                answered, self._latest = self._channel.recv()  # perhaps a late answer to an earlier question
        except (EOFError, OSError):
            self._ready = False
            self._latest = self._latest.without_gauges()

    def _watch(self) -> None:
        delay_s = _FIRST_DELAY_S
        while self._process is not None:
            started = time.monotonic()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > _STABLE_S:
                delay_s = _FIRST_DELAY_S
            _log.error("worker %d ended by itself (%s); it is started again", self._number, _how(code))
            if self._stopping.wait(delay_s):
                return
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
            self._restart()

    def _restart(self) -> None:
        try:
            with self._lock:
                if self._stopping.is_set():
                    return
                self._past.add(self._latest.without_gauges())
                self._past.counters["restarts",] = self._past.counters.get(("restarts",), 0.0) + 1
                self._latest = Figures()
                self._channel.close()
                self.start()
            self.wait_until_ready()
        except (OSError, UnavailableError) as error:  # it is tried again, for the process has ended, or has not begun
            _log.error("%s", error)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
