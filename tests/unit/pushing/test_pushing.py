"""What a push sends from one embedded store to another, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pytest

from modelbox import ConflictError, InvalidArgumentError, ModelBoxClient, PushReport
from modelbox.backends import Backend
from modelbox.pushing import push
from modelbox.records import MetricBatch
from pushed_store import everything, fill, points
from services.server_farm import ServerFarm


@pytest.fixture
def local(tmp_path: Path) -> Iterator[ModelBoxClient]:
    with ModelBoxClient(tmp_path / "local", owner="ada") as client:
        yield client


@pytest.fixture(params=["folder", "server"])
def target(
    request: pytest.FixtureRequest, server_farm: ServerFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A store in another folder, itself or behind a server."""
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
    if request.param == "folder":
        yield str(tmp_path / "there")
        return
    uri = server_farm.open(tmp_path / "there")
    yield uri
    server_farm.close(uri)


@pytest.fixture
def there(target: str) -> Iterator[ModelBoxClient]:
    with ModelBoxClient(target, owner="bob") as client:
        yield client


def test_everything_arrives(local: ModelBoxClient, there: ModelBoxClient, target: str, tmp_path: Path) -> None:
    fill(local, tmp_path)
    report = local.push(target)
    assert everything(there) == everything(local)
    size = 100_000
    assert report == PushReport(
        experiments=2, models=1, versions=2, artifacts=3, points=105, events=4, bytes_sent=size, bytes_there=size
    )
    there.list_experiments()[0].artifact("files").download(tmp_path / "dst")
    assert (tmp_path / "dst/b/weights").read_bytes() == (tmp_path / "a/b/weights").read_bytes()


