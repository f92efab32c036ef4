"""The cache of loaded models, over the real in-process backend."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbox.backends.base import Backend
from modelbox.backends.inprocess import open_store
from modelbox.errors import ChecksumError, InvalidArgumentError
from modelbox.records import ArtifactRecord
from modelbox.transfers import cache as cache_module
from modelbox.transfers import materialise, upload


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    backend = open_store(str(tmp_path / "store"))
    yield backend
    backend.close()


@pytest.fixture
def owner(backend: Backend) -> str:
    return backend.create_experiment(name="e", namespace="n", owner="o")[0].id


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELBOX_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the files that were transferred."""
    paths: list[str] = []
    fetch = cache_module.fetch

    def watched(backend: Backend, file: object, *args: object, **kwargs: object) -> None:
        paths.append(file.path)  # type: ignore[attr-defined]
        fetch(backend, file, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(cache_module, "fetch", watched)
    return paths


def put(backend: Backend, owner: str, tmp_path: Path, name: str, **files: bytes) -> ArtifactRecord:
    folder = tmp_path / "src" / name.replace("/", "-")
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return upload(backend, owner, name, folder)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def weights(backend: Backend, owner: str, tmp_path: Path) -> ArtifactRecord:
    return put(backend, owner, tmp_path, "weights", **{"w.bin": b"w" * 100_000, "sub/cfg.json": b"{}", "sub/same": b"{}"})


def test_a_tree_is_read_only_and_fetched_once(backend: Backend, weights: ArtifactRecord, cache: Path, fetched: list[str]) -> None:
    path = materialise(backend, [weights], single=True)
    assert cache in path.parents
    assert tree(path) == {"w.bin": b"w" * 100_000, "sub/cfg.json": b"{}", "sub/same": b"{}"}
    assert len(fetched) == 2
    for folder, _, files in os.walk(path):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o555
        assert {stat.S_IMODE(os.stat(os.path.join(folder, file)).st_mode) for file in files} <= {0o444}
    assert materialise(backend, [weights], single=True) == path
    assert len(fetched) == 2


def test_several_artifacts_lie_side_by_side(
    backend: Backend, owner: str, weights: ArtifactRecord, cache: Path, tmp_path: Path, fetched: list[str]
) -> None:
    tokens = put(backend, owner, tmp_path, "tok/en", vocab=b"v", cfg=b"{}")
    path = materialise(backend, [weights, tokens], single=False)
    assert set(tree(path)) == {"weights/w.bin", "weights/sub/cfg.json", "weights/sub/same", "tok/en/vocab", "tok/en/cfg"}
    assert len(fetched) == 3
    assert materialise(backend, [tokens, weights], single=False) == path
    one = materialise(backend, [tokens], single=True)
    assert set(tree(one)) == {"vocab", "cfg"}
    assert len(fetched) == 3, "content that another tree has is not fetched again"


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "replaced", "folder", "stray", "link"])
def test_a_damaged_tree_is_mended(
    backend: Backend, weights: ArtifactRecord, cache: Path, fetched: list[str], tmp_path: Path, damage: str
) -> None:
    path = materialise(backend, [weights], single=True)
    good = tree(path)
    file = path / "w.bin"
    for folder in (path, path / "sub"):
        folder.chmod(0o755)
    file.chmod(0o644)
    if damage == "flipped":
        with open(file, "r+b") as opened:
            opened.seek(500)
            opened.write(b"X")
    elif damage == "cut":
        os.truncate(file, 10)
    elif damage == "gone":
        (path / "sub" / "cfg.json").unlink()
        (path / "sub" / "same").unlink()
        (path / "sub").rmdir()
    elif damage == "replaced":
        file.unlink()
        file.write_bytes(b"v" * 100_000)
    elif damage == "folder":
        file.unlink()
        (file / "x").mkdir(parents=True)
    elif damage == "stray":
        (path / "sub" / "stray").write_bytes(b"s")
        (path / "stray" / "deep").mkdir(parents=True)
        (path / "stray" / "deep" / "f").write_bytes(b"s")
    elif damage == "link":
        (tmp_path / "elsewhere").write_bytes(b"w" * 100_000)
        file.unlink()
        file.symlink_to(tmp_path / "elsewhere")
    assert materialise(backend, [weights], single=True) == path
    assert tree(path) == good
    assert not file.is_symlink()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o555
    assert len(list(path.rglob("*"))) == 4
    assert len(fetched) <= 3
    assert not any(name.startswith(".") for name in os.listdir(cache / "trees"))


def test_damaged_content_in_the_store_is_never_given(backend: Backend, owner: str, cache: Path, tmp_path: Path) -> None:
    record = put(backend, owner, tmp_path, "m", f=b"content")
    blob = tmp_path / "store" / "artifacts" / (record.files[0].blob or "")
    blob.chmod(0o644)
    blob.write_bytes(b"CONTENT")
    with pytest.raises(ChecksumError):
        materialise(backend, [record], single=True)
    assert list((cache / "trees").iterdir()) == list((cache / "blobs").iterdir()) == []
    blob.write_bytes(b"content")
    assert tree(materialise(backend, [record], single=True)) == {"f": b"content"}


def test_paths_that_clash_are_refused(backend: Backend, owner: str, cache: Path, tmp_path: Path) -> None:
    one = put(backend, owner, tmp_path, "a", **{"b/c": b"1"})
    two = put(backend, owner, tmp_path, "a/b", c=b"2")
    three = put(backend, owner, tmp_path, "a/b/c", d=b"2")
    with pytest.raises(InvalidArgumentError, match="twice"):
        materialise(backend, [one, two], single=False)
    with pytest.raises(InvalidArgumentError, match="both a file and a folder"):
        materialise(backend, [one, three], single=False)


def test_tracked_files_are_left_out_unless_there_is_nothing_else(
    backend: Backend, owner: str, weights: ArtifactRecord, cache: Path
) -> None:
    tracked = backend.track_artifact(owner, "data", uri="s3://b/data", checksum=None)
    assert set(tree(materialise(backend, [weights, tracked], single=False))) == {f"weights/{f.path}" for f in weights.files}
    with pytest.raises(InvalidArgumentError, match="s3://b/data"):
        materialise(backend, [tracked], single=True)
    with pytest.raises(InvalidArgumentError, match="only tracked"):
        materialise(backend, [tracked], single=False)


def test_a_file_system_without_links_is_no_obstacle(
    backend: Backend, weights: ArtifactRecord, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: object, target: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(cache_module.os, "link", link)
    path = materialise(backend, [weights], single=True)
    assert (path / "w.bin").read_bytes() == b"w" * 100_000
    assert stat.S_IMODE(os.stat(path / "w.bin").st_mode) == 0o444
