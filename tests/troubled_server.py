"""A server in another process that may be killed, or made to hang, by one test after the other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbox import ModelBoxClient
from services.server_process import ServerProcess

HANG_S = 60.0
"""Whoever has not ended by then hangs."""


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(shared_server: ServerProcess) -> Iterator[ServerProcess]:
    """A server for one test after the other, which may kill it, or make it hang."""
    yield shared_server
    shared_server.resume()
    if not shared_server.is_running:
        shared_server.start()


@pytest.fixture
def name() -> str:
    """Of the one experiment of a test."""
    return uuid.uuid4().hex


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("MODELBOX_RETRY_S", "60")  # for machines that are busy
    return tmp_path / "spool"


def steps(client: ModelBoxClient, name: str) -> list[int]:
    return client.create_experiment(name).metrics("x").to_dict()["step"]


def events(client: ModelBoxClient, name: str) -> list[str]:
    """The names of the events of an experiment, in the order of the feed."""
    id = client.create_experiment(name).id
    return [str(change.payload["name"]) for change in client.changes() if change.action == "logged" and change.object_id == id]
