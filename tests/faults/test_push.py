"""Pushing to a server in another process, while a run writes, and killed at any moment: everything is there once."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbox import ModelBoxClient, UnavailableError
from pushed_store import everything, fill, points
from services.server_process import ServerProcess
from services.tcp_proxy import TcpProxy

SEEDS = range(2)
KILLS = 3
LONGEST_S = 2.0

WRITE = """
import sys, time
from modelbox import ModelBoxClient

with ModelBoxClient(sys.argv[1], owner=sys.argv[2]) as client:
    exp = client.create_experiment("live")
    model = client.create_model("live")
    deadline = time.monotonic() + float(sys.argv[3])
    step = 0
    while time.monotonic() < deadline:
        exp.log_metrics({"loss": float(step), "accuracy": step / 2}, step=step)
        if step % 100 == 0:
            exp.log_event("hundred", metadata={"step": step})
            exp.update_metadata({"step": step})
        if step % 1000 == 0:
            model.create_version(str(step), experiment=exp).log_metrics({"step": float(step)})
        step += 1
        time.sleep(0.0002)
print(step)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server") as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Enough that a push takes a second or two."""
    with ModelBoxClient(tmp_path / "store", owner="ada") as client:
        fill(client, tmp_path)
        for number in range(10):
            exp = client.create_experiment(f"run {number}")
            for step in range(200):
                exp.log_metrics({f"metric {key}": step / (key + 1) for key in range(50)}, step=step)
            exp.log_event("half", metadata={"of": number})
        for number in range(4):
            (tmp_path / "content").write_bytes(os.urandom(3_000_000))
            exp.upload_artifact(f"checkpoint {number}", tmp_path / "content")
    return tmp_path / "store"


def push(store: Path, uri: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "modelbox.cli", "push", str(store), uri]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(store: Path, uri: str) -> str:
    with push(store, uri) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out


def same(store: Path, uri: str) -> None:
    with ModelBoxClient(store, owner="ada") as local, ModelBoxClient(uri) as there:
        assert everything(there) == everything(local)


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_any_moment(store: Path, server: ServerProcess, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(KILLS):
        with push(store, server.uri) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.4, LONGEST_S))
            process.kill()
    finish(store, server.uri)
    same(store, server.uri)
    with ModelBoxClient(server.uri) as there:
        before = there.changes("*")
        assert finish(store, server.uri).startswith("pushed nothing")
        assert there.changes("*") == before


@pytest.mark.parametrize("seed", SEEDS)
def test_while_a_run_writes_and_pushes_are_killed(tmp_path: Path, server: ServerProcess, seed: int) -> None:
    store, chance = tmp_path / "store", random.Random(seed)
    with ModelBoxClient(store, owner="ada") as client:
        exp = client.create_experiment("live")
        command = [sys.executable, "-c", WRITE, str(store), "ada", "3"]
        runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        while any(run.poll() is None for run in runs):
            with push(store, server.uri) as process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(chance.uniform(0.4, LONGEST_S))
                process.kill()
        steps = [int(run.communicate()[0]) for run in runs]
        finish(store, server.uri)
        with ModelBoxClient(server.uri) as there:
            assert len(points(there, exp.id)) == 2 * sum(steps)
            assert len(there.get_experiment(exp.id).events()) == sum(-(-count // 100) for count in steps)
            assert everything(there) == everything(client)


def test_a_server_that_is_killed(store: Path, server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_RETRY_S", "0")
    for delay in (1.0, 1.7):
        with push(store, server.uri) as process:
            time.sleep(delay)
            server.kill()
            process.communicate(timeout=60)
        server.start()
    monkeypatch.delenv("MODELBOX_RETRY_S")
    finish(store, server.uri)
    same(store, server.uri)


def test_over_connections_that_break(store: Path, server: ServerProcess) -> None:
    chance = random.Random(7)
    with TcpProxy(server.address) as proxy, push(store, f"grpc://{proxy.address}") as process:
        while process.poll() is None:
            proxy.cut_after(chance.randrange(1 << 23))
            time.sleep(chance.uniform(0.1, 0.6))
        assert process.communicate()[1] == ""
    same(store, server.uri)


def test_a_run_that_was_offline(tmp_path: Path, server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_OFFLINE_STORE", str(tmp_path / "offline"))
    with ModelBoxClient("grpc://nowhere.invalid:1", owner="ada", offline=True) as client:
        fill(client, tmp_path)
    finish(tmp_path / "offline", server.uri)
    same(tmp_path / "offline", server.uri)


def test_a_spool_whose_server_was_away(tmp_path: Path, server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
    with ModelBoxClient(server.uri, owner="ada") as client:
        exp = client.create_experiment("live")
        server.kill()
        for step in range(1000):
            exp.log_metrics({"loss": float(step)}, step=step)
        exp.log_event("away")
        with pytest.raises(UnavailableError, match=str(tmp_path / "spool")):
            client.close(0.5)
    server.start()
    (spool,) = (path for path in (tmp_path / "spool").iterdir() if path.is_dir())
    assert finish(spool, server.uri) == "pushed 1,000 points, 1 event\n"
    with ModelBoxClient(server.uri, owner="ada") as client:
        assert client.get_experiment(exp.id).metrics().to_dict()["step"] == list(range(1000))
        assert [event.name for event in client.get_experiment(exp.id).events()] == ["away"]
