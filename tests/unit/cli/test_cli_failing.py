"""What goes wrong: one line on stderr and 1; 2 for a wrong usage; never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import Cli, Sample

READING = [
    ("experiments", "list"),
    ("experiments", "show", "x"),
    ("models", "list"),
    ("models", "show", "x"),
    ("versions", "list", "x"),
    ("versions", "show", "x", "1"),
    ("metrics", "show", "x"),
    ("artifacts", "list", "x"),
    ("artifacts", "download", "x", "y"),
    ("artifacts", "upload", "x", "y", "z"),
    ("events", "list", "x"),
    ("watch",),
    ("sql", "select 1"),
    ("export", "out"),
    ("gc",),
]


@pytest.mark.parametrize("argv", READING, ids=" ".join)
def test_looking_does_not_create_a_store(cli: Cli, tmp_path: Path, argv: tuple[str, ...]) -> None:
    for place in (tmp_path, tmp_path / "absent"):
        result = cli("-u", place, *argv)
        assert (result.code, result.out) == (1, "")
        assert result.err == f"modelbox: there is no store at {place}; name one with --uri, or create one by logging to it\n"
    assert cli("-u", (tmp_path / "absent").as_uri(), *argv).code == 1
    assert list(tmp_path.iterdir()) == []


def test_the_default_store_is_not_created(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli("experiments", "list")
    assert (result.code, f"{tmp_path}/.modelbox" in result.err) == (1, True)
    assert list(tmp_path.iterdir()) == []


FAILING = [
    (("experiments", "show", "nope"), "there is no experiment with the id or name 'nope'"),
    (("experiments", "show", "run", "-n", "nope"), "there is no experiment with the id or name 'run' in namespace 'nope'"),
    (("experiments", "show", "run"), "2 objects are named 'run'; give the id of one: "),
    (("metrics", "show", "run"), "3 objects are named 'run'; give the id of one: "),
    (("models", "show", "0" * 32), "there is no model with the id or name '00000000000000000000000000000000'"),
    (("metrics", "show", "0" * 32), "there is no object with the id or name"),
    (("versions", "show", "net", "9"), "has no version '9'"),
    (("versions", "show", "net", "--tag", "x"), "holds the tag 'x'"),
    (("artifacts", "list", "{data}"), "is the artifact 'data'; name what it hangs on: {run}"),
    (("artifacts", "download", "{run}", "nope"), "no artifact named 'nope'"),
    (("artifacts", "download", "{run}", "big"), "s3://bucket/big.parquet"),
    (("artifacts", "upload", "{run}", "x", "/no/such/file"), "/no/such/file"),
    (("metrics", "show", "{run}", "--max-points", "2"), "max_points is 2"),
    (("experiments", "create", "x", "--framework", "abacus"), "framework is 'abacus'"),
    (("sql", "select * fro x"), "syntax error"),
    (("sql", "drop table experiments"), "only a single select"),
]


@pytest.mark.parametrize(("argv", "message"), FAILING, ids=lambda value: value if isinstance(value, str) else " ".join(value))
@pytest.mark.parametrize("format", ["table", "json"])
def test_failures_are_a_line_on_stderr(cli: Cli, sample: Sample, argv: tuple[str, ...], message: str, format: str) -> None:
    result = cli("-u", sample.uri, *(arg.format(**sample.ids) for arg in argv), "--format", format)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("modelbox: ")
    assert result.err.count("\n") == 1
    assert message.format(**sample.ids) in result.err


def test_ids_are_never_ambiguous(cli: Cli, sample: Sample) -> None:
    for name in ("run", "other"):
        assert cli("-u", sample.uri, "metrics", "show", sample.ids[name], "--format", "json").code == 0
    chosen = cli("-u", sample.uri, "-n", "other", "experiments", "show", "run", "--format", "json")
    assert chosen.json["id"] == sample.ids["other"]


USAGE = [
    (),
    ("experiments",),
    ("experiments", "list", "--format", "xml"),
    ("experiments", "list", "--limit", "-1"),
    ("experiments", "create"),
    ("experiments", "create", "x", "--metadata", "novalue"),
    ("versions", "show", "net"),
    ("versions", "show", "net", "1", "--tag", "prod"),
    ("metrics", "show"),
    ("metrics", "show", "x", "--plot", "--format", "json"),
    ("watch", "--since", "-1"),
    ("watch", "--timeout", "nan"),
    ("events", "list", "x", "--since", "yesterday"),
    ("nope",),
    ("--uri",),
]


@pytest.mark.parametrize("argv", USAGE, ids=" ".join)
def test_a_wrong_usage_is_2(cli: Cli, argv: tuple[str, ...]) -> None:
    result = cli(*argv)
    assert (result.code, result.out) == (2, "")
    assert "usage: modelbox" in result.err


@pytest.mark.parametrize("argv", [("experiments", "list"), ("experiments", "create", "x")], ids=" ".join)
def test_a_file_is_not_a_store(cli: Cli, tmp_path: Path, argv: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("")
    result = cli("-u", tmp_path / "file", *argv)
    assert (result.code, result.out, "is not a folder" in result.err) == (1, "", True)


def test_a_folder_with_other_things_is_not_a_store(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    result = cli("-u", tmp_path, "experiments", "list")
    assert (result.code, result.out, "not a ModelBox store" in result.err) == (1, "", True)


def test_a_server_is_not_looked_for_on_disk(cli: Cli) -> None:
    assert "localhost:1" in cli("-u", "localhost:1", "experiments", "list").err


def test_help_names_every_command(cli: Cli) -> None:
    result = cli("--help")
    assert (result.code, result.err) == (0, "")
    for word in ["experiments", "models", "versions", "metrics", "artifacts", "events", "watch", "sql", "export", "gc", "demo"]:
        assert f"\n    {word} " in result.out
