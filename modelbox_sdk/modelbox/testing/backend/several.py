"""Several clients on one store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

import modelbox
from modelbox import ModelBoxClient
from modelbox.testing.backend.metrics import points

OpenClient: TypeAlias = Callable[..., ModelBoxClient]


class SeveralClientsTests:
    visible_s = 2.0
    """How soon another client sees what was logged."""

    @pytest.fixture
    def client(self, open_client: OpenClient) -> ModelBoxClient:
        """A client on a fresh store."""
        return open_client()

    def test_what_one_commits_the_other_sees_at_once(self, open_client: OpenClient) -> None:
        one, two = open_client(), open_client()
        exp = one.create_experiment("e", owner="ada", metadata={"a": 1})
        assert two.get_experiment(exp.id).metadata() == {"a": 1}
        two.get_experiment(exp.id).update_metadata("b", 2)
        assert exp.metadata() == {"a": 1, "b": 2}
        assert two.create_experiment("e", owner="ada").exists

    def test_what_one_logs_the_other_sees_soon(self, open_client: OpenClient) -> None:
        one, two = open_client(), open_client()
        exp = one.create_experiment("e")
        exp.log_metrics({"x": 1.0}, step=1)
        exp.log_event("hello")
        other = two.get_experiment(exp.id)
        deadline = time.monotonic() + self.visible_s
        while time.monotonic() < deadline and not (points(other) and other.events()):
            time.sleep(0.05)
        assert points(other) == [("x", 1, 1.0)]
        assert [event.name for event in other.events()] == ["hello"]

    def test_points_of_several_clients_come_together(self, open_client: OpenClient) -> None:
        clients = [open_client() for _ in range(3)]
        exps = [client.create_experiment("e", owner="o") for client in clients]
        for step in range(10):
            for i, exp in enumerate(exps):
                exp.log_metrics({"x": i}, step=step)
        for client in clients:
            client.flush()
        expected = sorted(("x", step, float(i)) for step in range(10) for i in range(3))
        for exp in exps:
            assert sorted(points(exp)) == expected

    def test_everything_is_there_after_reopening(self, open_client: OpenClient, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"content")
        one = open_client()
        exp = one.create_experiment("e", metadata={"a": 1})
        exp.log_metrics({"x": 1.0, "t": "text"}, step=5)
        exp.log_event("hello", wallclock=1)
        exp.upload_artifact("f", tmp_path / "f")
        one.create_model("m").create_version("1", unique_tags=["prod"], experiment=exp)
        exp.finish()
        before = one.changes()
        one.close()
        two = open_client()
        found = two.get_experiment(exp.id)
        assert (found.status, found.metadata(), points(found)) == ("finished", {"a": 1}, [("t", 5, "text"), ("x", 5, 1.0)])
        assert [event.name for event in found.events()] == ["hello"]
        assert two.get_model("m").get_version(tag="prod").lineage().experiments == (exp,)
        assert two.changes() == before
        with found.artifact("f").open() as stream:
            assert stream.read() == b"content"

    def test_a_rewind_by_a_later_client_hides_what_an_earlier_one_logged(self, open_client: OpenClient) -> None:
        one = open_client()
        exp = one.create_experiment("e", owner="o")
        for step in range(5):
            exp.log_metrics({"x": step}, step=step)
        one.close()
        two = open_client()
        exp = two.create_experiment("e", owner="o")
        exp.rewind(1)
        exp.log_metrics({"x": 20}, step=2)
        assert points(exp) == [("x", 0, 0), ("x", 1, 1), ("x", 2, 20)]

    def test_clients_racing_for_a_tag_have_one_winner(self, open_client: OpenClient) -> None:
        clients = [open_client() for _ in range(4)]
        clients[0].create_model("m")
        won = []

        def race(i: int) -> None:
            try:
                won.append(clients[i].get_model("m").create_version(str(i), unique_tags=["prod"]).version)
            except modelbox.AlreadyExistsError:
                return

        threads = [threading.Thread(target=race, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert {client.get_model("m").get_version(tag="prod").version for client in clients} == set(won)
        seqs = [change.seq for change in clients[0].changes()]
        assert seqs == list(range(1, len(seqs) + 1))

    def test_watching_another_client(self, open_client: OpenClient) -> None:
        one, two = open_client(), open_client()
        changes = two.watch(timeout=20)
        exp = one.create_experiment("e")
        exp.log_event("hello")
        assert [next(changes).payload["name"] for _ in range(2)] == ["e", "hello"]

    def test_the_defaults_of_a_client(self, open_client: OpenClient) -> None:
        client = open_client(namespace="mine", owner="ada")
        exp = client.create_experiment("e")
        model = client.create_model("m")
        assert (exp.namespace, exp.owner, model.namespace, model.owner) == ("mine", "ada", "mine", "ada")
        assert client.list_experiments() == [exp]
        assert client.get_model("m") == model
        assert client.create_experiment("e", namespace="default", owner="bob").id != exp.id
