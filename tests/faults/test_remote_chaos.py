"""A server that dies, hangs and comes back, and connections that break: nothing is lost, nothing is there twice, nobody hangs."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelbox import Change, Experiment, ModelBoxClient, UnavailableError
from modelbox.journal import delivery
from services.server_process import ServerProcess
from services.tcp_proxy import TcpProxy

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
def proxy(server: ServerProcess) -> Iterator[TcpProxy]:
    with TcpProxy(server.address) as proxy:
        yield proxy


@pytest.fixture
def name() -> str:
    """Of the one experiment of a test."""
    return uuid.uuid4().hex


@pytest.fixture
def dice() -> random.Random:
    seed = random.randrange(2**32)
    print("seed", seed)
    return random.Random(seed)


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("MODELBOX_RETRY_S", "60")  # for machines that are busy
    return tmp_path / "spool"


@contextlib.contextmanager
def breaking(proxy: TcpProxy, dice: random.Random, *, cut_within: int = 20_000) -> Iterator[None]:
    """Cut, stall, refuse and delay while the block runs."""
    over = threading.Event()

    def trouble() -> None:
        while not over.wait(dice.uniform(0.0, 0.4)):
            proxy.delay_s = dice.choice([0.0, 0.0, 0.01])
            kind = dice.choice(["cut", "cut an answer", "reset", "stall", "refuse"])
            if kind.startswith("cut"):
                proxy.cut_after(dice.randrange(cut_within), answers=kind == "cut an answer")
            elif kind == "reset":
                proxy.reset()
            else:
                proxy.stalled, proxy.refusing = kind == "stall", kind == "refuse"
                over.wait(dice.uniform(0.0, 0.4))
                proxy.stalled = proxy.refusing = False
                proxy.reset()
        proxy.delay_s = 0.0

    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def dying(server: ServerProcess, dice: random.Random, times: int) -> Iterator[Callable[[], bool]]:
    """Kill or stop a server some times, and start it again; the block learns whether that goes on."""

    def trouble() -> None:
        for _ in range(times):
            time.sleep(dice.uniform(0.2, 0.8))
            dice.choice([server.kill, server.kill, server.stop])()
            server.start()

    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        yield thread.is_alive
    finally:
        thread.join()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def steps(client: ModelBoxClient, name: str) -> list[int]:
    return client.create_experiment(name).metrics("x").to_dict()["step"]


def events(client: ModelBoxClient, name: str) -> list[str]:
    """The names of the events of an experiment, in the order of the feed."""
    id = client.create_experiment(name).id
    return [str(change.payload["name"]) for change in client.changes() if change.action == "logged" and change.object_id == id]


# -- connections that break


def test_logging_over_connections_that_break(server: ServerProcess, name: str, proxy: TcpProxy, dice: random.Random) -> None:
    with ModelBoxClient(f"grpc://{proxy.address}") as client:
        exp = client.create_experiment(name)
        with breaking(proxy, dice):
            for step in range(3_000):
                exp.log_metrics({"x": float(step)}, step=step)
                if step % 30 == 0:
                    exp.log_event(str(step))
                time.sleep(0.001)
        client.close(HANG_S)
    with ModelBoxClient(server.uri) as client:
        assert steps(client, name) == list(range(3_000))
        assert events(client, name) == [str(step) for step in range(0, 3_000, 30)]


def test_changing_over_connections_that_break(server: ServerProcess, name: str, proxy: TcpProxy, dice: random.Random) -> None:
    with ModelBoxClient(f"grpc://{proxy.address}") as client:
        exp = client.create_experiment(name)
        before = client.changes()[-1].seq
        with breaking(proxy, dice):
            for i in range(60):
                assert not client.create_experiment(f"{name} {i}").exists
                exp.update_metadata("i", i)
    with ModelBoxClient(server.uri) as client:
        found = client.changes(since=before)
    assert [change.payload["name"] for change in found if change.action == "created"] == [f"{name} {i}" for i in range(60)]
    assert [change.payload["metadata"]["i"] for change in found if change.action == "updated"] == list(range(60))


def test_uploading_over_connections_that_break(
    server: ServerProcess, name: str, proxy: TcpProxy, dice: random.Random, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    for number, size in enumerate([0, 100, 100, 2 << 20, 3 << 20, 3 << 20]):
        (tmp_path / "source" / f"{number}.bin").write_bytes(dice.randbytes(size))
    with ModelBoxClient(f"grpc://{proxy.address}") as client:
        exp = client.create_experiment(name)
        proxy.bytes_per_s = 20 << 20
        with breaking(proxy, dice, cut_within=4 << 20):
            exp.upload_artifact("files", tmp_path / "source", progress=False)
    with ModelBoxClient(server.uri) as client:
        art = client.create_experiment(name).artifact("files")
        art.download(tmp_path / "copy", progress=False)
        (change,) = [
            change for change in client.changes() if change.object_type == "artifact" and change.payload["name"] == "files"
        ]
    assert change.action == "created"
    for path in (tmp_path / "source").iterdir():
        assert (tmp_path / "copy" / path.name).read_bytes() == path.read_bytes()


def test_watching_over_connections_that_break(server: ServerProcess, name: str, proxy: TcpProxy, dice: random.Random) -> None:
    seen: list[Change] = []
    with ModelBoxClient(server.uri) as client, ModelBoxClient(f"grpc://{proxy.address}") as watcher:
        since = client.create_experiment(name) and client.changes()[-1].seq

        def watch() -> None:
            for change in watcher.watch(since=since):
                seen.append(change)
                if change.payload.get("name") == "the last":
                    return

        with ThreadPoolExecutor() as threads:
            watching = threads.submit(watch)
            with breaking(proxy, dice):
                for i in range(400):
                    client.create_experiment(f"{name} {i}")
                    time.sleep(0.003)
            client.create_experiment("the last")
            watching.result(HANG_S)
        assert seen == client.changes(since=since)


# -- a server that dies


def test_everything_happens_once_on_a_server_that_dies(server: ServerProcess, name: str, dice: random.Random) -> None:
    made: list[str] = []
    updated: list[str] = []

    def change(me: int) -> None:
        with ModelBoxClient(server.uri) as client:
            shared = client.create_experiment(name)
            model = client.create_model(name)
            while is_dying() or not made:
                token = f"{me}/{len(made)}"
                assert not model.create_version(token).exists
                made.append(token)
                shared.update_metadata(f"by {me}", token)
                updated.append(token)

    def log() -> int:
        with ModelBoxClient(server.uri) as client:
            exp = client.create_experiment(name)
            logged = 0
            while is_dying():
                exp.log_metrics({"x": 1.0}, step=logged)
                exp.log_event(str(logged))
                logged += 1
                time.sleep(0.002)
            client.close(HANG_S)
        return logged

    with ModelBoxClient(server.uri) as client:
        client.create_experiment(name)
        client.create_model(name)
        before = client.changes()[-1].seq
    with dying(server, dice, times=3) as is_dying, ThreadPoolExecutor(3) as threads:
        logging = threads.submit(log)
        list(threads.map(change, range(2)))
    with ModelBoxClient(server.uri) as client:
        changes = client.changes(since=before)
        assert steps(client, name) == list(range(logging.result()))
        assert events(client, name) == [str(step) for step in range(logging.result())]
    assert [change.seq for change in changes] == list(range(before + 1, before + len(changes) + 1))
    versions = [change for change in changes if change.object_type == "model_version"]
    updates = [change for change in changes if change.action == "updated"]
    assert Counter(change.payload["version"] for change in versions) == Counter(made)
    assert Counter(value for change in updates for value in change.payload["metadata"].values()) == Counter(updated)


def test_what_a_client_could_not_deliver_the_next_one_delivers(server: ServerProcess, name: str, spool: Path) -> None:
    client = ModelBoxClient(server.uri)
    exp = client.create_experiment(name)
    server.kill()
    for step in range(100):
        exp.log_metrics({"x": 1.0}, step=step)
        exp.log_event(str(step))
    with pytest.raises(UnavailableError) as caught:
        client.close(1.0)
    (kept,) = spool.iterdir()
    assert f"200 records are kept in {kept}" in str(caught.value)
    assert f"modelbox push {kept} {server.uri}" in str(caught.value)
    assert list(kept.glob("*/*.journal"))
    server.start()
    for _ in range(2):
        with ModelBoxClient(server.uri) as client:
            assert steps(client, name) == list(range(100))
            assert events(client, name) == [str(step) for step in range(100)]
    assert not list(kept.glob("*/*.journal"))


def test_what_is_left_is_delivered_by_a_client_that_was_opened_too_early(
    server: ServerProcess, name: str, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MAX_BACKOFF_S", 0.2)
    dead = ModelBoxClient(server.uri)
    exp = dead.create_experiment(name)
    server.kill()
    exp.log_event("left")
    with pytest.raises(UnavailableError):
        dead.close(0.0)
    (left,) = spool.glob("*/*/*.journal")
    with ModelBoxClient(server.uri) as client:
        # A handle of another client is all that there is: objects are not created, or looked up, without a server.
        log = Experiment(client._session, exp._record)
        log.log_event("logged by the next")
        while client.health().last_error is None:
            time.sleep(0.01)
        server.start()
        while left.exists():
            time.sleep(0.01)
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "elsewhere"))
    with ModelBoxClient(server.uri) as client:
        assert sorted(events(client, name)) == ["left", "logged by the next"]


def test_watching_goes_on_when_the_server_is_stopped_or_killed_and_comes_back(server: ServerProcess, name: str) -> None:
    with ModelBoxClient(server.uri) as client, ModelBoxClient(server.uri) as watcher:
        client.create_experiment(name)
        since = client.changes()[-1].seq
        changes = watcher.watch(since=since)
        for end in (server.stop, server.kill):
            made = client.create_experiment(f"{name} {end.__name__}")
            assert next(changes).object_id == made.id
            end()
            server.start()
        made = client.create_experiment(f"{name} again")
        assert next(changes).object_id == made.id


# -- a server that hangs


def test_log_calls_do_not_wait_for_a_server_that_hangs(server: ServerProcess, name: str) -> None:
    with ModelBoxClient(server.uri) as client:
        exp = client.create_experiment(name)
        exp.log_metrics({"x": 1.0}, step=0)
        client.flush()

        def log() -> None:
            for step in range(1, 2_000):
                exp.log_metrics({"x": 1.0}, step=step)
                exp.log_event(str(step))

        server.pause()
        thread = threading.Thread(target=log, daemon=True)
        thread.start()
        thread.join(HANG_S)
        still_logging = thread.is_alive()
        server.resume()
        assert not still_logging
        assert steps(client, name) == list(range(2_000))
        assert events(client, name) == [str(step) for step in range(1, 2_000)]


def test_closing_ends_in_time_when_the_server_hangs(server: ServerProcess, name: str, spool: Path) -> None:
    client = ModelBoxClient(server.uri)
    exp = client.create_experiment(name)
    server.pause()
    exp.log_metrics({"x": 1.0}, step=0)
    exp.log_event("0")
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="2 records are kept in"):
        client.close(1.0)
    assert time.monotonic() - started < HANG_S
    server.resume()
    with ModelBoxClient(server.uri) as client:
        assert steps(client, name) == [0]
        assert events(client, name) == ["0"]


LEAVING = """
    import sys, modelbox, modelbox.client
    modelbox.client._EXIT_TIMEOUT_S = 1.0
    client = modelbox.ModelBoxClient(sys.argv[1])
    exp = client.create_experiment(sys.argv[2])
    exp.log_metrics({"x": 1.0}, step=0)
    client.flush()
    print("ready", flush=True)
    sys.stdin.readline()
    for step in range(1, 10):
        exp.log_metrics({"x": 1.0}, step=step)
        exp.log_event(str(step))
