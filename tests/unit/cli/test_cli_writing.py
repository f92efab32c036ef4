"""The commands that change a store, or write files."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from calling import Cli

import modelbox


def test_creating_an_experiment(cli: Cli, store: str) -> None:
    argv = (
        "-u",
        store,
        "experiments",
        "create",
        "run",
        "--owner",
        "ada",
        "--framework",
        "PyTorch",
        "--task",
        "t",
        "--external-id",
        "x",
    )
    created = cli(*argv, "--metadata", "lr=0.1", "name=adam", "--metadata", "deep=true", "bad=NaN", "--format", "json")
    assert created.code == 0
    assert (created.json["framework"], created.json["exists"]) == ("pytorch", False)
    again = cli(*argv, "--format", "json").json
    assert (again["id"], again["exists"]) == (created.json["id"], True)
    shown = cli("-u", store, "experiments", "show", "run", "--format", "json").json
    assert shown["metadata"] == {"bad": "NaN", "deep": True, "lr": 0.1, "name": "adam"}
    assert (shown["external_id"], shown["task"], shown["namespace"]) == ("x", "t", "default")


def test_creating_in_a_namespace_and_under_a_parent(cli: Cli, store: str) -> None:
    parent = cli("-u", store, "-n", "vision", "experiments", "create", "sweep", "--format", "json").json
    child = cli("-u", store, "-n", "vision", "experiments", "create", "trial", "--parent", "sweep", "--format", "json").json
    assert (child["parent_id"], child["namespace"]) == (parent["id"], "vision")
    assert parent["id"] in cli("-u", store, "experiments", "create", "other", "--parent", parent["id"]).out


def test_creating_a_model(cli: Cli, store: str) -> None:
    argv = ("models", "create", "net", "-u", store, "--description", "d", "--label", "a=1", "b=x=y", "--metadata", "k=[1]")
    created = cli(*argv, "--format", "json").json
    assert (created["labels"], created["description"], created["exists"]) == ({"a": "1", "b": "x=y"}, "d", False)
    assert cli("models", "show", "net", "-u", store, "--format", "json").json["metadata"] == {"k": [1]}


def test_uploading_and_downloading(cli: Cli, store: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("bb")
    run = cli("-u", store, "experiments", "create", "run", "--format", "json").json["id"]
    uploaded = cli("-u", store, "artifacts", "upload", "run", "files", tmp_path / "folder", tmp_path / "b.txt", "--format", "json")
    assert uploaded.code == 0
    paths = {file["path"]: file["size"] for file in uploaded.json["files"]}
    assert sorted(paths.values()) == [1, 2]
    written = cli("-u", store, "artifacts", "download", run, "files", tmp_path / "out", "--format", "json")
    assert {row["path"] for row in written.json} == set(paths)
    assert {Path(row["file"]).read_text() for row in written.json} == {"a", "bb"}
    assert cli("-u", store, "artifacts", "download", run, "files", tmp_path / "out").out.count("blake3:") == 2


def test_downloading_into_this_folder(cli: Cli, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.bin").write_bytes(b"x")
    (tmp_path / "here").mkdir()
    cli("-u", store, "experiments", "create", "run")
    assert cli("-u", store, "artifacts", "upload", "run", "x", tmp_path / "x.bin").code == 0
    monkeypatch.chdir(tmp_path / "here")
    assert cli("-u", store, "artifacts", "download", "run", "x").code == 0
    assert (tmp_path / "here" / "x.bin").read_bytes() == b"x"


def test_collecting_garbage(cli: Cli, store: str, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"x" * 1500)
    with modelbox.ModelBoxClient(store) as client:
        client.create_experiment("run").upload_artifact("x", tmp_path / "x.bin").delete()
    assert cli("-u", store, "gc", "--dry-run").out == "1 piece of content, 1.5 kB, would be freed\n"
    assert cli("-u", store, "gc", "--format", "json").json == {"blobs": 1, "bytes": 1500, "dry_run": False}
    assert cli("-u", store, "gc").out == "0 pieces of content, 0 B, freed\n"


def test_exporting(cli: Cli, store: str, tmp_path: Path) -> None:
    cli("-u", store, "-n", "a", "experiments", "create", "one")
    cli("-u", store, "-n", "b", "experiments", "create", "two")
    everything = cli("-u", store, "export", tmp_path / "all", "--format", "json")
    assert everything.json == {"path": str(tmp_path / "all")}
    assert pq.read_table(tmp_path / "all" / "experiments.parquet").num_rows == 2
    assert cli("-u", store, "export", tmp_path / "some", "-n", "a").code == 0
    assert pq.read_table(tmp_path / "some" / "experiments.parquet")["name"].to_pylist() == ["one"]
    refused = cli("-u", store, "export", tmp_path / "all")
    assert (refused.code, refused.out) == (1, "")
    assert "is there already" in refused.err
