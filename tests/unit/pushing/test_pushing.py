"""What a push sends from one embedded store to another, and what it leaves alone."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelbox import ConflictError, InvalidArgumentError, ModelBoxClient, PushReport


@pytest.fixture
def local(tmp_path: Path) -> Iterator[ModelBoxClient]:
    with ModelBoxClient(tmp_path / "local", owner="ada") as client:
        yield client


@pytest.fixture
def there(tmp_path: Path) -> Iterator[ModelBoxClient]:
    with ModelBoxClient(tmp_path / "there", owner="bob") as client:
        yield client


@pytest.fixture
def target(tmp_path: Path, there: ModelBoxClient) -> Path:
    return tmp_path / "there"


def points(client: ModelBoxClient, id: str) -> list[tuple[Any, ...]]:
    columns = client.get_object(id).metrics().to_dict()
    return list(zip(columns["key"], columns["step"], columns["wallclock"], map(repr, columns["value"]), strict=True))


def everything(client: ModelBoxClient) -> dict[str, Any]:
    """All that a store says about its objects, but for when it heard of them."""
    found: dict[str, Any] = {}
    experiments, models = client.list_experiments("*"), client.list_models("*")
    versions = [version for model in models for version in model.list_versions()]
    for holder in [*experiments, *models, *versions]:
        for each in [holder, *holder.artifacts()]:
            found[each.id] = (each.name, each.namespace, each.metadata(), points(client, each.id), events(each))
        found[holder.id, "artifacts"] = sorted(
            (artifact.id, [(file.path, file.size, file.digest) for file in artifact.files]) for artifact in holder.artifacts()
        )
    for exp in experiments:
        found[exp.id, "itself"] = (exp.owner, exp.framework, exp.task, exp.status, exp.external_id, [c.id for c in exp.children()])
    for model in models:
        found[model.id, "itself"] = (model.owner, model.task, model.description, model.labels)
    for version in versions:
        lineage = version.lineage()
        behind = [each.id for each in (*lineage.experiments, *lineage.datasets)]
        found[version.id, "itself"] = (version.version, version.labels, version.unique_tags, version.framework, behind)
    return found


def events(each: Any) -> list[tuple[Any, ...]]:
    return [(event.name, event.source, event.wallclock, event.metadata) for event in each.events()]


def fill(client: ModelBoxClient, folder: Path) -> None:
    """A store with something of everything."""
    sweep = client.create_experiment("sweep", framework="jax", task="vision", metadata={"lr": [0.1, None]}, external_id="job 7")
    trial = client.create_experiment("trial", parent=sweep, namespace="other")
    for step in range(50):
        trial.log_metrics({"loss": 1 / (step + 1), "nan": math.nan}, step=step, wallclock=1e9 + step)
    trial.log_metrics({"note": "text", "tensor": b"\0\xff"}, step=3)
    trial.rewind(40)
    trial.log_metrics({"loss": -1.0}, step=41)
    trial.log_event("checkpoint", source="trainer", metadata={"step": 3}, wallclock=12.5)
    trial.log_event("later")
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "weights").write_bytes(os.urandom(100_000))
    (folder / "a" / "empty").touch()
    files = sweep.upload_artifact("files", folder / "a")
    files.log_metrics({"size": 1.0})
    files.log_event("verified")
    files.update_metadata("by", "hand")
    data = trial.track_artifact("data", "s3://bucket/train", checksum="md5:1")
    model = client.create_model("asr", labels={"team": "x"}, task="speech", description="hears", metadata={"k": 1})
    one = model.create_version("1", experiment=trial, datasets=[data], framework="pytorch", unique_tags=["old"], labels={"a": "b"})
    made = one.upload_artifact("weights", folder / "a" / "b" / "weights")
    two = model.create_version("2", datasets=[made], unique_tags=["prod", "best"], metadata={"f1": 0.5})
    two.log_event("served")
    two.log_metrics({"requests": 3.0})
    sweep.finish("failed")
    client.flush()


def test_everything_arrives(local: ModelBoxClient, there: ModelBoxClient, target: Path, tmp_path: Path) -> None:
    fill(local, tmp_path)
    report = local.push(target)
    assert everything(there) == everything(local)
    size = 100_000
    assert report == PushReport(
        experiments=2, models=1, versions=2, artifacts=3, points=105, events=4, bytes_sent=size, bytes_there=size
    )
    there.list_experiments()[0].artifact("files").download(tmp_path / "dst")
    assert (tmp_path / "dst/b/weights").read_bytes() == (tmp_path / "a/b/weights").read_bytes()


def test_pushing_again_changes_nothing(local: ModelBoxClient, there: ModelBoxClient, target: Path, tmp_path: Path) -> None:
    fill(local, tmp_path)
    local.push(target)
    before = there.changes("*")
    assert local.push(target) == PushReport(bytes_there=200_000)
    assert there.changes("*") == before
    assert everything(there) == everything(local)


def test_what_comes_later_follows(local: ModelBoxClient, there: ModelBoxClient, target: Path, tmp_path: Path) -> None:
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


def test_what_the_target_has_besides_stays(local: ModelBoxClient, there: ModelBoxClient, target: Path, tmp_path: Path) -> None:
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


def test_a_tag_that_another_version_holds_is_not_stolen(local: ModelBoxClient, there: ModelBoxClient, target: Path) -> None:
    local.create_model("asr").create_version("1", unique_tags=["prod", "best"])
    there.create_model("asr").create_version("0", unique_tags=["prod"])
    report = local.push(target)
    (problem,) = report.problems
    assert "'prod' of model 'asr' is held by version '1' here and by '0' on the target" in problem
    model = there.get_model("asr")
    assert (model.get_version(tag="prod").version, model.get_version(tag="best").version) == ("0", "1")
    model.move_tag("prod", to=model.get_version("1"))
    assert local.push(target).problems == ()


def test_one_namespace_and_what_it_refers_to(local: ModelBoxClient, there: ModelBoxClient, target: Path, tmp_path: Path) -> None:
    fill(local, tmp_path)
    local.push(target, namespace="other")
    assert {exp.name for exp in there.list_experiments("*")} == {"trial", "sweep"}
    assert there.list_models("*") == []
    assert there.list_experiments("other")[0].events()
    assert there.list_experiments("default")[0].metrics().keys == []
    local.push(target)
    assert everything(there) == everything(local)


def test_lives_are_apart(local: ModelBoxClient, there: ModelBoxClient, target: Path) -> None:
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
    local: ModelBoxClient, there: ModelBoxClient, target: Path, tmp_path: Path
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


def test_two_pushes_of_a_store_at_once(local: ModelBoxClient, target: Path, tmp_path: Path) -> None:
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


def test_objects_that_vanish_meanwhile(local: ModelBoxClient, there: ModelBoxClient, target: Path) -> None:
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
    local: ModelBoxClient, there: ModelBoxClient, target: Path, tmp_path: Path
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