"""


@pytest.mark.parametrize("trouble", ["is dead", "hangs"])
def test_the_interpreter_ends_though_the_server(server: ServerProcess, name: str, spool: Path, trouble: str) -> None:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(LEAVING), server.uri, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert line_of(process) == "ready"
        (server.kill if trouble == "is dead" else server.pause)()
        _, said = process.communicate("go on\n", timeout=HANG_S)
    assert process.returncode == 0
    (line,) = said.splitlines()
    assert line.startswith("modelbox: not everything that was logged is in the store; 18 records are kept in ")
    assert f"`modelbox push {next(spool.iterdir())} {server.uri}` delivers them" in line
    if trouble == "is dead":
        server.start()
    else:
        server.resume()
    with ModelBoxClient(server.uri) as client:
        assert steps(client, name) == list(range(10))
        assert events(client, name) == [str(step) for step in range(1, 10)]


# -- Ctrl-C


@pytest.mark.parametrize("trouble", ["is well", "is dead", "hangs"])
def test_watching_is_interrupted_when_the_server(server: ServerProcess, name: str, trouble: str) -> None:
    with ModelBoxClient(server.uri) as client:
        client.create_experiment(name)
        before = client.changes()[-1].seq - 1
    command = [sys.executable, "-m", "modelbox.cli", "watch", "-u", server.uri, "--since", str(before), "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert json.loads(line_of(process))["payload"]["name"] == name
        if trouble == "is dead":
            server.kill()
        elif trouble == "hangs":
            server.pause()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=HANG_S) == ("", "")
        assert process.returncode == 130


def test_a_call_is_interrupted_when_the_server_hangs(server: ServerProcess, name: str) -> None:
    code = """
        import sys, modelbox
        client = modelbox.ModelBoxClient(sys.argv[1])
        client.list_experiments()
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            client.list_experiments()
        except KeyboardInterrupt:
            print("interrupted")
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), server.uri]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert line_of(process) == "ready"
        server.pause()
        assert process.stdin is not None
        process.stdin.write("go on\n")
        process.stdin.flush()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=HANG_S) == ("interrupted\n", "")
        assert process.returncode == 0
