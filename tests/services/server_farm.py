"""Many small ModelBox servers in one other process: each test gets a fresh store behind a server, without waiting for a start.

::

    with ServerFarm() as farm:
        uri = farm.open(tmp_path / "store")     # grpc://127.0.0.1:<port>
        farm.close(uri)                         # which ends that server
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_STOP_S = 10.0


class ServerFarm:
    """A process that starts and stops servers when it is told to."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        process = self._running()
        process.communicate(timeout=_STOP_S)  # it ends when its input does

    def open(self, store: Path | str, *, with_rights: bool = False) -> str:
        """Start a server of a store, which is created when absent; its URI. With rights, each call's rights are looked at: all."""
        return f"grpc://127.0.0.1:{self._ask(('guard ' if with_rights else 'open ') + str(store))}"

    def close(self, uri: str) -> None:
        """Stop a server."""
        self._ask(f"close {uri.rpartition(':')[2]}")

    def _ask(self, line: str) -> str:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line + "\n")
        answer = process.stdout.readline().strip()
        assert answer, "the process with the servers has died"
        return answer

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, "it has not been started"
        return self._process


def _serve() -> None:
    from modelbox.backends.inprocess import open_store
    from modelbox.server.authorised import AuthorisedBackend
    from modelbox.server.grpc_server import build_server
    from modelbox.server.rights import Grant

    running = {}
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command in ("open", "guard"):
            backend = open_store(argument)
            guarded = AuthorisedBackend(backend, Grant(name="all", namespaces=("*",), may_write=True))
            server = build_server(backend, authorise=(lambda _, seen=guarded: seen) if command == "guard" else None)
            port = str(server.start("127.0.0.1:0"))
            running[port] = server, backend
            print(port, flush=True)
        else:
            server, backend = running.pop(argument)
            server.stop(0.0)
            backend.close()
            print("closed", flush=True)


if __name__ == "__main__":
    _serve()
