"""A server that dies, hangs and comes back, and connections that break: nothing is lost, nothing is there twice, nobody hangs."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelbox import Change, Experiment, ModelBoxClient, UnavailableError
from modelbox.journal import delivery
from services.server_process import ServerProcess
from services.tcp_proxy import TcpProxy
from troubled_server import HANG_S, events, steps

pytestmark = pytest.mark.usefixtures("spool")


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[TcpProxy]:
    with TcpProxy(server.address) as proxy:
        yield proxy


@pytest.fixture
def dice() -> random.Random:
    seed = random.randrange(2**32)
    print("seed", seed)
    return random.Random(seed)


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
