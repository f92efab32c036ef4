"""The demo, as a user runs it: twice, the second time as the example."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import modelbox
from modelbox.cli import main

for package in ("numpy", "plotext", "sklearn"):
    pytest.importorskip(package)

ROOT = Path(__file__).parents[2]


def run(*command: str) -> str:
    result = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=110, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    store = str(tmp_path_factory.mktemp("demo") / "a store")
    return store, [run("-m", "modelbox.cli", "demo", "-u", store), run(str(ROOT / "examples" / "quickstart.py"), store)]


def test_it_shows_what_it_kept(outputs: tuple[str, list[str]]) -> None:
    store, (first, second) = outputs
    assert "Model digits, version 1" in first
    assert "Model digits, version 2" in second
    for out in (first, second):
        for word in (
            "Experiment digits-mlp",
            "val_accuracy",
            "lr",
            "checkpoints",
            "prod",
            "experiment digits-mlp",
            "blake3:",
            "tag prod to",
        ):
            assert word in out
        assert "\x1b" not in out
    assert max(map(len, second.splitlines())) <= 80
    assert f"modelbox -u '{store}' experiments show digits-mlp" in first


def test_it_is_all_in_the_store(outputs: tuple[str, list[str]]) -> None:
    store, _ = outputs
    with modelbox.ModelBoxClient(store) as client:
        (experiment,) = client.list_experiments()
        assert experiment.status == "finished"
        loss = experiment.metrics("loss").to_dict()
        assert loss["step"] == list(range(1, len(loss["step"]) + 1)), "the points of the first run are hidden"
        assert loss["value"][0] > 2 > 0.2 > loss["value"][-1]
        assert experiment.metrics("val_accuracy").to_dict()["value"][-1] > 0.9
        assert {event.name for event in experiment.events()} == {"epoch_started", "epoch_finished"}
        assert {artifact.name for artifact in experiment.artifacts()} == {"dataset", "checkpoints"}
        versions = client.get_model("digits").list_versions()
        assert [(version.version, version.unique_tags) for version in versions] == [("1", []), ("2", ["prod"])]
        lineage = versions[1].lineage()
        assert [found.id for found in lineage.experiments] == [experiment.id]
        assert [found.name for found in lineage.datasets] == ["dataset"]


def test_the_example_is_the_demo() -> None:
    example = ROOT / "examples" / "quickstart.py"
    assert example.resolve() == ROOT / "modelbox_sdk" / "modelbox" / "cli" / "demo" / "quickstart.py"


def test_a_store_that_only_one_client_sees(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "-u", "memory://"]) == 1
    assert "name a folder" in capsys.readouterr().err


def test_missing_packages(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "plotext", None)
    assert main(["demo", "-u", str(tmp_path / "store")]) == 1
    captured = capsys.readouterr()
    assert captured.err == "modelbox: the demo needs plotext, not installed here: pip install 'modelbox-sdk[demo]'\n"
    assert not (tmp_path / "store").exists()
