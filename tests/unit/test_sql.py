"""SQL over a whole embedded store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

import modelbox
from modelbox import ModelBoxClient


@pytest.fixture
def client(tmp_path: Path) -> Iterator[ModelBoxClient]:
    (tmp_path / "f.txt").write_bytes(b"content")
    with ModelBoxClient(tmp_path / "store", owner="ada") as client:
        exp = client.create_experiment("e", metadata={"lr": 0.1, "nested": {"a": [1]}}, framework="jax")
        exp.log_event("started", source="trainer", metadata={"gpu": 3}, wallclock=1_700_000_000.25)
        for step in range(3):
            exp.log_metrics({"loss": 1 / (step + 1), "note": "text"}, step=step, wallclock=1_700_000_000)
        data = exp.track_artifact("data", "s3://bucket/x", checksum="md5:1")
        model = client.create_model("m", labels={"team": "x"})
        version = model.create_version("1", experiment=exp, datasets=[data], unique_tags=["prod", "eu"])
        version.upload_artifact("weights", tmp_path / "f.txt")
        yield client


def rows(client: ModelBoxClient, query: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in client.sql(query).to_pylist()]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select name, owner, framework, status from experiments", [("e", "ada", "jax", "running")]),
        ("select name, labels->>'team' from models", [("m", "x")]),
        ("select model, version, unique_tags, len(dataset_ids) from model_versions", [("m", "1", ["eu", "prod"], 1)]),
        ("select key, value->>'a[0]', value::varchar from metadata where key = 'lr'", [("lr", None, "0.1")]),
        ("select value->'a'->>0 from metadata where key = 'nested'", [("1",)]),
        ("select key, step, value, text from metrics where step = 1 order by key",
         [("loss", 1, 0.5, None), ("note", 1, None, "text")]),
        ("select e.name, max(step) from metrics m join experiments e on e.id = m.object_id group by all", [("e", 2)]),
        ("select name, source, metadata->>'gpu', wallclock from events",
         [("started", "trainer", "3", datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC))]),
        ("select name, f.path, f.size, f.uri[:5] from (select name, unnest(files) as f from artifacts) order by name",
         [("data", "x", None, "s3://"), ("weights", "f.txt", 7, "file:")]),
        ('select seq, action, object_type from changes where "at" > now() - interval 1 hour order by seq limit 2',
         [(1, "created", "experiment"), (2, "logged", "experiment")]),
    ],
)  # fmt: skip
def test_tables(client: ModelBoxClient, query: str, expected: list[tuple[object, ...]]) -> None:
    assert rows(client, query) == expected


def test_what_was_deleted_or_hidden_is_not_there(client: ModelBoxClient) -> None:
    (exp,) = client.list_experiments()
    exp.rewind(0)
    assert rows(client, "select count(*) from metrics") == [(2,)]
    client.delete_experiment(exp.id)
    for table in ("experiments", "metadata", "metrics", "events"):
        assert rows(client, f"select count(*) from {table}") == [(0,)]
    assert rows(client, "select action from changes order by seq desc limit 1") == [("deleted",)]


@pytest.mark.parametrize(
    "table", ["experiments", "models", "model_versions", "metadata", "metrics", "events", "artifacts", "changes"]
)
def test_an_empty_store_has_every_table(table: str) -> None:
    with ModelBoxClient("memory://") as client:
        assert client.sql(f"select * from {table}").num_rows == 0


@pytest.mark.parametrize(
    "query",
    ["", "selec", "select 1; select 2", "drop table x", "insert into metrics values (1)", "copy metrics to '/tmp/x'",
     "explain analyze copy (select 1) to '/tmp/x'", "attach '/tmp/x'", "select * from nothing"],
)  # fmt: skip
def test_what_is_not_one_query_is_refused(client: ModelBoxClient, query: str) -> None:
    with pytest.raises(modelbox.InvalidArgumentError):
        client.sql(query)


@pytest.mark.parametrize(
    "query",
    ["select * from read_text('{file}')", "select * from read_csv('{file}')", "select * from '{file}'", "from glob('{file}')",
     "select * from read_blob('/proc/self/environ')", "select * from a_python_table",
     "select * from 'http://127.0.0.1:1/x.csv'", "select * from read_parquet('s3://bucket/x')"],
)  # fmt: skip
def test_only_the_store_can_be_read(client: ModelBoxClient, tmp_path: Path, query: str) -> None:
    a_python_table = client.sql("select 1 as secret")
    with pytest.raises(modelbox.InvalidArgumentError):
        client.sql(query.format(file=tmp_path / "f.txt"))
    assert a_python_table.num_rows == 1


def test_secrets_that_the_user_keeps_in_duckdb_are_not_seen(
    client: ModelBoxClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with duckdb.connect() as connection:
        connection.execute("create persistent secret mine (type http, bearer_token 'x')")
    with duckdb.connect() as connection:
        assert connection.execute("select name from duckdb_secrets()").fetchall() == [("mine",)]
    assert client.sql("select * from duckdb_secrets()").num_rows == 0


def test_times_are_utc_wherever_the_process_runs(client: ModelBoxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    assert client.sql("select created_at from experiments").schema.field(0).type.tz == "UTC"


def test_damaged_points_are_an_error_that_says_so(client: ModelBoxClient, tmp_path: Path) -> None:
    client.close()
    (segment,) = (tmp_path / "store" / "metrics").glob("*/*.parquet")
    data = bytearray(segment.read_bytes())
    data[len(data) // 4] ^= 1
    segment.write_bytes(data)
    with (
        ModelBoxClient(tmp_path / "store") as reopened,
        pytest.raises(modelbox.CorruptStoreError, match=segment.name),
    ):
        reopened.sql("select sum(value), max(text) from metrics")
