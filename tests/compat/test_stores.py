"""Stores that earlier versions wrote are read from now on. Each ``store-N`` was made by ``make_store.py`` of its time."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelbox import ModelBoxClient
from pushed_store import everything
from services.server_process import ServerProcess

STORES = sorted(path.name for path in Path(__file__).parent.glob("store-*"))


@pytest.fixture(params=STORES)
def old_store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copytree(Path(__file__).parent / request.param, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture(params=["embedded", "served"])
def client(request: pytest.FixtureRequest, old_store: Path) -> Iterator[ModelBoxClient]:
    if request.param == "embedded":
        with ModelBoxClient(old_store, owner="ada") as client:
            yield client
    else:
        with ServerProcess(old_store.parent) as server, ModelBoxClient(server.uri, owner="ada") as client:
            yield client


def test_there_is_a_store_to_read() -> None:
    assert STORES


def test_experiments(client: ModelBoxClient) -> None:
    trial, exp = client.list_experiments()
    assert (trial.name, trial.status, exp.name, exp.status) == ("trial", "failed", "train", "finished")
    assert (exp.owner, exp.framework, exp.task, exp.external_id) == ("ada", "pytorch", "vision", "job-1")
    assert exp.metadata() == {"lr": 0.1, "nested": {"a": [1, None]}, "seed": 7}
    assert exp.children() == [trial]
    assert client.create_experiment("doomed").metrics().keys == []


def test_metrics(client: ModelBoxClient) -> None:
    exp = client.create_experiment("train")
    columns = exp.metrics().to_dict()
    points = list(zip(columns["key"], columns["step"], columns["value"], strict=True))
    assert [point for point in points if point[0] == "late"] == [("late", 18, "text")]
    loss = [("loss", step, 1 / (step + 1)) for step in range(15)] + [("loss", step, -1.0) for step in range(15, 18)]
    assert [point for point in points if point[0] == "loss"] == [*loss, ("loss", 18, -2.0)]
    assert [value for key, _, value in points if key == "note"] == [f"step {step}" for step in range(15)]
    assert [value for key, _, value in points if key == "tensor"] == [bytes([step]) for step in range(15)]
    assert all(math.isnan(value) for key, _, value in points if key == "nan")
    assert exp.metrics("loss").to_dict()["wallclock"][0] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_events_and_changes(client: ModelBoxClient) -> None:
    (event,) = client.create_experiment("train").events()
    assert (event.name, event.source, event.metadata) == ("started", "trainer", {"gpu": 0})
    changes = client.changes()
    assert [change.seq for change in changes] == list(range(1, len(changes) + 1))
    assert {str(change.action) for change in changes} == {"created", "updated", "deleted", "logged"}


def test_models_and_artifacts(client: ModelBoxClient, tmp_path: Path) -> None:
    model = client.get_model("digits")
    one, two = model.list_versions()
    assert (model.description, model.labels, one.metadata(), two.labels) == (
        "reads digits", {"team": "x"}, {"f1": 0.9}, {"served by": "ops"}
    )  # fmt: skip
    assert model.get_version(tag="prod") == two
    assert (one.unique_tags, two.unique_tags) == ([], ["prod"])
    (exp,) = one.lineage().experiments
    (data,) = one.lineage().datasets
    assert (exp.name, data.files[0].uri, data.files[0].digest) == ("train", "s3://bucket/train.parquet", "md5:abc")
    exp.artifact("files").download(tmp_path / "dst")
    assert (tmp_path / "dst" / "sub" / "ディープ.bin").read_bytes() == bytes(range(256))
    with two.artifact("weights").open() as stream:
        assert stream.read() == b"hello"


@pytest.mark.parametrize("name", STORES)
def test_it_can_be_pushed(name: str, tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parent / name, tmp_path / "store")
    with ModelBoxClient(tmp_path / "store", owner="ada") as client:
        for merges in (0, 2):
            for _ in range(10 * merges):
                with ModelBoxClient(tmp_path / "store", owner="ada") as other:
                    other.create_experiment("train").log_metrics({"loss": 3.0})
                client._backend.maintain()
            assert client.push(tmp_path / "there").problems == ()
            with ModelBoxClient(tmp_path / "there") as there:
                assert everything(there) == everything(client)


def test_it_can_be_written_to(client: ModelBoxClient) -> None:
    exp = client.create_experiment("train")
    exp.log_metrics({"loss": 3.0}, step=100)
    exp.log_event("more")
    assert exp.metrics("loss").to_dict()["value"][-1] == 3.0
    assert [event.name for event in exp.events()] == ["started", "more"]
    assert client.collect_garbage().blobs == 0
