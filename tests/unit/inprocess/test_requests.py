"""A request with an id changes a store once, whoever repeats it, and wherever."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modelbox.backends.inprocess import InProcessBackend, open_store, requests
from modelbox.errors import InvalidArgumentError, NotFoundError
from modelbox.stores.metadata import Transaction

Call = Callable[[InProcessBackend], Any]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def backend(path: str) -> Iterator[InProcessBackend]:
    backend = open_store(path)
    yield backend
    backend.close()


@pytest.fixture
def ids(backend: InProcessBackend) -> dict[str, str]:
    """A store with an object of each type."""
    exp, _ = backend.create_experiment(name="e", namespace="n", owner="o")
    model, _ = backend.create_model(name="m", namespace="n", owner="o")
    one, _ = backend.create_version(model.id, version="1", unique_tags=["prod"])
    two, _ = backend.create_version(model.id, version="2")
    artifact = backend.track_artifact(exp.id, "data", uri="s3://b/x", checksum=None)
    return {"exp": exp.id, "model": model.id, "one": one.id, "two": two.id, "artifact": artifact.id}


CALLS: dict[str, Callable[[dict[str, str]], Call]] = {
    "create_experiment": lambda ids: lambda b: b.create_experiment(name="new", namespace="n", owner="o", metadata={"a": 1}),
    "create_model": lambda ids: lambda b: b.create_model(name="new", namespace="n", owner="o"),
    "create_version": lambda ids: lambda b: b.create_version(ids["model"], version="3", unique_tags=["next"]),
    "finish_experiment": lambda ids: lambda b: b.finish_experiment(ids["exp"], status="failed"),
    "rewind": lambda ids: lambda b: b.rewind(ids["exp"], step=3, at_us=1000),
    "move_tag": lambda ids: lambda b: b.move_tag(ids["model"], "prod", version_id=ids["two"], if_held_by="1"),
    "remove_tag": lambda ids: lambda b: b.remove_tag(ids["model"], "prod"),
    "set_labels": lambda ids: lambda b: b.set_labels(ids["model"], {"team": "x"}),
    "update_metadata": lambda ids: lambda b: b.update_metadata(ids["exp"], {"lr": 0.1}),
    "put_artifact": lambda ids: lambda b: b.put_artifact(ids["exp"], "files", []),
    "track_artifact": lambda ids: lambda b: b.track_artifact(ids["one"], "data", uri="s3://b/y", checksum=None),
    "delete": lambda ids: lambda b: b.delete(ids["model"], force=True),
}


def call_once(backend: InProcessBackend, call: Call, request_id: str = "r1") -> Any:
    with backend.once(request_id):
        return call(backend)


@pytest.mark.parametrize("name", CALLS)
def test_a_repeated_change_is_made_once(name: str, path: str, backend: InProcessBackend, ids: dict[str, str]) -> None:
    call, before = CALLS[name](ids), backend.last_seq()
    first = call_once(backend, call)
    assert backend.last_seq() == before + 1
    assert call_once(backend, call) == first
    other = open_store(path)
    assert call_once(other, call) == first
    other.close()
    assert backend.last_seq() == before + 1


@pytest.mark.parametrize("name", CALLS)
def test_of_several_at_once_one_makes_the_change(name: str, path: str, backend: InProcessBackend, ids: dict[str, str]) -> None:
    call, before = CALLS[name](ids), backend.last_seq()
    backends = [open_store(path) for _ in range(2)]
    start = threading.Barrier(4)

    def run(each: InProcessBackend) -> Any:
        start.wait()
        return call_once(each, call)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, [*backends, *backends]))
    assert all(result == results[0] for result in results)
    assert backend.last_seq() == before + 1
    for each in backends:
        each.close()


def test_a_creation_is_answered_as_the_first_time_with_the_state_of_now(backend: InProcessBackend) -> None:
    def create(b: InProcessBackend) -> Any:
        return b.create_experiment(name="e", namespace="n", owner="o")

    first, existed = call_once(backend, create)
    assert not existed
    finished = backend.finish_experiment(first.id, status="finished")
    assert call_once(backend, create) == (finished, False)
    assert call_once(backend, create, "r2")[1] is True


def test_another_process_knows_the_request(path: str, backend: InProcessBackend, ids: dict[str, str]) -> None:
    program = """
