"""Models, versions, unique tags, labels, lineage."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import modelbox
from modelbox import Model, ModelBoxClient


def _holders(model: Model, tag: str) -> list[str]:
    return [version.version for version in model.list_versions() if tag in version.unique_tags]


class ModelTests:
    def test_a_new_model_has_what_it_was_given(self, client: ModelBoxClient) -> None:
        model = client.create_model(
            "asr", namespace="audio", owner="ada", task="speech", description="words", labels={"team": "x"}, metadata={"a": [1]}
        )
        assert (model.name, model.namespace, model.owner, model.task) == ("asr", "audio", "ada", "speech")
        assert (model.description, model.labels, model.metadata(), model.exists) == ("words", {"team": "x"}, {"a": [1]}, False)

    def test_identity_is_namespace_and_name(self, client: ModelBoxClient) -> None:
        model = client.create_model("asr", owner="ada", task="a")
        again = client.create_model("asr", owner="bob", task="b")
        assert (again.exists, again.id, again.owner, again.task) == (True, model.id, "ada", "a")
        assert client.create_model("asr", namespace="other").id != model.id

    def test_get_by_id_or_name(self, client: ModelBoxClient) -> None:
        model = client.create_model("asr")
        other = client.create_model("asr", namespace="other")
        assert client.get_model(model.id) == client.get_model("asr") == model
        assert client.get_model("asr", namespace="other") == other
        with pytest.raises(modelbox.NotFoundError, match="no model named 'tts' in namespace 'default'"):
            client.get_model("tts")

    def test_lists(self, client: ModelBoxClient) -> None:
        for name in ("a", "b", "c"):
            client.create_model(name)
        assert [model.name for model in client.list_models()] == ["c", "b", "a"]
        assert [model.name for model in client.list_models(limit=1)] == ["c"]
        assert client.list_models("other") == []

    def test_a_new_version_has_what_it_was_given(self, client: ModelBoxClient) -> None:
        model = client.create_model("asr")
        version = model.create_version(
            "1", description="first", framework="sklearn", unique_tags=["prod", "eu"], labels={"l": ""}, metadata={"k": None}
        )
        assert (version.version, version.name, version.model_id) == ("1", "asr", model.id)
        assert (version.description, version.framework, version.exists) == ("first", "sklearn", False)
        assert (sorted(version.unique_tags), version.labels, version.metadata()) == (["eu", "prod"], {"l": ""}, {"k": None})
        assert version.namespace == model.namespace
        assert model.create_version("2", name="special").name == "special"

    def test_creating_a_version_again_returns_what_is_stored(self, client: ModelBoxClient) -> None:
        model = client.create_model("asr")
        model.create_version("1", description="first")
        again = model.create_version("1", description="second", unique_tags=["prod"])
        assert (again.exists, again.description, again.unique_tags) == (True, "first", [])

    def test_versions_are_listed_oldest_first(self, client: ModelBoxClient) -> None:
        model = client.create_model("asr")
        for version in ("10", "9", "1.0-β"):
            model.create_version(version)
        assert [version.version for version in model.list_versions()] == ["10", "9", "1.0-β"]
        assert model.get_version("9").version == "9"
        with pytest.raises(modelbox.NotFoundError, match="model 'asr' has no version '8'"):
            model.get_version("8")
        with pytest.raises(modelbox.NotFoundError, match="no version of model 'asr' holds the tag 'prod'"):
            model.get_version(tag="prod")
        with pytest.raises(modelbox.InvalidArgumentError):
            model.get_version()

    def test_a_held_tag_is_refused_and_nothing_is_created(self, client: ModelBoxClient) -> None:
        model = client.create_model("asr")
        model.create_version("1", unique_tags=["prod"])
        newest = client.changes()[-1].seq
        with pytest.raises(modelbox.AlreadyExistsError, match="'prod' of model 'asr' is held by version '1'"):
            model.create_version("2", unique_tags=["canary", "prod"])
        assert [version.version for version in model.list_versions()] == ["1"]
        assert client.changes(since=newest) == []
        assert client.create_model("tts").create_version("1", unique_tags=["prod"]).unique_tags == ["prod"]

    def test_moving_a_tag(self, client: ModelBoxClient) -> None:
        model = client.create_model("asr")
        one, two = model.create_version("1", unique_tags=["prod"]), model.create_version("2")
        model.move_tag("prod", to=two)
        assert model.get_version(tag="prod") == two
        assert _holders(model, "prod") == ["2"]
        assert two.unique_tags == ["prod"]
        model.move_tag("prod", to=one, if_held_by="2")
        assert _holders(model, "prod") == ["1"]
        with pytest.raises(modelbox.ConflictError, match=r"not held by version '2': version '1' holds it"):
            model.move_tag("prod", to=two, if_held_by="2")
        with pytest.raises(modelbox.ConflictError, match="no version holds it"):
            model.move_tag("new", to=two, if_held_by="1")
        model.move_tag("new", to=two)
        assert _holders(model, "new") == ["2"]

    def test_removing_a_tag(self, client: ModelBoxClient) -> None:
        model = client.create_model("asr")
        model.create_version("1", unique_tags=["prod"])
        model.remove_tag("prod")
        assert _holders(model, "prod") == []
        with pytest.raises(modelbox.NotFoundError, match="'prod'"):
            model.remove_tag("prod")
        assert model.create_version("2", unique_tags=["prod"]).unique_tags == ["prod"]

    def test_a_tag_stays_inside_its_model(self, client: ModelBoxClient) -> None:
        one = client.create_model("one")
        foreign = client.create_model("two").create_version("1")
        with pytest.raises(modelbox.InvalidArgumentError, match="of another model"):
            one.move_tag("prod", to=foreign)
        with pytest.raises(TypeError):
            one.move_tag("prod", to="1")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="unique_tags"):
            one.create_version("1", unique_tags="prod")

    def test_racing_for_a_tag_has_one_winner(self, client: ModelBoxClient) -> None:
        model = client.create_model("asr")
        won, lost = [], []

        def race(i: int) -> None:
            try:
                won.append(model.create_version(str(i), unique_tags=["prod"]).version)
            except modelbox.AlreadyExistsError:
                lost.append(i)

        threads = [threading.Thread(target=race, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, 7)
        assert _holders(model, "prod") == won

    def test_labels(self, client: ModelBoxClient) -> None:
        model = client.create_model("asr", labels={"a": "1", "b": "2"})
        version = model.create_version("1")
        model.set_labels({"b": None, "c": "3", "never": None})
        version.set_labels({"served by": "ops"})
        assert model.labels == client.get_model("asr").labels == {"a": "1", "c": "3"}
        assert version.labels == model.get_version("1").labels == {"served by": "ops"}
        with pytest.raises(TypeError, match="label 'x' must be a str, not int"):
            model.set_labels({"x": 1})  # type: ignore[dict-item]
        with pytest.raises(modelbox.InvalidArgumentError):
            client.create_model("new", labels={"x": None})  # type: ignore[dict-item]

    def test_lineage(self, client: ModelBoxClient, tmp_path: Path) -> None:
        (tmp_path / "w.bin").write_bytes(b"weights")
        exp = client.create_experiment("train")
        data = exp.track_artifact("data", "s3://bucket/train.parquet")
        checkpoint = exp.upload_artifact("ckpt", tmp_path / "w.bin")
        version = client.create_model("asr").create_version("1", experiment=exp, datasets=[data])
        weights = version.upload_artifact("weights", tmp_path / "w.bin")
        lineage = version.lineage()
        assert lineage.experiments == (exp,)
        assert lineage.datasets == (data,)
        assert set(lineage.artifacts) == {data, checkpoint, weights}
        assert exp.lineage().versions == (version,)
        assert version.experiment_id == exp.id

    def test_lineage_of_what_does_not_exist(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("train")
        data = exp.track_artifact("data", "s3://b/x")
        data.delete()
        model = client.create_model("asr")
        with pytest.raises(modelbox.NotFoundError, match="no artifact"):
            model.create_version("1", datasets=[data])
        client.delete_experiment(exp.id)
        with pytest.raises(modelbox.NotFoundError, match="no experiment"):
            model.create_version("1", experiment=exp)
        assert model.list_versions() == []
        assert model.create_version("1").lineage() == modelbox.Lineage()
