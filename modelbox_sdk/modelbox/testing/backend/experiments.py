"""Experiments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import modelbox
from modelbox import ModelBoxClient


class ExperimentTests:
    def test_a_new_experiment_has_what_it_was_given(self, client: ModelBoxClient) -> None:
        before = datetime.now(UTC) - timedelta(seconds=1)
        exp = client.create_experiment(
            "run", namespace="vision", owner="ada", external_id="job-7", framework="PyTorch", task="segmentation"
        )
        assert (exp.name, exp.namespace, exp.owner, exp.external_id) == ("run", "vision", "ada", "job-7")
        assert (exp.framework, exp.task, exp.status, exp.exists) == ("pytorch", "segmentation", "running", False)
        assert exp.framework == modelbox.MLFramework.PYTORCH
        assert before < exp.created_at <= exp.updated_at < datetime.now(UTC) + timedelta(seconds=1)
        assert exp.created_at.utcoffset() == timedelta(0)

    def test_creating_it_again_returns_what_is_stored(self, client: ModelBoxClient) -> None:
        first = client.create_experiment("run", owner="ada", task="a", framework="jax", metadata={"lr": 1})
        again = client.create_experiment("run", owner="ada", task="b", framework="keras", metadata={"lr": 2})
        assert again.exists
        assert again.id == first.id
        assert again == first
        assert (again.task, again.framework, again.metadata()) == ("a", "jax", {"lr": 1})
        assert again.created_at == first.created_at

    def test_identity_is_namespace_name_and_owner(self, client: ModelBoxClient) -> None:
        ids = {
            client.create_experiment(name, namespace=namespace, owner=owner).id
            for namespace, name, owner in [("n", "e", "o"), ("ne", "", "o"), ("n", "eo", "x"), ("n", "e", "ox"), ("x", "e", "o")]
            if name
        }
        assert len(ids) == 4

    def test_ids_are_the_same_in_every_store(self, client: ModelBoxClient) -> None:
        assert client.create_experiment("run", namespace="n", owner="o").id == "0c27c4f5986239e1d5647f88f53cc187"

    def test_get_by_id(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("run", task="t")
        found = client.get_experiment(exp.id)
        assert (found.id, found.task, found.exists) == (exp.id, "t", True)

    def test_an_unknown_id_is_not_found(self, client: ModelBoxClient) -> None:
        model = client.create_model("m")
        for id in ("0" * 32, "", "nonsense", model.id):
            with pytest.raises(modelbox.NotFoundError, match="no experiment"):
                client.get_experiment(id)

    def test_lists_come_newest_first_by_namespace(self, client: ModelBoxClient) -> None:
        for name in ("a", "b", "c"):
            client.create_experiment(name)
        client.create_experiment("d", namespace="other")
        client.create_experiment("a")  # again: keeps its place
        assert [exp.name for exp in client.list_experiments()] == ["c", "b", "a"]
        assert [exp.name for exp in client.list_experiments(limit=2)] == ["c", "b"]
        assert [exp.name for exp in client.list_experiments("other")] == ["d"]
        assert [exp.name for exp in client.list_experiments("*")] == ["d", "c", "b", "a"]
        assert client.list_experiments("nobody's") == []
        assert client.list_experiments(limit=0) == []

    def test_status(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("run")
        exp.finish()
        assert exp.status == client.get_experiment(exp.id).status == "finished"
        exp.finish("failed")
        assert client.get_experiment(exp.id).status == "failed"
        again = client.create_experiment("run")
        assert again.exists
        assert again.status == client.get_experiment(exp.id).status == "running"

    def test_a_block_finishes_the_experiment(self, client: ModelBoxClient) -> None:
        with client.create_experiment("good") as good:
            assert good.status == "running"
        with pytest.raises(ZeroDivisionError), client.create_experiment("bad") as bad:
            1 / 0  # noqa: B018
        assert client.get_experiment(good.id).status == "finished"
        assert client.get_experiment(bad.id).status == "failed"

    def test_an_unknown_status_is_refused(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("run")
        with pytest.raises(modelbox.InvalidArgumentError, match=r"'done'.*running, finished, failed"):
            exp.finish("done")
        assert client.get_experiment(exp.id).status == "running"

    def test_children(self, client: ModelBoxClient) -> None:
        sweep = client.create_experiment("sweep")
        trials = [client.create_experiment(f"trial-{i}", parent=sweep) for i in range(3)]
        assert [child.name for child in sweep.children()] == ["trial-2", "trial-1", "trial-0"]
        assert trials[0].children() == []
        assert trials[0].parent_id == sweep.id

    def test_frameworks(self, client: ModelBoxClient) -> None:
        assert client.create_experiment("none").framework == ""
        assert client.create_experiment("enum", framework=modelbox.MLFramework.JAX).framework == "jax"
        with pytest.raises(ValueError, match=r"'cafe'.*pytorch, keras, tensorflow, jax, sklearn, xgboost, lightgbm, other"):
            client.create_experiment("unknown", framework="cafe")
        assert [exp.name for exp in client.list_experiments()] == ["enum", "none"]

    @pytest.mark.parametrize("name", ["Größe", "実験 1", "🚀/a.b c", "a" * 1024, "../../etc/passwd", "'; drop table", "%s{}\n"])
    def test_names_in_any_script(self, client: ModelBoxClient, name: str) -> None:
        exp = client.create_experiment(name, namespace=name, owner=name)
        assert client.get_experiment(exp.id).name == name
        assert [found.name for found in client.list_experiments(name)] == [name]

    @pytest.mark.parametrize("name", ["", "  ", "nul\0", "\ud800", "a" * 1025])
    def test_names_that_cannot_be_used(self, client: ModelBoxClient, name: str) -> None:
        bad: list[dict[str, Any]] = [{"name": name}, {"name": "ok", "namespace": name}, {"name": "ok", "owner": name}]
        for arguments in bad:
            with pytest.raises(modelbox.InvalidArgumentError):
                client.create_experiment(**arguments)
        assert client.list_experiments("*") == []

    def test_arguments_of_wrong_types(self, client: ModelBoxClient) -> None:
        with pytest.raises(TypeError, match="name must be a str, not int"):
            client.create_experiment(3)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="limit must be an int"):
            client.list_experiments(limit="2")  # type: ignore[arg-type]
        with pytest.raises(modelbox.InvalidArgumentError, match="limit is -1"):
            client.list_experiments(limit=-1)
