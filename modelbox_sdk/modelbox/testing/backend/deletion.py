"""Deletion."""

from __future__ import annotations

from pathlib import Path

import pytest

import modelbox
from modelbox import ModelBoxClient
from modelbox.testing.backend.logged import each_object
from modelbox.testing.backend.metrics import points


class DeletionTests:
    def test_an_experiment_is_gone_from_every_read(self, client: ModelBoxClient, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"x")
        exp = client.create_experiment("e", metadata={"a": 1})
        exp.log_metrics({"x": 1.0})
        exp.log_event("e")
        art = exp.upload_artifact("f", tmp_path / "f")
        client.delete_experiment(exp.id)
        for read in (exp.metrics, exp.metadata, exp.events, exp.artifacts, exp.children, exp.lineage, art.metadata, exp.finish):
            with pytest.raises(modelbox.NotFoundError):
                read()
        with pytest.raises(modelbox.NotFoundError):
            client.get_experiment(exp.id)
        with pytest.raises(modelbox.NotFoundError):
            client.delete_experiment(exp.id)
        assert client.list_experiments() == []

    def test_nothing_comes_back_when_it_is_created_again(self, client: ModelBoxClient, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"x")
        old = client.create_experiment("e", metadata={"a": 1})
        child = client.create_experiment("child", parent=old)
        version = client.create_model("m").create_version("1", experiment=old)
        old.log_metrics({"x": 1.0})
        old.log_event("e")
        old.upload_artifact("f", tmp_path / "f")
        client.delete_experiment(old.id)
        old.log_metrics({"late": 1.0})  # a log call never raises for the state of the store
        old.log_event("late")
        new = client.create_experiment("e")
        assert (new.id, new.exists) == (old.id, False)
        assert (points(new), new.metadata(), new.events(), new.artifacts(), new.children()) == ([], {}, [], [], [])
        assert new.lineage().versions == ()
        assert version.lineage().experiments == ()
        assert client.get_experiment(child.id).name == "child"
        new.log_metrics({"x": 2.0})
        client.flush()
        assert points(new) == [("x", 0, 2.0)]

    def test_it_is_one_change(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        exp.track_artifact("a", "s3://b/x")
        newest = client.changes()[-1].seq
        client.delete_experiment(exp.id)
        (change,) = client.changes(since=newest)
        assert (change.action, change.object_type, change.object_id) == ("deleted", "experiment", exp.id)

    def test_versions(self, client: ModelBoxClient) -> None:
        model = client.create_model("m")
        model.create_version("1", unique_tags=["prod"])
        model.create_version("2")
        model.delete_version("2")
        with pytest.raises(modelbox.ConflictError, match=r"version '1' holds the unique tags 'prod'.*force=True"):
            model.delete_version("1")
        with pytest.raises(modelbox.NotFoundError):
            model.delete_version("2")
        assert [version.version for version in model.list_versions()] == ["1"]
        model.delete_version("1", force=True)
        assert model.list_versions() == []
        with pytest.raises(modelbox.NotFoundError):
            model.get_version(tag="prod")
        assert model.create_version("1", unique_tags=["prod"]).exists is False

    def test_models(self, client: ModelBoxClient) -> None:
        model = client.create_model("m")
        version = model.create_version("1", unique_tags=["prod", "canary"])
        with pytest.raises(modelbox.ConflictError, match="model 'm' holds the unique tags 'canary', 'prod'"):
            client.delete_model(model.id)
        client.delete_model(model.id, force=True)
        for read in (model.list_versions, version.metadata, version.metrics):
            with pytest.raises(modelbox.NotFoundError):
                read()
        assert client.list_models() == []
        assert client.create_model("m").list_versions() == []
        exp = client.create_experiment("e")
        with pytest.raises(modelbox.NotFoundError, match="no model"):
            client.delete_model(exp.id)
        with pytest.raises(modelbox.NotFoundError, match="no experiment"):
            client.delete_experiment(model.id)

    def test_an_artifact(self, client: ModelBoxClient) -> None:
        *_, art = each_object(client)
        art.log_metrics({"x": 1.0})
        art.delete()  # type: ignore[attr-defined]
        for read in (art.metadata, art.metrics, art.events, art.delete):  # type: ignore[attr-defined]
            with pytest.raises(modelbox.NotFoundError):
                read()