import sys
from modelbox.backends.inprocess import open_store
backend = open_store(sys.argv[1])
with backend.once("r1"):
    backend.move_tag(sys.argv[2], "prod", version_id=sys.argv[3])
backend.close()
"""
    subprocess.run([sys.executable, "-c", program, path, ids["model"], ids["two"]], check=True, timeout=60)
    backend.move_tag(ids["model"], "prod", version_id=ids["one"])
    before = backend.last_seq()
    call_once(backend, lambda b: b.move_tag(ids["model"], "prod", version_id=ids["two"]))
    assert backend.last_seq() == before
    assert backend.get_version(ids["model"], tag="prod").id == ids["one"]


def test_a_repetition_on_what_is_deleted_since(backend: InProcessBackend, ids: dict[str, str]) -> None:
    for name in ("finish_experiment", "update_metadata", "rewind"):
        call_once(backend, CALLS[name](ids), name)
    backend.delete(ids["exp"])
    for name in ("finish_experiment", "update_metadata", "rewind"):
        with pytest.raises(NotFoundError, match=ids["exp"]):
            call_once(backend, CALLS[name](ids), name)


def test_a_request_that_changes_nothing_or_fails_leaves_no_trace(backend: InProcessBackend, ids: dict[str, str]) -> None:
    before = backend._metadata.snapshot()
    call_once(backend, lambda b: b.create_model(name="m", namespace="n", owner="o"))
    with pytest.raises(NotFoundError):
        call_once(backend, lambda b: b.remove_tag(ids["model"], "none"))
    assert backend._metadata.snapshot() == before
    call_once(backend, lambda b: b.remove_tag(ids["model"], "prod"))


def test_an_id_stands_for_one_change(backend: InProcessBackend, ids: dict[str, str]) -> None:
    call_once(backend, CALLS["finish_experiment"](ids))
    with pytest.raises(InvalidArgumentError, match="used for another change"):
        call_once(backend, CALLS["set_labels"](ids))


@pytest.mark.parametrize("wrong", ["", "x" * 129, "a\n", "ä"])
def test_ids_that_cannot_be_used(wrong: str, backend: InProcessBackend) -> None:
    with pytest.raises(InvalidArgumentError, match="1 to 128 printable ASCII"), backend.once(wrong):
        pass


def test_an_id_is_text(backend: InProcessBackend) -> None:
    with pytest.raises(TypeError, match="must be a str"), backend.once(7):  # type: ignore[arg-type]
        pass


def test_old_requests_are_forgotten_a_few_at_a_time(backend: InProcessBackend, ids: dict[str, str]) -> None:
    def age(transaction: Transaction) -> None:
        for number in range(10):
            at = transaction.now_us - requests.KEPT_US - 1 + (number == 9) * 60_000_000
            transaction.put("requests", {"request_id": f"old {number}", "object_id": "x", "existed": 0, "at": at})

    backend._metadata.transact(age)
    for number in range(4):
        call_once(backend, lambda b, n=number: b.update_metadata(ids["exp"], {"n": n}), f"new {number}")
    left = {row["request_id"] for row in backend._metadata.view().select("requests")}
    assert left == {"old 9", *(f"new {number}" for number in range(4))}


def test_a_store_keeps_its_id(path: str, backend: InProcessBackend, tmp_path: Path) -> None:
    again, other = open_store(path), open_store(str(tmp_path / "other"))
    memory = [open_store("memory://") for _ in range(2)]
    assert backend.store_id() == again.store_id()
    assert len({each.store_id() for each in (backend, other, *memory)}) == 4
    for each in (again, other, *memory):
        each.close()


def test_a_store_without_an_id_in_its_marker_has_one(tmp_path: Path) -> None:
    found = []
    for name, moment in (("a", "1"), ("a", "1"), ("b", "2")):
        (tmp_path / name).mkdir(exist_ok=True)
        marker = '{"format": "modelbox-store", "version": 1, "created_at": "2026-01-01T00:00:00.%s+00:00"}'
        (tmp_path / name / "modelbox.json").write_text(marker % moment)
        backend = open_store(str(tmp_path / name))
        found.append(backend.store_id())
        backend.close()
    assert found[0] == found[1] != found[2]


def test_the_last_batch_is_of_the_present_life(backend: InProcessBackend, ids: dict[str, str]) -> None:
    assert backend.last_batch(ids["exp"], "w") is None
    with pytest.raises(NotFoundError):
        backend.last_batch("unknown", "w")
