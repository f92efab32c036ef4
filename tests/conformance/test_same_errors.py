"""What a server refuses, it refuses as an embedded store does: the same class of error, with the same message."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from modelbox import ModelBoxClient, ModelBoxError
from services.server_farm import ServerFarm

Mistake: TypeAlias = Callable[[ModelBoxClient], object]

NOT_TEXT = "lone \ud800"
LONG = "x" * 1025


@dataclasses.dataclass
class Objects:
    """Of each kind of object one, in both stores."""

    experiment: Any
    model: Any
    version: Any
    other: Any
    artifact: Any


def fill(client: ModelBoxClient, folder: Path) -> Objects:
    experiment = client.create_experiment("e")
    model = client.create_model("m")
    version = model.create_version("1", unique_tags=["prod"])
    (folder / "f").write_text("content")
    return Objects(experiment, model, version, model.create_version("2"), experiment.upload_artifact("a", folder / "f"))


@pytest.fixture(scope="module")
def clients(server_farm: ServerFarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[ModelBoxClient, Objects]]]:
    folder = tmp_path_factory.mktemp("same-errors")
    with (
        ModelBoxClient(folder / "embedded", owner="o") as embedded,
        ModelBoxClient(server_farm.open(folder / "served"), owner="o") as remote,
    ):
        yield [(client, fill(client, folder)) for client in (embedded, remote)]


def both_say(clients: list[tuple[ModelBoxClient, Objects]], mistake: Callable[[ModelBoxClient, Objects], object]) -> str:
    """What both clients say to a mistake."""
    said = []
    for client, objects in clients:
        with pytest.raises((ModelBoxError, TypeError)) as caught:
            mistake(client, objects)
        said.append((caught.type, str(caught.value)))
    assert said[0] == said[1]
    return said[0][1]


TEXTS = [None, 5, b"bytes", "", "  ", "nul\0", NOT_TEXT, LONG]
IDS = [None, 5, b"bytes", "", "nul\0", NOT_TEXT, "0" * 32, "x" * 100_000]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text)[:20])
@pytest.mark.parametrize(
    "create",
    [
        lambda client, _, text: client.create_experiment(text),
        lambda client, _, text: client.create_experiment("x", namespace=text if text is not None else 7),
        lambda client, _, text: client.create_experiment("x", owner=text if text is not None else 7),
        lambda client, _, text: client.create_model(text),
        lambda client, _, text: client.create_model("x", owner=text if text is not None else 7),
        lambda client, _, text: client._backend.find_model(name=text, namespace="default"),
        lambda _, objects, text: objects.model.create_version(text),
        lambda _, objects, text: objects.model.create_version("x", unique_tags=["ok", text]),
        lambda _, objects, text: objects.model.create_version("x", unique_tags=5 if text is None else text),
        lambda _, objects, text: objects.model.get_version(tag=text if text is not None else 7),
        lambda _, objects, text: objects.model.get_version(text if text is not None else 7),
        lambda _, objects, text: objects.model.move_tag(text, to=objects.version),
        lambda _, objects, text: objects.model.remove_tag(text),
        lambda _, objects, text: objects.model.set_labels({text: "x"}),
        lambda _, objects, text: objects.experiment.artifact(text),
        lambda _, objects, text: objects.experiment.track_artifact("x", text),
        lambda client, _, text: client.list_experiments(text if text is not None else 7),
        lambda client, _, text: client.list_models(text if text is not None else 7),
        lambda client, _, text: client.changes(text if text is not None else 7),
    ],
)
def test_names(clients: Any, create: Callable[[Any, Any, Any], object], text: Any) -> None:
    both_say(clients, lambda client, objects: create(client, objects, text))


@pytest.mark.parametrize("given", IDS, ids=lambda text: repr(text)[:20])
@pytest.mark.parametrize(
    "use",
    [
        lambda backend, given: backend.get_object(given),
        lambda backend, given: backend.create_experiment(
            name="c", namespace="d", owner="o", parent_id=given if given is not None else 7
        ),
        lambda backend, given: backend.list_experiments(namespace=None, parent_id=given or 7, limit=0),
        lambda backend, given: backend.finish_experiment(given, status="finished"),
        lambda backend, given: backend.rewind(given, step=1, at_us=1),
        lambda backend, given: backend.create_version(given, version="1"),
        lambda backend, given: backend.get_version(given),
        lambda backend, given: backend.get_version(given, version="1"),
        lambda backend, given: backend.list_versions(given),
        lambda backend, given: backend.move_tag(given, "t", version_id="v"),
        lambda backend, given: backend.remove_tag(given, "t"),
        lambda backend, given: backend.set_labels(given, {"a": "b"}),
        lambda backend, given: backend.lineage(given),
        lambda backend, given: backend.update_metadata(given, {}),
        lambda backend, given: backend.update_metadata(given, {"a": 1}),
        lambda backend, given: backend.metadata(given),
        lambda backend, given: backend.read_metrics(given),
        lambda backend, given: backend.last_batch(given, "w"),
        lambda backend, given: backend.events(given),
        lambda backend, given: backend.put_artifact(given, "a", []),
        lambda backend, given: backend.track_artifact(given, "a", uri="s3://x", checksum=None),
        lambda backend, given: backend.list_artifacts(given),
        lambda backend, given: backend.find_artifact(given, "a"),
        lambda backend, given: backend.delete(given),
    ],
)
def test_ids(clients: Any, use: Callable[[Any, Any], object], given: Any) -> None:
    both_say(clients, lambda client, _: use(client._backend, given))


@pytest.mark.parametrize(
    "mistake",
    [
        lambda client, _: client.create_experiment("x", namespace="*"),
        lambda client, _: client.create_experiment("x", framework="caffe"),
        lambda client, _: client.create_experiment("x", framework=5),
        lambda client, _: client.create_experiment("x", task=5, external_id=NOT_TEXT),
        lambda client, _: client.create_experiment("x", metadata={"a": float("nan")}),
        lambda client, _: client.create_experiment("x", metadata={5: 1}),
        lambda client, _: client.create_experiment("x", metadata=5),
        lambda client, _: client.create_experiment("x", metadata={"a": {"b": [object()]}}),
        lambda client, objects: client._backend.create_experiment(
            name="e", namespace="default", owner="o", parent_id=objects.experiment.id
        ),
        lambda client, _: client.create_model("x", labels={"a": 5}),
        lambda client, _: client.create_model("x", labels={"a": None}),
        lambda client, _: client.create_model("x", labels=["a"]),
        lambda client, _: client.create_model("x", description=NOT_TEXT),
        lambda client, _: client.list_experiments(limit=-1),
        lambda client, _: client.list_experiments(limit="1"),
        lambda client, _: client.list_models(limit=True),
        lambda client, _: client.get_model("no such model"),
        lambda client, _: client.changes(since=-1),
        lambda client, _: client.changes(since="1"),
        lambda client, _: client.changes(limit=1.5),
        lambda client, _: next(client.watch(since=-1)),
        lambda client, _: next(client.watch("", since=0)),
        lambda client, _: client.sql("drop table experiments"),
        lambda client, _: client.sql("select 1; select 2"),
        lambda client, _: client.sql("select nothing from nowhere"),
        lambda client, _: client.sql("se lect"),
        lambda client, _: client.sql(""),
        lambda client, _: client.sql(5),
        lambda client, _: client.sql("select '\ud800'"),
        lambda client, objects: client.get_experiment(objects.model.id),
        lambda client, objects: client.delete_model(objects.model.id),
        lambda client, objects: client.delete_model(objects.experiment.id),
        lambda client, objects: client._backend.finish_experiment(objects.model.id, status="finished"),
        lambda client, objects: client._backend.lineage(objects.model.id),
        lambda client, objects: client._backend.get_version(objects.model.id, version="1", tag="prod"),
        lambda client, objects: client._backend.set_labels(objects.experiment.id, {"a": "b"}),
        lambda client, objects: client._backend.put_artifact(objects.artifact.id, "a", []),
        lambda client, objects: client._backend.create_version(objects.model.id, version="3", experiment_id=objects.model.id),
        lambda client, objects: client._backend.create_version(objects.model.id, version="3", dataset_ids=[objects.model.id]),
        lambda client, objects: client._backend.create_version(objects.model.id, version="3", dataset_ids=[5]),
        lambda client, objects: client._backend.last_batch(objects.model.id, 5),
        lambda _, objects: objects.experiment.finish("done"),
        lambda _, objects: objects.experiment.finish(5),
        lambda _, objects: objects.experiment.rewind("1"),
        lambda _, objects: objects.experiment.rewind(None),
        lambda _, objects: objects.experiment.rewind(2**63),
        lambda _, objects: objects.experiment.update_metadata({"a": {1, 2}}),
        lambda _, objects: objects.experiment.update_metadata("key", NOT_TEXT),
        lambda _, objects: objects.experiment.update_metadata(None),
        lambda _, objects: objects.experiment.metrics(5),
        lambda _, objects: objects.experiment.metrics(NOT_TEXT),
        lambda _, objects: objects.experiment.metrics(start_step=1.5),
        lambda _, objects: objects.experiment.metrics(end_step=2**64),
        lambda _, objects: objects.experiment.metrics(max_points=3),
        lambda _, objects: objects.experiment.metrics(max_points=4.0),
        lambda _, objects: objects.experiment.events(since="yesterday"),
        lambda _, objects: objects.experiment.artifact("no such artifact"),
        lambda _, objects: objects.experiment.track_artifact("../up", "s3://x"),
        lambda _, objects: objects.experiment.track_artifact("x", "s3://x", checksum=5),
        lambda _, objects: objects.model.get_version("no such version"),
        lambda _, objects: objects.model.get_version(tag="no such tag"),
        lambda _, objects: objects.model.create_version("3", unique_tags=["prod"]),
        lambda _, objects: objects.model.move_tag("prod", to=objects.other, if_held_by="2"),
        lambda _, objects: objects.model.move_tag("prod", to=objects.other, if_held_by=2),
        lambda _, objects: objects.model.move_tag("new", to=objects.other, if_held_by="1"),
        lambda _, objects: objects.model.remove_tag("no such tag"),
        lambda _, objects: objects.model.delete_version("1"),
        lambda _, objects: objects.version.set_labels({"a": 5}),
    ],
)
def test_other_arguments(clients: Any, mistake: Callable[[Any, Any], object]) -> None:
    both_say(clients, mistake)
