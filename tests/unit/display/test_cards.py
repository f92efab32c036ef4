"""What objects look like in a notebook: everything that they hold, nothing that breaks the page, and never an exception."""

from __future__ import annotations

import html.parser
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelbox

EVIL = "<script>alert('x')</script> & \"q\""
SCRIPTS = "مرحبا 日本語 \u202eabc 🚀"


class Page(html.parser.HTMLParser):
    """Checks that tags are balanced, and collects the text and the tags."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")], attrs

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data


@pytest.fixture
def client() -> Iterator[modelbox.ModelBoxClient]:
    with modelbox.ModelBoxClient("memory://", owner="ada") as client:
        yield client


def shown(thing: modelbox.Experiment | modelbox.Model | modelbox.ModelVersion | modelbox.Artifact | modelbox.MetricTable) -> Page:
    page = Page(thing._repr_html_())
    assert "script" not in page.tags
    assert not {"link", "img", "iframe"} & set(page.tags), "a card must not load anything"
    return page


def test_experiment(client: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    experiment = client.create_experiment(
        "digits", framework="sklearn", task="vision", metadata={"lr": 0.1, "opt": {"name": "sgd"}}
    )
    for step in range(300):
        experiment.log_metrics({"loss": 300.0 - step, "acc": step / 1000}, step=step)
    (tmp_path / "model.bin").write_bytes(bytes(2048))
    experiment.upload_artifact("weights", tmp_path / "model.bin", progress=False)
    experiment.track_artifact("data", "s3://bucket/train.parquet")
    client.create_experiment("trial 1", parent=experiment)
    experiment.finish()
    page = shown(experiment)
    for part in ("digits", "finished", "sklearn", "vision", "ada", "lr", "0.1", '{"name": "sgd"}', experiment.id, "trial 1"):
        assert part in page.text
    for part in ("300", "0.299", "299", "weights", "2.0 kB", "s3://bucket/train.parquet", "tracked"):
        assert part in page.text
    assert page.tags.count("svg") == 2


def test_a_new_experiment_has_no_empty_sections(client: modelbox.ModelBoxClient) -> None:
    page = shown(client.create_experiment("new"))
    assert "h4" not in page.tags
    assert "running" in page.text


def test_model_and_its_versions(client: modelbox.ModelBoxClient) -> None:
    model = client.create_model("asr", description="Speech to text", labels={"team": "audio"})
    model.create_version("1", unique_tags=["prod"], framework="pytorch")
    model.create_version("2", unique_tags=["canary"], labels={"gpu": "a100"})
    page = shown(model)
    for part in ("asr", "Speech to text", "team=audio", "prod", "canary", "gpu=a100", "pytorch"):
        assert part in page.text
    assert page.text.index("canary") < page.text.index("prod"), "the newest version comes first"


def test_version_shows_its_lineage(client: modelbox.ModelBoxClient) -> None:
    experiment = client.create_experiment("run 7")
    data = experiment.track_artifact("train", "s3://bucket/train.parquet", checksum="md5:abc")
    version = client.create_model("asr").create_version("3", experiment=experiment, datasets=[data], metadata={"wer": 0.08})
    page = shown(version)
    for part in ("Came of", "run 7", "Made from", "train", "s3://bucket/train.parquet", "wer", "0.08"):
        assert part in page.text


def test_artifact(client: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"part-{number:03}.json").write_text(f"[{number}]")
    artifact = client.create_experiment("run").upload_artifact("parts", tmp_path, progress=False)
    page = shown(artifact)
    assert "part-000.json" in page.text
    assert "application/json" in page.text
    assert "blake3:" in page.text
    assert "part-059.json" not in page.text
    assert "and 10 more" in page.text


@pytest.mark.parametrize("text", [EVIL, SCRIPTS], ids=["markup", "scripts"])
def test_texts_of_users_are_shown_as_they_are(client: modelbox.ModelBoxClient, text: str) -> None:
    experiment = client.create_experiment(text, namespace=text, owner=text, task=text, external_id=text, metadata={text: text})
    experiment.log_metrics({text: 1.0, "note": text[:30]})
    tracked = experiment.track_artifact("data", f"s3://b/{text}", checksum=text)
    model = client.create_model(text, description=text, labels={text: text}, metadata={text: [text]})
    version = model.create_version(text, name=text, description=text, experiment=experiment, datasets=[tracked], unique_tags=[text])
    for thing in (experiment, model, version, tracked, experiment.metrics()):
        assert text in shown(thing).text


def test_long_texts_are_cut(client: modelbox.ModelBoxClient) -> None:
    experiment = client.create_experiment("run", metadata={"notes": "x" * 100_000, "list": list(range(50_000))})
    experiment.log_metrics({"tensor": "y" * 100_000})
    assert len(experiment._repr_html_()) < 10_000


def test_a_deleted_object_shows_what_the_handle_knows(client: modelbox.ModelBoxClient) -> None:
    experiment = client.create_experiment("gone")
    model = client.create_model("gone too")
    version = model.create_version("1")
    artifact = experiment.track_artifact("data", "s3://bucket/x")
    client.delete_experiment(experiment.id)
    client.delete_model(model.id)
    for thing in (experiment, model, version, artifact):
        page = shown(thing)
        assert thing.name in page.text
        assert thing.id in page.text
        assert "NotFoundError" in page.text
        assert page.text.count("Error") == 1


def test_a_closed_client_shows_what_the_handle_knows() -> None:
    with modelbox.ModelBoxClient("memory://") as client:
        experiment = client.create_experiment("run")
    page = shown(experiment)
    assert "run" in page.text
    assert "UnavailableError" in page.text


def test_a_broken_part_of_the_store_does_not_hide_the_others(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with modelbox.ModelBoxClient(store) as client:
        experiment = client.create_experiment("run", metadata={"seed": 7})
        experiment.log_metrics({"loss": 1.0})
        experiment.track_artifact("data", "s3://bucket/x")
    (segment,) = (store / "metrics").rglob("*.parquet")
    segment.write_bytes(segment.read_bytes()[:-40])
    with modelbox.ModelBoxClient(store) as client:
        page = shown(client.get_experiment(experiment.id))
    assert "CorruptStoreError" in page.text
    assert "seed" in page.text
    assert "s3://bucket/x" in page.text


def test_a_store_that_vanished_does_not_raise(tmp_path: Path) -> None:
    with modelbox.ModelBoxClient(tmp_path / "store") as client:
        experiment = client.create_experiment("run")
        shutil.rmtree(tmp_path / "store")
        assert "run" in shown(experiment).text
