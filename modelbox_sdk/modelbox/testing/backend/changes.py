"""The feed of changes, and watching it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import modelbox
from modelbox import Change, ModelBoxClient


def brief(changes: list[Change]) -> list[tuple[str, str]]:
    """Action and object type of each change."""
    return [(str(change.action), str(change.object_type)) for change in changes]


class ChangeTests:
    def test_every_change_appears_once_in_order(self, client: ModelBoxClient, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"x")
        exp = client.create_experiment("e", metadata={"lr": 0.1})
        exp.update_metadata("seed", 7)
        exp.log_event("started", source="trainer", metadata={"gpu": 0}, wallclock=1_700_000_000.25)
        exp.log_metrics({"loss": 1.0})
        exp.upload_artifact("f", tmp_path / "f")
        exp.track_artifact("d", "s3://b/x")
        model = client.create_model("m")
        one = model.create_version("1", unique_tags=["prod"])
        two = model.create_version("2")
        model.move_tag("prod", to=two)
        model.remove_tag("prod")
        one.set_labels({"a": "b"})
        exp.rewind(3)
        exp.finish()
        model.delete_version("1")
        changes = client.changes()
        assert brief(changes) == [
            ("created", "experiment"), ("updated", "experiment"), ("logged", "experiment"), ("created", "artifact"),
            ("created", "artifact"), ("created", "model"), ("created", "model_version"), ("created", "model_version"),
            ("updated", "model_version"), ("updated", "model_version"), ("updated", "model_version"), ("updated", "experiment"),
            ("updated", "experiment"), ("deleted", "model_version"),
        ]  # fmt: skip
        assert [change.seq for change in changes] == list(range(1, 15))
        assert {change.namespace for change in changes} == {"default"}
        assert changes[0].payload["name"] == "e"
        assert changes[0].payload["metadata"] == {"lr": 0.1}
        assert changes[1].payload["metadata"] == {"seed": 7}
        assert changes[2].object_id == exp.id
        event = {"name": "started", "source": "trainer", "wallclock": "2023-11-14T22:13:20.250000+00:00", "metadata": {"gpu": 0}}
        assert changes[2].payload == event
        assert changes[3].payload["files"][0]["path"] == "f"
        assert changes[8].payload["tag"] == {"name": "prod", "from": "1", "to": "2"}
        assert changes[9].payload["tag"] == {"name": "prod", "from": "2", "to": None}
        assert changes[12].payload["status"] == "finished"
        assert abs(changes[0].at - datetime.now(UTC)) < timedelta(minutes=1)
        assert [change.at for change in changes] == sorted(change.at for change in changes)

    def test_the_object_of_a_change(self, client: ModelBoxClient) -> None:
        exp, model = client.create_experiment("e"), client.create_model("m")
        objects = [exp, exp.track_artifact("a", "s3://b/x"), model, model.create_version("1")]
        assert {client.get_object(change.object_id) for change in client.changes()} == set(objects)
        client.delete_experiment(exp.id)
        with pytest.raises(modelbox.NotFoundError, match="no object"):
            client.get_object(exp.id)

    def test_what_changes_nothing_is_no_change(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        model = client.create_model("m", labels={"a": "b"})
        version = model.create_version("1", unique_tags=["prod"])
        newest = client.changes()[-1].seq
        client.create_experiment("e")
        client.create_model("m")
        model.create_version("1")
        model.move_tag("prod", to=version)
        model.set_labels({"a": "b", "c": None})
        exp.update_metadata({})
        exp.log_metrics({"x": 1.0})
        client.flush()
        assert client.changes(since=newest) == []

    def test_resuming(self, client: ModelBoxClient) -> None:
        for i in range(10):
            client.create_experiment(f"e{i}")
        read: list[Change] = []
        while page := client.changes(since=read[-1].seq if read else 0, limit=3):
            assert len(page) <= 3
            read += page
        assert [change.payload["name"] for change in read] == [f"e{i}" for i in range(10)]

    def test_namespaces(self, client: ModelBoxClient) -> None:
        client.create_experiment("a")
        client.create_experiment("b", namespace="other").log_event("x")
        assert [change.payload["name"] for change in client.changes()] == ["a"]
        assert [change.payload["name"] for change in client.changes("other")] == ["b", "x"]
        assert [change.payload["name"] for change in client.changes("*")] == ["a", "b", "x"]

    def test_bad_positions_are_refused_at_once(self, client: ModelBoxClient) -> None:
        with pytest.raises(modelbox.InvalidArgumentError, match="since is -1"):
            client.changes(since=-1)
        with pytest.raises(modelbox.InvalidArgumentError, match="since is -1"):
            client.watch(since=-1)
        with pytest.raises(TypeError):
            client.watch(since="1")  # type: ignore[arg-type]

    def test_watching_from_the_beginning(self, client: ModelBoxClient) -> None:
        client.create_experiment("a")
        client.create_experiment("b", namespace="other")
        client.create_experiment("c")
        started = time.monotonic()
        assert [change.payload["name"] for change in client.watch(since=0, timeout=0.3)] == ["a", "c"]
        assert 0.3 <= time.monotonic() - started < 5

    def test_watching_from_now_on(self, client: ModelBoxClient) -> None:
        client.create_experiment("before")
        changes = client.watch(timeout=20)
        client.create_experiment("between")

        def work() -> None:
            time.sleep(0.2)
            client.create_experiment("later").log_event("logged")

        thread = threading.Thread(target=work)
        thread.start()
        assert [next(changes).payload["name"] for _ in range(3)] == ["between", "later", "logged"]
        thread.join()

    def test_a_watcher_misses_and_repeats_nothing(self, client: ModelBoxClient) -> None:
        seen: list[int] = []

        def follow() -> None:
            seen.extend(change.seq for change in client.watch(since=0, timeout=2))

        watcher = threading.Thread(target=follow)
        watcher.start()
        exps = [client.create_experiment(f"e{i}") for i in range(5)]
        writers = [threading.Thread(target=lambda exp=exp: [exp.update_metadata("i", i) for i in range(10)]) for exp in exps]
        for writer in writers:
            writer.start()
        for exp in exps:
            exp.log_event("e")
        for writer in writers:
            writer.join()
        watcher.join()
        assert seen == list(range(1, 5 + 50 + 5 + 1))
