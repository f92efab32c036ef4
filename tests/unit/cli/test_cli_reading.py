"""The commands that list and show."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from calling import Cli, Sample

from modelbox.cli.rows import ARTIFACT, CHANGE, EVENT, EXPERIMENT, MODEL, VERSION

LISTS = {
    ("experiments", "list"): EXPERIMENT,
    ("models", "list"): MODEL,
    ("versions", "list", "net"): VERSION,
    ("artifacts", "list", "{run}"): ARTIFACT,
    ("events", "list", "{run}"): EVENT,
    ("metrics", "show", "{run}"): ("key", "step", "wallclock", "value", "text", "blob"),
    ("sql", "select name, created_at, 1.5 as x from experiments"): ("name", "created_at", "x"),
}
RECORDS = [("experiments", "show", "{run}"), ("models", "show", "net"), ("versions", "show", "net", "1"), ("gc", "--dry-run")]


def fill(argv: tuple[str, ...], sample: Sample) -> list[str]:
    return [arg.format(**sample.ids) for arg in argv]


def rows_of_csv(text: str) -> list[dict[str, str]]:
    assert text.partition("\n")[0].endswith("\r"), "RFC 4180 ends lines with CRLF"
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("argv", LISTS, ids=" ".join)
def test_lists_are_one_json_list_of_objects(read: Cli, sample: Sample, argv: tuple[str, ...]) -> None:
    found = read(*fill(argv, sample), "--format", "json").json
    assert isinstance(found, list)
    assert found
    assert all(tuple(row) == LISTS[argv] for row in found)


@pytest.mark.parametrize("argv", LISTS, ids=" ".join)
def test_csv_has_a_header_and_the_values_of_json(read: Cli, sample: Sample, argv: tuple[str, ...]) -> None:
    argv_filled = fill(argv, sample)
    rows = rows_of_csv(read(*argv_filled, "--format", "csv").out)
    objects = read(*argv_filled, "--format", "json").json
    assert tuple(rows[0]) == LISTS[argv]
    for row, found in zip(rows, objects, strict=True):
        for name, value in found.items():
            if value is None:
                assert row[name] == ""
            elif isinstance(value, str):
                assert row[name] == value


@pytest.mark.parametrize("argv", LISTS, ids=" ".join)
def test_tables_have_a_line_for_each_object(read: Cli, sample: Sample, argv: tuple[str, ...]) -> None:
    argv_filled = fill(argv, sample)
    lines = read(*argv_filled).out.splitlines()
    assert not any("\x1b" in line for line in lines), "no escape codes where there is no terminal"
    objects = read(*argv_filled, "--format", "json").json
    assert len(lines) == len(objects) + 1
    for line, found in zip(lines[1:], objects, strict=True):
        assert found.get("id", "") in line


@pytest.mark.parametrize("argv", RECORDS, ids=" ".join)
def test_one_object_in_every_format(read: Cli, sample: Sample, argv: tuple[str, ...]) -> None:
    argv_filled = fill(argv, sample)
    found = read(*argv_filled, "--format", "json").json
    assert isinstance(found, dict)
    (row,) = rows_of_csv(read(*argv_filled, "--format", "csv").out)
    assert list(row) == list(found)
    assert read(*argv_filled).out.strip()


def test_an_experiment_with_what_hangs_on_it(read: Cli, sample: Sample) -> None:
    found = read("experiments", "show", sample.ids["run"], "--format", "json").json
    assert (found["name"], found["status"], found["framework"], found["owner"]) == ("run", "finished", "pytorch", "ada")
    assert found["metadata"] == {"layers": [1, 2], "lr": 0.1, "name": "é"}
    loss = next(metric for metric in found["metrics"] if metric["key"] == "loss")
    assert loss == {
        "key": "loss",
        "points": 5,
        "first_step": 0,
        "last_step": 4,
        "last": 0.25,
        "min": "-Infinity",
        "max": "Infinity",
    }
    assert [artifact["name"] for artifact in found["artifacts"]] == ["data", "big"]
    assert [child["id"] for child in found["children"]] == [sample.ids["child"]]
    assert [version["id"] for version in found["versions"]] == [sample.ids["v1"]]
    table = read("experiments", "show", sample.ids["run"]).out
    assert "lr=0.1" in table
    assert all(sample.ids[name] in table for name in ("data", "big", "child", "v1"))


def test_a_model_and_its_versions(read: Cli, sample: Sample) -> None:
    found = read("models", "show", "net", "--format", "json").json
    assert (found["id"], found["labels"]) == (sample.ids["net"], {"team": "x"})
    assert [(version["version"], version["unique_tags"]) for version in found["versions"]] == [("1", []), ("2", ["prod"])]


def test_a_version_by_its_tag(read: Cli, sample: Sample) -> None:
    found = read("versions", "show", "net", "--tag", "prod", "--format", "json").json
    assert found["id"] == sample.ids["v2"]


def test_a_version_knows_its_lineage(read: Cli, sample: Sample) -> None:
    lineage = read("versions", "show", "net", "1", "--format", "json").json["lineage"]
    assert [found["id"] for found in lineage["experiments"]] == [sample.ids["run"]]
    assert [found["id"] for found in lineage["datasets"]] == [sample.ids["data"]]
    table = read("versions", "show", sample.ids["net"], "1").out
    assert sample.ids["run"] in table
    assert sample.ids["data"] in table


def test_metric_values_survive_as_valid_json(read: Cli, sample: Sample) -> None:
    points = read("metrics", "show", sample.ids["run"], "--format", "json").json
    assert [point["value"] for point in points if point["key"] == "loss"] == [0.5, "NaN", "Infinity", "-Infinity", 0.25]
    (note,) = (point for point in points if point["key"] == "note")
    assert (note["value"], note["text"]) == (None, "NaN")
    (weights,) = (point for point in points if point["key"] == "weights")
    assert (weights["value"], weights["blob"]) == (None, "AP8=")
    assert points[0]["wallclock"] == "2023-11-14T22:13:20.500000+00:00"


def test_metrics_are_chosen_by_key_and_step(read: Cli, sample: Sample) -> None:
    chosen = read(
        "metrics", "show", sample.ids["run"], "--key", "loss", "--start-step", 3, "--end-step", 3, "--format", "json"
    ).json
    assert [(point["key"], point["step"]) for point in chosen] == [("loss", 3)]
    two = read("metrics", "show", sample.ids["run"], "--key", "loss", "--key", "note", "--format", "json").json
    assert {point["key"] for point in two} == {"loss", "note"}


@pytest.mark.parametrize(("name", "keys"), [("v2", ["acc"]), ("net", []), ("data", [])])
def test_metrics_of_objects_of_every_type(cli: Cli, sample: Sample, name: str, keys: list[str]) -> None:
    result = cli("-u", sample.uri, "metrics", "show", sample.ids[name], "--format", "json")
    assert (result.code, [point["key"] for point in result.json]) == (0, keys)


def test_events_since_a_time(read: Cli, sample: Sample) -> None:
    for since in ("2023-11-14T22:13:25Z", "1700000005"):
        found = read("events", "list", sample.ids["run"], "--since", since, "--format", "json").json
        assert [event["name"] for event in found] == ["stopped"]


def test_artifacts_list_their_files(read: Cli, sample: Sample) -> None:
    data, big = read("artifacts", "list", sample.ids["run"], "--format", "json").json
    assert [(file["path"], file["size"]) for file in data["files"]] == [("data.txt", 8)]
    assert data["files"][0]["digest"].startswith("blake3:")
    assert [(file["uri"], file["size"], file["digest"]) for file in big["files"]] == [("s3://bucket/big.parquet", None, "md5:1")]


def test_all_namespaces_unless_one_is_named(read: Cli, sample: Sample) -> None:
    def names(*argv: str) -> list[Any]:
        return [(row["namespace"], row["name"]) for row in read("experiments", "list", *argv, "--format", "json").json]

    assert {namespace for namespace, _ in names()} == {"default", "other"}
    assert names("-n", "other") == [("other", "run")]
    assert names("--limit", "1") == [("other", "run")]
    assert "namespace" in read("experiments", "list").out.splitlines()[0]
    assert "namespace" not in read("models", "list", "-n", "default").out.splitlines()[0]


def test_options_before_and_after_the_command(cli: Cli, sample: Sample) -> None:
    before = cli("-u", sample.uri, "-n", "other", "experiments", "list", "--format", "json")
    between = cli("experiments", "--uri", sample.uri, "--namespace", "other", "list", "--format", "json")
    after = cli("experiments", "list", "--format", "json", "-u", sample.uri, "-n", "other")
    assert before.json == between.json == after.json
    assert len(after.json) == 1


def test_the_store_from_the_environment(cli: Cli, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_URI", sample.uri)
    assert cli("models", "list", "--format", "json").json


def test_control_characters_do_nothing_to_a_terminal(read: Cli, sample: Sample) -> None:
    assert "child\\n\\x1b[31m" in read("experiments", "list").out
    found = read("experiments", "show", sample.ids["child"], "--format", "json").json
    assert found["name"] == "child\n\x1b[31m"


def test_an_empty_list(cli: Cli, sample: Sample) -> None:
    argv = ("-u", sample.uri, "-n", "nowhere", "experiments", "list")
    assert cli(*argv) == (0, "", "nothing here\n")
    assert cli(*argv, "--format", "json") == (0, "[]\n", "")
    assert cli(*argv, "--format", "csv").out == ",".join(EXPERIMENT) + "\r\n"


def test_sql_columns_with_one_name_are_told_apart(read: Cli) -> None:
    assert read("sql", "select 1 as a, 2 as a, 'NaN'::double as b", "--format", "json").json == [{"a": 1, "a_2": 2, "b": "NaN"}]


def test_sql_sums_are_numbers(read: Cli) -> None:
    assert read("sql", "select sum(step) as s from metrics where key = 'loss'", "--format", "json").json == [{"s": 10}]


def test_a_plot_in_plain_characters(read: Cli, sample: Sample) -> None:
    pytest.importorskip("plotext")
    drawn = read("metrics", "show", sample.ids["run"], "--key", "loss", "--plot").out
    assert "run: loss" in drawn
    assert len(drawn.splitlines()) >= 15


def test_nothing_to_plot(cli: Cli, sample: Sample) -> None:
    pytest.importorskip("plotext")
    assert cli("-u", sample.uri, "metrics", "show", sample.ids["run"], "--key", "note", "--plot") == (0, "", "no numbers to draw\n")


@pytest.mark.parametrize("format", ["table", "csv", "json"])
def test_watching_what_has_been(read: Cli, sample: Sample, format: str) -> None:
    out = read("watch", "--since", 0, "--timeout", 0, "--format", format).out
    everything = read("sql", "select count(*) as n from changes", "--format", "json").json[0]["n"]
    if format == "csv":
        rows = rows_of_csv(out)
        assert tuple(rows[0]) == CHANGE
        assert [int(row["seq"]) for row in rows] == list(range(1, everything + 1))
    else:
        assert len(out.splitlines()) == everything