@pytest.mark.s3
def test_from_one_bucket_to_another_place(s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
    with ModelBoxClient(s3_url, owner="ada") as local:
        fill(local, tmp_path)
        local.push("memory://")
        for _ in range(2):
            local.push(tmp_path / "there")
        with ModelBoxClient(tmp_path / "there") as there:
            assert everything(there) == everything(local)


def test_pushing_again_changes_nothing(local: ModelBoxClient, there: ModelBoxClient, target: str, tmp_path: Path) -> None:
    fill(local, tmp_path)
    local.push(target)
    before = there.changes("*")
    assert local.push(target) == PushReport(bytes_there=200_000)
    assert there.changes("*") == before
    assert everything(there) == everything(local)


def test_what_comes_later_follows(local: ModelBoxClient, there: ModelBoxClient, target: str, tmp_path: Path) -> None:
    fill(local, tmp_path)
    local.push(target)
    exp = local.create_experiment("sweep")
    exp.log_metrics({"loss": 7.0})
    exp.log_event("resumed")
    exp.update_metadata({"lr": 0.2})
    local.create_experiment("new").log_metrics({"loss": 8.0})
    local.get_model("asr").set_labels({"team": "y", "tier": "1"})
    (tmp_path / "a" / "c").write_bytes(b"new")
    exp.upload_artifact("files", [tmp_path / "a" / "c"])
    report = local.push(target)
    assert (report.experiments, report.models, report.versions, report.artifacts) == (2, 1, 0, 1)
    assert (report.points, report.events, report.bytes_sent) == (2, 1, 3)
    assert everything(there) == everything(local)


def test_what_the_target_has_besides_stays(local: ModelBoxClient, there: ModelBoxClient, target: str, tmp_path: Path) -> None:
    fill(local, tmp_path)
    exp = there.create_experiment("sweep", owner="ada")
    exp.log_metrics({"own": 1.0})
    exp.update_metadata("own", 1)
    there.create_model("asr").set_labels({"own": "1"})
    there.create_experiment("else")
    assert local.push(target).problems == ()
    assert exp.metrics("own").to_dict()["value"] == [1.0]
    assert exp.metadata() == {"lr": [0.1, None], "own": 1}
    assert there.get_model("asr").labels == {"team": "x", "own": "1"}
    assert len(there.list_experiments("*")) == 3


def test_a_tag_that_another_version_holds_is_not_stolen(local: ModelBoxClient, there: ModelBoxClient, target: str) -> None:
    local.create_model("asr").create_version("1", unique_tags=["prod", "best"])
    there.create_model("asr").create_version("0", unique_tags=["prod"])
    report = local.push(target)
    (problem,) = report.problems
    assert "'prod' of model 'asr' is held by version '1' here and by '0' on the target" in problem
    model = there.get_model("asr")
    assert (model.get_version(tag="prod").version, model.get_version(tag="best").version) == ("0", "1")
    model.move_tag("prod", to=model.get_version("1"))
    assert local.push(target).problems == ()


def test_one_namespace_and_what_it_refers_to(local: ModelBoxClient, there: ModelBoxClient, target: str, tmp_path: Path) -> None:
    fill(local, tmp_path)
    local.push(target, namespace="other")
    assert {exp.name for exp in there.list_experiments("*")} == {"trial", "sweep"}
    assert there.list_models("*") == []
    assert there.list_experiments("other")[0].events()
    assert there.list_experiments("default")[0].metrics().keys == []
    local.push(target)
    assert everything(there) == everything(local)


def test_lives_are_apart(local: ModelBoxClient, there: ModelBoxClient, target: str) -> None:
    first = local.create_experiment("run")
    first.log_metrics({"loss": 1.0})
    first.log_event("of the first life")
    local.delete_experiment(first.id)
    second = local.create_experiment("run")
    second.log_metrics({"loss": 2.0})
    second.log_event("of the second life")
    local.push(target)
    (exp,) = there.list_experiments()
    assert exp.metrics().to_dict()["value"] == [2.0]
    assert [event.name for event in exp.events()] == ["of the second life"]
    there.delete_experiment(exp.id)
    local.push(target)
    (exp,) = there.list_experiments()
    assert exp.metrics().to_dict()["value"] == [2.0]


def test_points_of_several_writers_before_and_after_they_are_merged(
    local: ModelBoxClient, there: ModelBoxClient, target: str, tmp_path: Path
) -> None:
    exp = local.create_experiment("run")
    for round_ in range(20):
        with ModelBoxClient(tmp_path / "local", owner="ada") as other:
            for step in range(5):
                other.create_experiment("run").log_metrics({"loss": float(step), "b": 1.0}, step=100 * round_ + step)
        exp.log_metrics({"own": float(round_)}, step=round_)
        local._backend.maintain()
        if round_ % 3 == 0:
            local.push(target)
    local.push(target)
    assert points(there, exp.id) == points(local, exp.id)
    assert len(points(there, exp.id)) == 20 * 11


def test_a_store_is_not_pushed_into_itself(local: ModelBoxClient, tmp_path: Path) -> None:
    local.create_experiment("run")
    with pytest.raises(InvalidArgumentError, match="is the store itself"):
        local.push(tmp_path / "local")


def test_two_pushes_of_a_store_at_once(local: ModelBoxClient, target: str, tmp_path: Path) -> None:
    program = """
import sys
from modelbox.pushing.exclusion import exclusively
from pathlib import Path
with exclusively(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    sys.stdin.read()
"""
    arguments = [sys.executable, "-c", program, str(tmp_path / "local/journal")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ConflictError, match="another process is pushing"):
            local.push(target)
        other.communicate()
    local.push(target)


def test_objects_that_vanish_meanwhile(local: ModelBoxClient, there: ModelBoxClient, target: str) -> None:
    stop = threading.Event()
    doomed = [local.create_experiment(f"doomed {number}") for number in range(40)]
    for exp in doomed:
        exp.log_metrics({"loss": 1.0})
        exp.log_event("here")

    def delete() -> None:
        for exp in doomed:
            local.delete_experiment(exp.id)
        stop.set()

    thread = threading.Thread(target=delete)
    thread.start()
    while not stop.is_set():
        assert local.push(target).problems == ()
    thread.join()
    kept = local.create_experiment("kept")
    kept.log_event("here")
    local.push(target)
    assert [event.name for event in there.get_experiment(kept.id).events()] == ["here"]


def test_damaged_content_is_reported_and_the_rest_is_sent(
    local: ModelBoxClient, there: ModelBoxClient, target: str, tmp_path: Path
) -> None:
    fill(local, tmp_path)
    (blob,) = (path for path in (tmp_path / "local/artifacts/blake3").rglob("*") if path.is_file() and path.stat().st_size)
    blob.chmod(0o644)
    blob.write_bytes(bytes(100_000))
    report = local.push(target)
    damaged, held_back, also_damaged = report.problems
    assert "artifact 'weights'" in damaged
    assert "version '2'" in held_back
    assert "artifact 'files'" in also_damaged
    assert report.points == 103
    assert [version.version for version in there.get_model("asr").list_versions()] == ["1"]
    blob.write_bytes((tmp_path / "a/b/weights").read_bytes())
    assert local.push(target).problems == ()
    assert everything(there) == everything(local)


class Slow:
    """A backend whose last request takes effect when its client is dead already."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.under_way: list[MetricBatch] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def append_metrics(self, batches: Sequence[MetricBatch]) -> None:
        self.under_way += batches
        raise KeyboardInterrupt


def test_a_request_that_outlives_its_push(local: ModelBoxClient, there: ModelBoxClient, target: str) -> None:
    exp = local.create_experiment("run")
    exp.log_metrics({"loss": 1.0, "accuracy": 0.5})
    slow = Slow(there._backend)
    with pytest.raises(KeyboardInterrupt):
        push(local._backend, cast(Backend, slow))
    exp.log_metrics({"loss": 2.0})
    with pytest.raises(KeyboardInterrupt):  # killed again, before it came so far
        push(local._backend, cast(Backend, Slow(there._backend)))
    exp.log_metrics({"loss": 3.0})
    local.push(target)
    there._backend.append_metrics(slow.under_way)
    assert points(there, exp.id) == points(local, exp.id)
    local.push(target)
    assert points(there, exp.id) == points(local, exp.id)


def test_points_come_in_batches_of_a_few_megabytes(
    local: ModelBoxClient, there: ModelBoxClient, target: str, tmp_path: Path
) -> None:
    exp = local.create_experiment("run")
    for step in range(300):
        exp.log_metrics({"tensor": bytes([step % 256]) * 100_000, "loss": 1.0, "accuracy": 0.5}, step=step)
    local.push(target)
    uid = there._backend.get_object(exp.id).uid
    batches = sorted((tmp_path / "there" / "metrics" / uid).glob("*.parquet"))
    sizes = [pq.read_metadata(path).num_rows for path in batches]
    assert sum(sizes) == 900
    assert max(sizes) < 150
    assert all(size % 3 == 0 for size in sizes), "what one call logged is in one batch"
    assert points(there, exp.id) == points(local, exp.id)
