"""Every command does the same on a server as on an embedded store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from calling import Cli, Result, Sample

from modelbox import ModelBoxClient
from services.server_farm import ServerFarm

READING = [
    "experiments list",
    "-n other experiments list",
    "experiments list --limit 1",
    "experiments show {run}",
    "experiments show run -n other",
    "models list",
    "models show net",
    "versions list net",
    "versions show net 1",
    "versions show net --tag prod",
    "metrics show {run}",
    "metrics show {run} --key loss --key note",
    "metrics show {run} --key loss --start-step 1 --end-step 3 --max-points 4",
    "metrics show {v2}",
    "artifacts list {run}",
    "events list {run}",
    "watch --since 0 --timeout 0",
    "watch --since 3 --timeout 0 -n default",
    "gc --dry-run",
]
QUERIES = [
    "select name, namespace, created_at from experiments order by id",
    "select key, count(*) as points from metrics group by key order by key",
    "select * from changes order by seq",
    "select 1 as a, 2 as a, null as b, [1.5] as c",
]
FAILING = [
    "experiments show nobody",
    "models show nobody",
    "versions show net 7",
    "versions show net --tag nobody",
    "metrics show nobody",
    "artifacts list nobody",
    "artifacts download {run} nobody",
    "artifacts download {run} big",
    "events list nobody",
    "experiments create x --framework caffe",
    "experiments create x --parent nobody",
    "events list {child}",
]
FORMATS = ["table", "csv", "json"]


@pytest.fixture(scope="module")
def served(server_farm: ServerFarm, sample: Sample) -> Iterator[str]:
    """A server of the sample, beside those who open its folder."""
    uri = server_farm.open(sample.uri)
    yield uri
    server_farm.close(uri)


@pytest.fixture
def fresh(server_farm: ServerFarm, tmp_path: Path) -> Iterator[str]:
    uri = server_farm.open(tmp_path / "served")
    yield uri
    server_farm.close(uri)


def same(cli: Cli, sample: Sample, served: str, argv: list[str]) -> Result:
    embedded, remote = (cli("-u", uri, *argv) for uri in (sample.uri, served))
    assert remote == embedded
    return remote


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("command", READING)
def test_reading(cli: Cli, sample: Sample, served: str, command: str, format: str) -> None:
    result = same(cli, sample, served, [*command.format(**sample.ids).split(), "--format", format])
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("query", QUERIES)
def test_sql(cli: Cli, sample: Sample, served: str, query: str, format: str) -> None:
    assert same(cli, sample, served, ["sql", query, "--format", format]).code == 0


@pytest.mark.parametrize("query", ["select", "drop table x", "select * from nothing", "select 1; select 2"])
def test_sql_that_fails(cli: Cli, sample: Sample, served: str, query: str) -> None:
    assert same(cli, sample, served, ["sql", query]).code == 1


@pytest.mark.parametrize("command", FAILING)
def test_failing(cli: Cli, sample: Sample, served: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = same(cli, sample, served, command.format(**sample.ids).split())
    assert result.err
    assert result.out == ""


def test_exporting(cli: Cli, sample: Sample, served: str, tmp_path: Path) -> None:
    for name, uri in (("embedded", sample.uri), ("remote", served)):
        assert cli("-u", uri, "export", tmp_path / name).code == 0
    files = {path.relative_to(tmp_path / "embedded") for path in (tmp_path / "embedded").rglob("*") if path.is_file()}
    assert files == {path.relative_to(tmp_path / "remote") for path in (tmp_path / "remote").rglob("*") if path.is_file()}
    assert files
    for path in files:
        assert (tmp_path / "remote" / path).read_bytes() == (tmp_path / "embedded" / path).read_bytes(), path


def test_downloading(cli: Cli, sample: Sample, served: str, tmp_path: Path) -> None:
    assert same(cli, sample, served, ["artifacts", "download", sample.ids["run"], "data", str(tmp_path)]).code == 0
    assert (tmp_path / "data.txt").read_text() == "one,two\n"


def test_writing(cli: Cli, store: str, fresh: str, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(bytes(1500))
    commands = [
        "experiments create sweep --owner ada --framework JAX --metadata lr=0.1 name=adam",
        "experiments create sweep --owner ada",
        "experiments create trial --owner ada --parent sweep -n other",
        "experiments create trial --owner ada --parent sweep",
        "models create net --owner ada --label a=1 --description d",
        f"artifacts upload sweep files {tmp_path / 'x.bin'}",
        f"artifacts upload nobody files {tmp_path / 'x.bin'}",
        f"artifacts upload sweep files {tmp_path / 'nothing'}",
        "experiments show sweep",
        "watch --since 0 --timeout 0",
        "gc",
    ]
    for command in commands:
        embedded, remote = (cli("-u", uri, *command.split(), "--format", "json") for uri in (store, fresh))
        assert [_timeless(text) for text in remote[1:]] == [_timeless(text) for text in embedded[1:]]
        assert remote.code == embedded.code


def _timeless(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+\+00:00", "<time>", text).replace("/served/", "/store/")


def test_freeing_content(cli: Cli, fresh: str, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(bytes(1500))
    with ModelBoxClient(fresh) as client:
        client.create_experiment("run").upload_artifact("x", tmp_path / "x.bin").delete()
    assert cli("-u", fresh, "gc", "--format", "json").json == {"blobs": 1, "bytes": 1500, "dry_run": False}


def test_pushing(cli: Cli, sample: Sample, fresh: str) -> None:
    assert cli("push", sample.uri, fresh).out.startswith("pushed 3 experiments, 2 models, 2 versions, 8 points")
    assert len(cli("-u", fresh, "experiments", "list", "--format", "json").json) == 3
    refused = cli("push", fresh, "/nowhere")
    assert (refused.code, refused.out) == (1, "")
    assert "only an embedded store can" in refused.err


def test_a_server_is_not_examined_from_afar(cli: Cli, served: str) -> None:
    result = cli("-u", served, "doctor")
    assert (result.code, result.out) == (1, "")
    assert result.err.count("\n") == 1
    assert "cannot be examined from here; run modelbox doctor where its store is" in result.err


def test_a_server_that_is_not_there(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_RETRY_S", "0")
    result = cli("-u", "grpc://127.0.0.1:1", "experiments", "list")
    assert (result.code, result.out) == (1, "")
    assert result.err.count("\n") == 1
    assert "127.0.0.1:1" in result.err


def test_a_server_named_in_a_file(cli: Cli, served: str, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELBOX_URI", raising=False)
    config = tmp_path / "client.toml"
    assert cli("client", "init-config", config).code == 0
    config.write_text(config.read_text().replace("localhost:8085", served.removeprefix("grpc://")))
    expected = cli("-u", sample.uri, "experiments", "list").out
    assert cli("--config", config, "experiments", "list").out == expected
    assert cli("experiments", "list", "-c", config).out == expected
    monkeypatch.setenv("MODELBOX_CONFIG", str(config))
    assert cli("experiments", "list").out == expected
