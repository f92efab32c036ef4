"""Names and sizes that break trackers: nothing is written outside, nothing is mangled, everything comes back as it was."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelbox import InvalidArgumentError, ModelBoxClient, NotFoundError

BAD_PATHS = [
    *("", ".", "..", "../up", "a/../../up", "a/..", "/etc/passwd", "//etc/passwd", "a//b", "a/", "./a", "a/./b"),
    *("C:/windows", "C:windows", "c:\\windows", "..\\up", "a\\b", "\\\\server\\share", "nul\0nul", "new\nline", "\x7f", "tab\t"),
    *("x" * 256, "é" * 128, "a/" * 2100 + "a", "\ud800"),
]
GOOD_PATHS = [
    *(
        "a",
        "a b",
        " a",
        "a ",
        "a.b.c",
        "...",
        "..a",
        "a..",
        ".hidden",
        "-rf",
        "~",
        "$HOME",
        "%2e%2e",
        "ab:c",
        "con",
        "*?[x]",
        "#",
        "&",
    ),
    *(
        "модель",
        "模型/权重",
        "نموذج",
        "मॉडल",
        "🤖/🔥.pt",
        "e\u0301",
        "\u00e9",
        "x" * 255,
        "a'b\"c",
        "<b>",
        "{}",
        "a=b",
        "@",
        "new\u2028line",
    ),
]
KEYS = [
    "train/loss",
    "a.b.c",
    "with space",
    "🔥",
    "ключ",
    "",
    " ",
    "a'b\"c",
    "k" * 10_000,
    "new\nline",
    "%s {}",
    "..",
    "\u202e",
    "_",
    "select",
]
INT64 = (-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 2, 2**63 - 1)


@pytest.fixture(params=["folder", "memory", "bucket"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModelBoxClient]:
    kinds = {"folder": str(tmp_path / "outer" / "store"), "memory": "memory://"}
    uri = kinds.get(request.param) or request.getfixturevalue("s3_url")
    with ModelBoxClient(uri, owner="o") as client:
        yield client


def outside(tmp_path: Path) -> list[str]:
    return sorted(str(path) for path in tmp_path.rglob("*") if "store" not in path.relative_to(tmp_path).parts)


@pytest.mark.parametrize("name", BAD_PATHS)
def test_artifact_names_that_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("content")
    before = outside(tmp_path)
    with ModelBoxClient(tmp_path / "outer" / "store", owner="o") as client:
        exp = client.create_experiment("e")
        with pytest.raises(InvalidArgumentError):
            exp.upload_artifact(name, tmp_path / "file", progress=False)
        with pytest.raises(InvalidArgumentError):
            exp.track_artifact(name, "s3://bucket/x")
        assert exp.artifacts() == []
    assert [path for path in outside(tmp_path) if not path.endswith("outer")] == before


@pytest.mark.parametrize("path", BAD_PATHS)
def test_records_with_paths_that_lead_outside(tmp_path: Path, path: str) -> None:
    """Another writer of the store may be malicious: what it wrote is not believed."""
    with ModelBoxClient(tmp_path / "outer" / "store", owner="o") as client:
        exp = client.create_experiment("e")
        (tmp_path / "file").write_text("content")
        art = exp.upload_artifact("good", tmp_path / "file", progress=False)
        (file,) = art._record.files
        evil = dataclasses.replace(file, path=path)
        art._record = dataclasses.replace(art._record, files=(evil,))
        with pytest.raises(InvalidArgumentError):
            art.download(tmp_path / "deep" / "down", progress=False)
    found = [each for each in tmp_path.rglob("*") if each.is_file() and "store" not in each.parts]
    assert found == [tmp_path / "file"]


def test_names_in_any_script(client: ModelBoxClient, tmp_path: Path) -> None:
    exp = client.create_experiment("e")
    source = tmp_path / "source"
    for number, path in enumerate(GOOD_PATHS):
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"" if number % 3 == 0 else path.encode())
    exp.upload_artifact("folder", source, progress=False)
    for name in GOOD_PATHS:
        exp.upload_artifact(name, source / "a b", progress=False)
    assert sorted(artifact.name for artifact in exp.artifacts()) == sorted([*GOOD_PATHS, "folder"])
    artifact = exp.artifact("folder")
    assert sorted(file.path for file in artifact.files) == sorted(GOOD_PATHS)
    copy = artifact.download(tmp_path / "copy", progress=False)
    for path in GOOD_PATHS:
        assert (copy / path).read_bytes() == (source / path).read_bytes()
        with artifact.open(path) as stream:
            assert stream.read() == (source / path).read_bytes()
    assert client.check(verify_content=True) == []


def test_links(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("content")
    with ModelBoxClient(tmp_path / "store", owner="o") as client:
        exp = client.create_experiment("e")
        for name, target in (
            ("to-file", secret / "key"),
            ("to-folder", secret),
            ("up", ".."),
            ("loop", "loop"),
            ("dangling", "nowhere"),
        ):
            (source / name).symlink_to(target)
            with pytest.raises((InvalidArgumentError, NotFoundError), match=name):
                exp.upload_artifact("links", source, progress=False)
            (source / name).unlink()
        assert exp.artifacts() == []
        (source / "deep").mkdir()
        (source / "deep" / "file").write_text("deep")
        artifact = exp.upload_artifact("plain", source, progress=False)
        # A link that somebody has planted where the download goes.
        target = tmp_path / "target"
        target.mkdir()
        (target / "deep").symlink_to(secret)
        (target / "file").symlink_to(secret / "key")
        with pytest.raises(InvalidArgumentError, match="deep"):
            artifact.download(target, progress=False)
        assert [path.name for path in secret.iterdir()] == ["key"]
        (target / "deep").unlink()
        artifact.download(target, progress=False)
    assert (secret / "key").read_text() == "secret"
    assert (target / "file").read_text() == "content"
    assert not (target / "file").is_symlink()
    assert (target / "deep" / "file").read_text() == "deep"


def test_names_of_objects_are_not_paths(tmp_path: Path) -> None:
    store = tmp_path / "outer" / "store"
    names = ["../../up", "/etc/passwd", "..", "C:\\x", "a/b", "* ? [x]", "x" * 1000, "🤖", "metadata", "modelbox.json"]
    with ModelBoxClient(store, owner="../owner") as client:
        for name in names:
            exp = client.create_experiment(name, namespace="../ns")
            exp.log_metrics({"../../up": 1.0, "/etc": 2.0})
            exp.log_event("../../up", source="/etc")
            exp.update_metadata({"../../up": "/etc"})
            model = client.create_model(name)
            model.create_version("../../1", unique_tags=["../tag"]).log_metrics({"x": 1.0})
            assert client.get_model(name).get_version(tag="../tag").version == "../../1"
        assert [each.name for each in client.list_experiments("../ns")] == names[::-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outer"]
    assert sorted(path.name for path in (tmp_path / "outer").iterdir()) == ["store"]
    assert {path.name for path in store.iterdir()} <= {"modelbox.json", "metadata", "metrics", "journal"}


def test_keys_and_steps(client: ModelBoxClient) -> None:
    exp = client.create_experiment("e")
    keys = [key for key in KEYS if _is_accepted(exp, key)]
    assert len(keys) >= len(KEYS) - 1  # an empty one may be refused
    for key in keys:
        for step in INT64:
            exp.log_metrics({key: float(step)}, step=step)
    for step in (2**63, -(2**63) - 1):
        with pytest.raises(InvalidArgumentError):
            exp.log_metrics({"x": 1.0}, step=step)
    for flush in (False, True):
        if flush:
            client.flush()
        for key in keys:
            assert exp.metrics(key, start_step=-(2**63)).to_dict()["step"] == list(INT64)
            assert exp.metrics(key, start_step=2**63 - 2).to_dict()["step"] == [2**63 - 2, 2**63 - 1]
            assert exp.metrics(key, end_step=-(2**63)).to_dict()["step"] == [-(2**63)]
            assert {INT64[0], INT64[-1]} <= set(exp.metrics(key, max_points=4).to_dict()["step"])
        assert sorted(set(exp.metrics().to_dict()["key"])) == sorted(keys)
    rows = client.sql("select key, step from metrics where step = 9223372036854775807 or step = -9223372036854775808").to_pylist()
    assert len(rows) == 2 * len(keys)


def _is_accepted(exp: Any, key: str) -> bool:
    try:
        exp.log_metrics({key: 0.0}, step=0)
    except InvalidArgumentError:
        return False
    exp.rewind(-1)
    return True


def test_large_metadata(client: ModelBoxClient) -> None:
    exp = client.create_experiment("e")
    large = {"text": "x" * (1 << 20), "list": list(range(100_000)), "deep": {"a": [{"b": "🔥" * 10_000}] * 20}}
    for key, value in large.items():
        exp.update_metadata(key, value)
    exp.log_event("large", metadata={"text": "y" * (1 << 20)})
    assert exp.metadata() == large
    assert len(exp.events()[0].metadata["text"]) == 1 << 20


def test_ten_thousand_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for folder in range(100):
        (source / f"{folder:02}").mkdir(parents=True)
        for number in range(100):
            with open(source / f"{folder:02}" / f"{number:02}", "wb") as file:
                file.write(os.urandom(16) if number else b"")
    with ModelBoxClient(tmp_path / "store", owner="o") as client:
        started = time.monotonic()
        exp = client.create_experiment("e")
        exp.upload_artifact("many", source, progress=False)
        (artifact,) = exp.artifacts()
        assert len(artifact.files) == 10_000
        copy = artifact.download(tmp_path / "copy", progress=False)
        with artifact.open("42/42") as stream:
            assert stream.read() == (source / "42/42").read_bytes()
        assert time.monotonic() - started < 40
        assert client.check(verify_content=True) == []
    found = {path.relative_to(copy): path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert found == {path.relative_to(source): path.read_bytes() for path in source.rglob("*") if path.is_file()}
