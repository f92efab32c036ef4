"""Uploads and downloads through the real in-process backend."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelbox.backends.base import Backend
from modelbox.backends.inprocess import open_store
from modelbox.errors import ChecksumError, ConflictError, InvalidArgumentError, NotFoundError
from modelbox.hashing import digest_of
from modelbox.records import ArtifactRecord, FileRecord, ObjectType
from modelbox.transfers import download, upload
from modelbox.transfers.progress import progress_bar


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    backend = open_store(str(tmp_path / "store"))
    yield backend
    backend.close()


@pytest.fixture
def owner(backend: Backend) -> str:
    return backend.create_experiment(name="e", namespace="n", owner="o")[0].id


def stored(backend: Backend, *files: FileRecord) -> ArtifactRecord:
    """A record as a store that somebody tampered with may give it."""
    return ArtifactRecord(
        id="a", uid="u", namespace="n", name="art", created_at_us=0, updated_at_us=0,
        object_id="e", object_type=ObjectType.EXPERIMENT, files=files,
    )  # fmt: skip


def blob(backend: Backend, owner: str, content: bytes) -> FileRecord:
    return upload(backend, owner, "blob", io.BytesIO(content)).files[-1]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_there_and_back(backend: Backend, owner: str, tmp_path: Path) -> None:
    files = {
        "a/b/c": b"1",
        "empty": b"",
        "big": os.urandom(3 << 20),
        "日本 語/😀": b"x",
        **{f"n/{i}": b"%d" % i for i in range(200)},
    }
    for path, content in files.items():
        (tmp_path / "src" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / path).write_bytes(content)
    record = upload(backend, owner, "art", tmp_path / "src")
    assert download(backend, record, tmp_path / "new" / "dst") == tmp_path / "new" / "dst"
    assert tree(tmp_path / "new" / "dst") == files
    assert upload(backend, owner, "art", tmp_path / "new" / "dst").files == record.files


def test_files_with_the_right_content_are_kept(backend: Backend, owner: str, tmp_path: Path) -> None:
    record = upload(backend, owner, "art", io.BytesIO(b"content"))
    download(backend, record, tmp_path / "dst")
    path = tmp_path / "dst" / "art"
    before = path.stat().st_ino
    download(backend, record, str(tmp_path / "dst"))
    assert path.stat().st_ino == before
    path.write_bytes(b"damaged")
    (tmp_path / "dst" / "other").write_bytes(b"mine")
    download(backend, record, tmp_path / "dst")
    assert tree(tmp_path / "dst") == {"art": b"content", "other": b"mine"}
    path.unlink()
    path.symlink_to(tmp_path / "dst" / "other")
    download(backend, record, tmp_path / "dst")
    assert tree(tmp_path / "dst") == {"art": b"content", "other": b"mine"}


@pytest.mark.parametrize("damage", [b"contenT", b"conten", b"contentX", b""])
def test_damaged_content_is_refused(backend: Backend, owner: str, tmp_path: Path, damage: bytes) -> None:
    record = upload(backend, owner, "art", io.BytesIO(b"content"))
    (path,) = (tmp_path / "store" / "artifacts" / "blake3").rglob("*/*")
    path.chmod(0o644)
    path.write_bytes(damage)
    (tmp_path / "dst").mkdir()
    (tmp_path / "dst" / "art").write_bytes(b"earlier")
    with pytest.raises(ChecksumError, match="'art'"):
        download(backend, record, tmp_path / "dst")
    assert tree(tmp_path / "dst") == {"art": b"earlier"}
    path.unlink()
    with pytest.raises(NotFoundError):
        download(backend, record, tmp_path / "dst")
    assert tree(tmp_path / "dst") == {"art": b"earlier"}


@pytest.mark.parametrize("path", ["../out", "/tmp/out", "a/../../out", "C:/out", "a\\..\\out", "", "a\0b", "."])
def test_a_path_that_leaves_the_folder_is_refused(backend: Backend, owner: str, tmp_path: Path, path: str) -> None:
    good = blob(backend, owner, b"x")
    bad = FileRecord(path=path, size=1, digest=good.digest, content_type="", uri="", blob=good.blob)
    with pytest.raises(InvalidArgumentError):
        download(backend, stored(backend, good, bad), tmp_path / "dst")
    assert not (tmp_path / "dst").exists()
    assert not (tmp_path / "out").exists()


def test_a_link_out_of_the_folder_is_not_followed(backend: Backend, owner: str, tmp_path: Path) -> None:
    (tmp_path / "src" / "a" / "b").mkdir(parents=True)
    (tmp_path / "src" / "a" / "b" / "f").write_bytes(b"x")
    record = upload(backend, owner, "art", tmp_path / "src")
    outside = tmp_path / "outside"
    outside.mkdir()
    for link, target in (
        ("a", outside),
        ("a/b", outside),
        ("a", Path("/")),
        ("a", tmp_path / "dst-beside"),
        ("a", tmp_path / "gone"),
    ):
        dst = tmp_path / "dst"
        (tmp_path / "dst-beside").mkdir(exist_ok=True)
        (dst / link).parent.mkdir(parents=True, exist_ok=True)
        (dst / link).symlink_to(target)
        with pytest.raises(InvalidArgumentError, match="leads out"):
            download(backend, record, dst)
        (dst / link).unlink()
        if link == "a/b":
            (dst / "a").rmdir()
    assert list(outside.iterdir()) == list((tmp_path / "dst-beside").iterdir()) == []
    (tmp_path / "dst" / "real").mkdir()
    (tmp_path / "dst" / "a").symlink_to("real")
    download(backend, record, tmp_path / "dst")
    assert (tmp_path / "dst" / "real" / "b" / "f").read_bytes() == b"x"
    (tmp_path / "to-dst").symlink_to(tmp_path / "dst")
    download(backend, record, tmp_path / "to-dst")


def test_what_is_in_the_way_is_told(backend: Backend, owner: str, tmp_path: Path) -> None:
    record = upload(backend, owner, "art", io.BytesIO(b"content"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidArgumentError, match="not a folder"):
        download(backend, record, tmp_path / "file")
    with pytest.raises(InvalidArgumentError, match="not a folder"):
        download(backend, record, tmp_path / "file" / "below")
    (tmp_path / "dst" / "art").mkdir(parents=True)
    with pytest.raises(InvalidArgumentError, match="folder of this name"):
        download(backend, record, tmp_path / "dst")
    assert tree(tmp_path / "dst") == {}


def test_a_tracked_artifact_says_where_it_is(backend: Backend, owner: str, tmp_path: Path) -> None:
    record = backend.track_artifact(owner, "data", uri="s3://bucket/train.parquet", checksum=None)
    with pytest.raises(InvalidArgumentError, match=r"s3://bucket/train\.parquet"):
        download(backend, record, tmp_path / "dst")


@pytest.mark.parametrize("name", ["", "../x", "/x", "a//b", "a\\b", "C:x", "a\0"])
def test_bad_names_are_refused_before_anything_is_read(backend: Backend, owner: str, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="artifact name"):
        upload(backend, owner, name, "/does/not/exist")


class Changing:
    """Changes a file between hashing and sending."""

    def __init__(self, path: Path, times: int) -> None:
        self.path, self.left, self.states = path, times, [path.read_bytes()]

    def change(self) -> None:
        if self.left:
            self.left -= 1
            self.states.append(os.urandom(len(self.states[0])))
            self.path.write_bytes(self.states[-1])


@pytest.fixture
def changing(backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Changing]:
    def make(times: int) -> Changing:
        path = tmp_path / "changing"
        path.write_bytes(os.urandom(200_000))
        changing = Changing(path, times)
        put = backend.put_artifact

        def put_artifact(*args: object) -> ArtifactRecord:
            changing.change()
            return put(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(backend, "put_artifact", put_artifact)
        return changing

    return make


def test_a_file_that_changes_is_uploaded_in_its_last_state(
    backend: Backend, owner: str, changing: Callable[[int], Changing], tmp_path: Path
) -> None:
    source = changing(2)
    record = upload(backend, owner, "art", source.path)
    assert record.files[0].digest == digest_of(source.states[2])
    assert (download(backend, record, tmp_path / "dst") / "changing").read_bytes() == source.states[2]
    assert len(list((tmp_path / "store" / "artifacts" / "blake3").rglob("*/*"))) == 1


def test_a_file_that_keeps_changing_is_refused(
    backend: Backend, owner: str, changing: Callable[[int], Changing], tmp_path: Path
) -> None:
    source = changing(100)
    with pytest.raises(ConflictError, match="changing changed"):
        upload(backend, owner, "art", source.path)
    assert backend.list_artifacts(owner) == []
    assert not (tmp_path / "store" / "artifacts" / "blake3").exists()


def test_content_damaged_on_the_way_is_a_checksum_error(backend: Backend, owner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def put_artifact(*args: object) -> ArtifactRecord:
        calls.append(args)
        raise ChecksumError("damaged on the way")

    monkeypatch.setattr(backend, "put_artifact", put_artifact)
    with pytest.raises(ChecksumError, match="on the way"):
        upload(backend, owner, "art", io.BytesIO(b"stable"))
    assert len(calls) == 3


# -- progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_for_what_is_large_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar("uploading [x] ckpt", 100 << 20) as report:
        report(60 << 20)
        report(-10 << 20)
        report(50 << 20)
    assert "uploading [x] ckpt" in terminal.getvalue()


@pytest.mark.parametrize(
    ("stream", "enabled", "total"), [(Terminal, False, 1 << 30), (io.StringIO, True, 1 << 30), (Terminal, True, 1000)]
)
def test_progress_is_not_shown_otherwise(
    monkeypatch: pytest.MonkeyPatch, stream: Callable[[], io.StringIO], enabled: bool, total: int
) -> None:
    written = stream()
    monkeypatch.setattr(sys, "stderr", written)
    with progress_bar("uploading", total, enabled=enabled) as report:
        report(total)
    assert written.getvalue() == ""


def test_progress_adds_up_to_the_size(backend: Backend, owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[int] = []
    import contextlib

    from modelbox.transfers import downloads, uploads

    @contextlib.contextmanager
    def bar(description: str, total: int, *, enabled: bool) -> Iterator[Callable[[int], None]]:
        reported.append(-total)
        yield reported.append

    monkeypatch.setattr(uploads, "progress_bar", bar)
    monkeypatch.setattr(downloads, "progress_bar", bar)
    for number in range(20):
        (tmp_path / f"f{number}").write_bytes(b"x" * (number // 2 * 100_000))
    record = upload(backend, owner, "art", [tmp_path / f"f{number}" for number in range(20)])
    download(backend, record, tmp_path / "dst")
    download(backend, record, tmp_path / "dst")
    assert sum(reported) == 0
    assert len(reported) > 6
