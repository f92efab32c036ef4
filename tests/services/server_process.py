"""A ModelBox server in a process of its own, whose port stays the same when it is killed and started again.

::

    with ServerProcess(tmp_path / "server") as server:
        client = ModelBoxClient(server.uri)
        server.kill()      # with SIGKILL, all processes of it
        server.start()     # on the same store and port
        server.pause()     # SIGSTOP: connections stay open, and nobody answers
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_S = 60.0
STOP_S = 15.0
_READY = "serving on"
_COMMAND = ("-m", "modelbox.cli")
_FREE_PORTS = range(15_000, 30_000)
"""Below those that the system gives to clients: while a server is away, nobody else, and no client of it, gets its port."""


class ServerProcess:
    """A server of a store in a folder, started when the block begins and killed at its end.

    Attributes:
        address: ``host:port`` of it.
        uri: What a client opens.
        command: How Python is started for the ``modelbox`` program; what is changed counts from the next start on.
        store: The folder of the store.
        log: What it wrote to stderr, in all its lives.

    Args:
        folder: For everything that it keeps.
        command: See the attribute.
        settings: Keys of its configuration; a mapping is a table.
    """

    def __init__(self, folder: Path, *, command: tuple[str, ...] = _COMMAND, **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{free_port()}"
        self.uri = f"grpc://{self.address}"
        self.store = folder / "store"
        self.log = folder / "server.log"
        self.command = command
        self._arguments = ("server", "start", "--config-path", str(folder / "server.toml"))
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "server.toml").write_text(_toml(self._settings() | settings))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._begin = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, *self.command, *self._arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_until_ready(self) -> None:
        """Wait until it says that it serves."""
        deadline = time.monotonic() + START_S
        while _READY not in self._said():
            if self._running().poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server does not start ({self._running().poll()}): {self._said()}")
            time.sleep(0.01)

    def kill(self) -> None:
        """End all its processes with SIGKILL."""
        self._signal(signal.SIGKILL)
        self._running().wait(STOP_S)

    def stop(self) -> int:
        """Ask it to end with SIGTERM, and wait; its exit code."""
        self._running().send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended; its exit code."""
        return self._running().wait(STOP_S)

    def pause(self) -> None:
        """Make all its processes hang: their connections stay open, and carry nothing from now on."""
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + STOP_S
        while not all(_is_stopped(pid) for pid in (self.pid, *_children(self.pid))):
            assert time.monotonic() < deadline, "the server does not stop"
            time.sleep(0.005)

    def resume(self) -> None:
        """Let its processes go on."""
        self._signal(signal.SIGCONT)

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def workers(self) -> list[int]:
        """Processes that it has started."""
        return _children(self.pid)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    def _settings(self) -> dict[str, Any]:
        return {
            "artifact_storage": "filesystem",
            "metadata_storage": "integrated",
            "metrics_storage": "integrated",
            "listen_addr": self.address,
            "metrics_addr": "",
            "artifact_storage_filesystem": {"base_dir": str(self.store)},
            "metadata_storage_integrated": {"path": str(self.store)},
        }

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it has not been started"
        return self._process

    def _said(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._begin)
            return log.read().decode(errors="replace")

    def _signal(self, number: signal.Signals) -> None:
        for pid in (self.pid, *_children(self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    while True:
        port = random.SystemRandom().choice(_FREE_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _children(parent: int) -> list[int]:
    found = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in found.splitlines())
    return [int(pid) for pid, of, state in rows if of == str(parent) and not state.startswith("Z")]


def _is_stopped(pid: int) -> bool:
    """Whether no thread of a process runs; a signal to stop takes its time where threads are at work."""
    threads = ("-L",) if sys.platform == "linux" else ()
    found = subprocess.run(["ps", *threads, "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    return all(state.startswith("T") for state in found.split())


def _toml(settings: dict[str, Any]) -> str:
    """Keys first, then tables; JSON's scalars and lists are TOML's, too."""
    keys = [f"{name} = {json.dumps(value)}" for name, value in settings.items() if not isinstance(value, dict)]
    tables = [f"[{name}]\n{_toml(value)}" for name, value in settings.items() if isinstance(value, dict)]
    return "\n".join([*keys, *tables]) + "\n"
