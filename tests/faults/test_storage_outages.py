"""A bucket that cannot be reached: errors within a bounded time, logging goes on, and all is delivered once after it is back."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import urllib.parse
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbox import ModelBoxClient, NotFoundError, PermissionDeniedError, UnavailableError

BOUND_S = 60.0


class Cable:
    """A way to the server that can be cut: connections break, and new ones are refused."""

    def __init__(self, endpoint: str) -> None:
        self._target = (urllib.parse.urlsplit(endpoint).hostname or "", urllib.parse.urlsplit(endpoint).port or 0)
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = 0
        self.mend()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def mend(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            return
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        with self._lock:
            ends, self._open = self._open, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            with self._lock:
                self._open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            one.close()


@pytest.fixture
def cable(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cable]:
    cable = Cable(s3_server)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", cable.endpoint)
    yield cable
    cable.cut()


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < BOUND_S


def test_wrong_credentials(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with bounded(), pytest.raises(PermissionDeniedError, match=s3_url):
        ModelBoxClient(s3_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with bounded(), pytest.raises(PermissionDeniedError, match=s3_url):
        ModelBoxClient(s3_url)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with bounded(), pytest.raises(PermissionDeniedError, match="credentials"):
        ModelBoxClient(s3_url)


def test_no_such_bucket(s3_server: str) -> None:
    with bounded(), pytest.raises(NotFoundError, match="no such bucket"):
        ModelBoxClient("s3://no-such-bucket-here/prefix")


def test_no_server(s3_url: str, cable: Cable) -> None:
    cable.cut()
    with bounded(), pytest.raises(UnavailableError, match=s3_url):
        ModelBoxClient(s3_url)


def test_a_server_that_goes_and_comes_back(s3_url: str, cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
    (tmp_path / "file").write_bytes(os.urandom(100_000))
    client = ModelBoxClient(s3_url, owner="o")
    exp = client.create_experiment("e")
    step = 0

    def log(count: int) -> None:
        nonlocal step
        for _ in range(count):
            exp.log_metrics({"x": float(step)}, step=step)
            step += 1
        exp.log_event(f"after {step}")

    log(1000)
    client.flush(30)
    for round_ in range(1):
        log(500)
        cable.cut()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            started = time.monotonic()
            log(2000)  # never waits, never raises
            assert time.monotonic() - started < 2
        with bounded(), pytest.raises(UnavailableError):
            client.flush(3)
        with bounded(), pytest.raises(UnavailableError):
            exp.update_metadata("round", round_)
        with bounded(), pytest.raises(UnavailableError):
            exp.upload_artifact("file", tmp_path / "file", progress=False)
        assert client.health().waiting >= 2000
        assert client.health().last_error
        cable.mend()
        client.flush(60)
        assert client.health().waiting == 0
        exp.upload_artifact("file", tmp_path / "file", progress=False)
    cable.cut()
    log(100)
    with bounded(), pytest.raises(UnavailableError, match="spool"):
        client.close(2)
    cable.mend()
    with ModelBoxClient(s3_url, owner="o") as client:  # whoever comes next delivers what was left
        exp = client.create_experiment("e")
        assert exp.metrics("x").to_dict()["step"] == list(range(step))
        changes = client.changes()
        assert [change.seq for change in changes] == list(range(1, len(changes) + 1))
        assert [event.name for event in exp.events()] == [f"after {n}" for n in (1000, 1500, 3500, 3600)]
        assert client.check(verify_content=True) == []
    assert not list((tmp_path / "spool").rglob("*.journal"))
