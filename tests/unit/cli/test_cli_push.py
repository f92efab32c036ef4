"""``modelbox push`` and ``modelbox client init-config``."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from calling import Cli, Sample

import modelbox
from modelbox.journal import Journal, Target


def test_a_push_says_what_it_did(cli: Cli, sample: Sample, store: str) -> None:
    result = cli("push", sample.uri, store)
    assert (result.code, result.err) == (0, "")
    counts = "3 experiments, 2 models, 2 versions, 8 points, 2 events, 2 artifacts"
    assert result.out == f"pushed {counts} (8 B sent, 0 B there already)\n"
    assert cli("push", sample.uri, store).out == "pushed nothing, for all of it is there (0 B sent, 8 B there already)\n"


def test_json(cli: Cli, sample: Sample, store: str) -> None:
    found = cli("push", sample.uri, store, "-n", "other", "--format", "json").json
    assert found == dict.fromkeys(
        ("models", "versions", "points", "events", "artifacts", "bytes_sent", "bytes_there"), 0
    ) | {"experiments": 1, "problems": []}  # fmt: skip


def test_a_conflict_is_an_error(cli: Cli, sample: Sample, store: str) -> None:
    with modelbox.ModelBoxClient(store) as client:
        client.create_model("net").create_version("0", unique_tags=["prod"])
    result = cli("push", sample.uri, store)
    assert result.code == 1
    assert result.out.startswith("pushed 3 experiments")
    assert result.err.startswith("modelbox: tag 'prod' of model 'net' is held by version '2' here and by '0' on the target")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("there", [True, False])
def test_nothing_to_push(cli: Cli, tmp_path: Path, store: str, there: bool) -> None:
    if there:
        (tmp_path / "empty").mkdir()
    result = cli("push", tmp_path / "empty", store)
    assert result.code == 1
    assert "there is no store at" in result.err
    assert not Path(store).exists()


def test_a_spool(cli: Cli, tmp_path: Path, store: str) -> None:
    class Away:
        def append_metrics(self, batches: object) -> None:
            raise OSError("away")

        append_events = append_metrics

    with modelbox.ModelBoxClient(store) as client:
        exp = client.create_experiment("run")
        target = Target(exp.id, client._backend.get_object(exp.id).uid)
    journals = [Journal(tmp_path / "spool", Away(), shared=False) for _ in range(2)]
    for journal in journals:
        for step in range(5):
            journal.log_metrics(target, {"loss": float(step)}, step)
        journal.log_event(target, "said")
    with pytest.raises(modelbox.UnavailableError):
        journals[0].close(0.1)
    result = cli("push", tmp_path / "spool", store)
    assert result.out == "pushed 5 points, 1 event\n"
    assert "5 points and 1 events in " in result.err
    assert "belong to a process that is alive" in result.err
    with pytest.raises(modelbox.UnavailableError):
        journals[1].close(0.1)
    elsewhere = cli("push", tmp_path / "spool", tmp_path / "elsewhere")
    assert elsewhere.code == 1
    assert f"does not have the object {exp.id}" in elsewhere.err
    assert cli("push", tmp_path / "spool", store)[:2] == (0, "pushed 5 points, 1 event\n")
    (tmp_path / "spool" / "store").write_text("grpc://somewhere:1")
    assert cli("push", tmp_path / "spool", store)[:2] == (0, "pushed nothing, for all of it is there\n")
    with modelbox.ModelBoxClient(store) as client:
        assert len(client.get_experiment(exp.id).metrics().to_dict()["step"]) == 10
        assert len(client.get_experiment(exp.id).events()) == 2


def test_a_configuration_of_clients(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "wrote modelbox_client.toml" in cli("client", "init-config").out
    content = Path("modelbox_client.toml").read_text()
    assert tomllib.loads(content) == {"server_addr": "localhost:8085"}
    again = cli("client", "init-config")
    assert (again.code, again.err) == (1, "modelbox: modelbox_client.toml exists already; remove it, or name another file\n")
    assert Path("modelbox_client.toml").read_text() == content
    assert cli("client", "init-config", "other.toml").code == 0
    assert modelbox.settings.default_uri() == ".modelbox", "a file that merely lies there does not count"
    monkeypatch.setenv("MODELBOX_CONFIG", "other.toml")
    assert modelbox.settings.default_uri() == "grpc://localhost:8085"
    monkeypatch.setenv("MODELBOX_API_ADDR", "elsewhere:1")
    assert modelbox.settings.default_uri() == "grpc://elsewhere:1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("server_addr = 7", "names no server"),
        ('server_addr = " "', "names no server"),
        ("", "names no server"),
        ('server_adr = "a:1"', "has the key 'server_adr'"),
        ("server_addr", "is not TOML"),
        (None, "cannot be read"),
    ],
)
def test_a_configuration_that_cannot_be_used(cli: Cli, tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "client.toml"
    if content is not None:
        path.write_text(content)
    result = cli("--config", path, "experiments", "list")
    assert result.code == 1
    assert message in result.err
    assert str(path) in result.err
