"""Exports: what is in them, and that a half one never looks whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import modelbox
from modelbox.exporting import SCHEMAS


@pytest.fixture
def client(tmp_path: Path) -> Iterator[modelbox.ModelBoxClient]:
    with modelbox.ModelBoxClient(tmp_path / "store", owner="ada") as client:
        yield client


@pytest.fixture
def full(client: modelbox.ModelBoxClient, tmp_path: Path) -> modelbox.ModelBoxClient:
    """A store with something on objects of every type."""
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "a.txt").write_text("a")
    (tmp_path / "folder" / "sub" / "b.txt").write_text("b")
    run = client.create_experiment("run", framework="jax", metadata={"lr": 0.1, "é": [None]})
    data = run.upload_artifact("data", tmp_path / "folder")
    run.track_artifact("big", "s3://bucket/x.parquet", checksum="md5:1")
    model = client.create_model("net", labels={"team": "x"})
    version = model.create_version("1", experiment=run, datasets=[data], unique_tags=["prod"], labels={"a": "b"})
    for thing in (run, data, model, version):
        thing.update_metadata("of", type(thing).__name__)
        thing.log_event("seen", source="test", metadata={"n": 1}, wallclock=1_700_000_000)
        thing.log_metrics({"m": float("nan"), "t": "text", "b": b"\0"}, step=3, wallclock=1_700_000_000)
    client.create_experiment("elsewhere", namespace="other").log_metrics({"m": 1.0})
    return client


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def test_everything_is_there(full: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    out = full.export(tmp_path / "out")
    assert out == tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {*(f"{name}.parquet" for name in SCHEMAS), "files"}

    (run,) = rows(out, "experiments")
    (model,) = rows(out, "models")
    (version,) = rows(out, "model_versions")
    assert (run["name"], run["owner"], run["framework"], run["status"]) == ("run", "ada", "jax", "running")
    assert (model["name"], json.loads(model["labels"])) == ("net", {"team": "x"})
    assert (version["model"], version["model_id"], version["version"]) == ("net", model["id"], "1")
    assert (version["experiment_id"], version["unique_tags"], json.loads(version["labels"])) == (run["id"], ["prod"], {"a": "b"})

    files = {(row["name"], row["path"]): row for row in rows(out, "artifacts")}
    assert len(files) == 3
    tracked = files.pop(("big", "x.parquet"))
    assert (tracked["uri"], tracked["digest"], tracked["size"], tracked["file"]) == ("s3://bucket/x.parquet", "md5:1", None, None)
    for row in files.values():
        assert (row["object_id"], row["object_type"]) == (run["id"], "experiment")
        assert row["file"] == f"files/{row['artifact_id']}/{row['path']}"
        assert (out / row["file"]).read_text() == Path(row["path"]).stem
        assert version["dataset_ids"] == [row["artifact_id"]]


def test_what_hangs_on_objects_of_every_type(full: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    out = full.export(tmp_path / "out")
    types = {"experiment", "model", "model_version", "artifact"}
    of = {row["object_type"]: json.loads(row["value"]) for row in rows(out, "metadata") if row["key"] == "of"}
    assert of == {"experiment": "Experiment", "model": "Model", "model_version": "ModelVersion", "artifact": "Artifact"}
    events = rows(out, "events")
    assert {row["object_type"] for row in events} == types
    assert {(row["name"], row["source"], row["metadata"], row["wallclock"].timestamp()) for row in events} == {
        ("seen", "test", '{"n": 1}', 1_700_000_000)
    }
    points = rows(out, "metrics")
    assert {row["object_type"] for row in points} == types
    assert len(points) == 12
    assert all(row["value"] != row["value"] for row in points if row["key"] == "m")
    assert {(row["text"], row["blob"], row["value"]) for row in points if row["key"] != "m"} == {
        ("text", None, None),
        (None, b"\0", None),
    }


def test_the_feed_of_changes(full: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    out = full.export(tmp_path / "out")
    exported = [(row["seq"], row["action"], row["at"], json.loads(row["payload"])) for row in rows(out, "changes")]
    assert exported == [(change.seq, str(change.action), change.at, dict(change.payload)) for change in full.changes()]


def test_one_namespace_or_all(full: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    def names(namespace: str | None) -> list[str]:
        out = full.export(tmp_path / f"out-{namespace and ord(namespace[0])}", namespace=namespace)
        return sorted(row["name"] for row in rows(out, "experiments"))

    assert names(None) == ["run"]
    assert names("other") == ["elsewhere"]
    assert names("*") == ["elsewhere", "run"]


def test_an_empty_store(client: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    out = client.export(tmp_path / "deep" / "er" / "out")
    for name, schema in SCHEMAS.items():
        table = pq.read_table(out / f"{name}.parquet")
        assert table.num_rows == 0
        assert table.schema.equals(schema)


def test_other_tools_read_it(full: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    out = full.export(tmp_path / "out")
    query = f"select e.name, m.step from '{out}/metrics.parquet' m join '{out}/experiments.parquet' e on e.id = m.object_id"
    with duckdb.connect() as connection:
        assert set(connection.sql(query).fetchall()) == {("run", 3)}
    pandas = pytest.importorskip("pandas")
    assert list(pandas.read_parquet(out / "models.parquet")["name"]) == ["net"]


def test_hidden_points_are_left_out(client: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    run = client.create_experiment("run")
    for step in range(4):
        run.log_metrics({"loss": 1.0}, step=step)
    run.rewind(1)
    assert [row["step"] for row in rows(client.export(tmp_path / "out"), "metrics")] == [0, 1]


def test_many_points(client: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    run = client.create_experiment("run")
    for step in range(25_000):
        run.log_metrics({"a": step, "b": -step}, step=step)
    table = pq.read_table(client.export(tmp_path / "out") / "metrics.parquet")
    assert table.num_rows == 50_000
    assert table["step"].to_pylist() == [*range(25_000)] * 2


def test_a_tracked_file_among_stored_ones(client: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    run = client.create_experiment("run")
    run.upload_artifact("both", tmp_path / "a.txt")
    run.track_artifact("both", "s3://bucket/b.txt")
    out = client.export(tmp_path / "out")
    found = {row["path"]: row["file"] for row in rows(out, "artifacts")}
    assert found.pop("b.txt") is None
    assert (out / found["a.txt"]).read_text() == "a"


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_what_is_there_is_not_touched(full: modelbox.ModelBoxClient, tmp_path: Path, what: str) -> None:
    place = tmp_path / "out"
    if what == "file":
        place.write_text("mine")
    elif what == "folder":
        place.mkdir()
        (place / "mine.txt").write_text("mine")
    else:
        place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(modelbox.InvalidArgumentError, match="out: it is there already"):
        full.export(place)
    assert not list(tmp_path.glob(".out*"))
    assert place.is_symlink() or place.exists()


def test_an_empty_folder_is_filled(full: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert rows(full.export(tmp_path / "out"), "experiments")


def test_damaged_content_leaves_nothing_behind(full: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    (blob,) = (path for path in (tmp_path / "store").rglob("*") if path.is_file() and path.read_bytes() == b"a")
    blob.chmod(0o644)
    blob.write_bytes(b"x")
    with pytest.raises(modelbox.ModelBoxError):
        full.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_content_that_is_gone_is_not_left_out_in_silence(full: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    (blob,) = (path for path in (tmp_path / "store").rglob("*") if path.is_file() and path.read_bytes() == b"a")
    blob.unlink()
    with pytest.raises(modelbox.ModelBoxError):
        full.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_columns_are_called_as_in_sql(full: modelbox.ModelBoxClient, tmp_path: Path) -> None:
    for name in set(SCHEMAS) - {"artifacts"}:
        in_sql = set(full.sql(f"select * from {name} limit 0").column_names)
        assert in_sql <= set(SCHEMAS[name].names), name
    assert all(isinstance(schema, pa.Schema) for schema in SCHEMAS.values())


def test_a_store_in_object_storage(s3_url: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with modelbox.ModelBoxClient(s3_url) as client:
        run = client.create_experiment("run")
        run.upload_artifact("data", tmp_path / "a.txt")
        run.log_metrics({"loss": 1.0}, step=1)
        out = client.export(tmp_path / "out")
    assert [row["step"] for row in rows(out, "metrics")] == [1]
    assert [(out / row["file"]).read_text() for row in rows(out, "artifacts")] == ["a"]
