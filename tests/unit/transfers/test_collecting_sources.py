from __future__ import annotations

import contextlib
import io
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbox.errors import ChecksumError, ConflictError, InvalidArgumentError, NotFoundError, PermissionDeniedError
from modelbox.hashing import digest_of
from modelbox.transfers.sources import Source, collect, rehash


def contents(source: Source, name: str = "art") -> dict[str, bytes]:
    with collect(source, name) as files:
        found = {}
        for file in files:
            with file.open() as stream:
                found[file.path] = stream.read()
            assert file.size == len(found[file.path])
            assert file.digest == digest_of(found[file.path])
        assert list(found) == sorted(found)
        return found


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may read anything
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for path, content in {"b.txt": b"b", "a/deep/er.bin": b"x" * 100_000, "a/ünï 😀": b"", ".hidden": b"h"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    (root / "empty").mkdir()
    return root


def test_a_file(tree: Path) -> None:
    assert contents(tree / "b.txt") == {"b.txt": b"b"}
    assert contents(str(tree / "a" / "deep" / "er.bin")) == {"er.bin": b"x" * 100_000}


def test_a_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {"b.txt": b"b", "a/deep/er.bin": b"x" * 100_000, "a/ünï 😀": b"", ".hidden": b"h"}
    assert contents(tree) == expected
    assert contents(f"{tree}/") == expected
    monkeypatch.chdir(tree)
    assert contents(".") == expected


def test_a_list(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {"b.txt": b"b", "a/deep/er.bin": b"x" * 100_000, "a/ünï 😀": b""}
    assert contents([tree / "b.txt", str(tree / "a")]) == expected
    assert contents((f"{tree}/a/", tree / "b.txt")) == expected
    monkeypatch.chdir(tree / "a")
    assert set(contents(["."])) == {"a/deep/er.bin", "a/ünï 😀"}


def test_content_types(tmp_path: Path) -> None:
    for name in ("a.json", "b.png", "c.unheard-of"):
        (tmp_path / name).write_bytes(b"")
    with collect(tmp_path, "x") as files:
        assert [file.content_type for file in files] == ["application/json", "image/png", "application/octet-stream"]


def test_an_open_file_is_read_from_where_it_stands(tree: Path) -> None:
    with open(tree / "a" / "deep" / "er.bin", "rb") as stream:
        stream.seek(99_990)
        assert contents(stream) == {"er.bin": b"x" * 10}
        assert stream.tell() == 100_000
    assert contents(io.BytesIO(b"abc"), "folder/name.bin") == {"name.bin": b"abc"}
    with tempfile.TemporaryFile() as unnamed:
        unnamed.write(b"xyz")
        unnamed.seek(0)
        assert contents(unnamed, "nm") == {"nm": b"xyz"}


def test_a_pipe_that_is_open_is_read_to_its_end() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream:
        thread = threading.Thread(target=lambda: (os.write(writer, b"p" * 50_000), os.close(writer)))
        thread.start()
        assert contents(stream, "pipe") == {"pipe": b"p" * 50_000}
        thread.join()


def test_nothing_is_left_of_an_open_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with collect(io.BytesIO(b"abc"), "x"):
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_read_as_bytes_is_refused(tree: Path) -> None:
    with open(tree / "b.txt") as text, pytest.raises(TypeError, match="'rb'"):
        contents(text)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'rb'"):
        contents(io.StringIO("text"))  # type: ignore[arg-type]
    for wrong in (None, 3, b"bytes", {"a": 1}, [b"a"], [3], [None]):
        if not isinstance(wrong, bytes):
            with pytest.raises(TypeError, match="path"):
                contents(wrong)  # type: ignore[arg-type]
    with open(tree / "b.txt", "ab") as unreadable, pytest.raises(InvalidArgumentError, match=r"b\.txt"):
        contents(unreadable)


def test_nothing_to_upload_is_refused(tmp_path: Path) -> None:
    (tmp_path / "only" / "folders").mkdir(parents=True)
    for nothing in (tmp_path, [], [tmp_path]):
        with pytest.raises(InvalidArgumentError, match="no file"):
            contents(nothing)


def test_missing_paths(tree: Path) -> None:
    for missing in (tree / "none", [tree / "b.txt", tree / "none"], tree / "b.txt" / "below", ""):
        with pytest.raises(NotFoundError):
            contents(missing)
    with pytest.raises(InvalidArgumentError):
        contents("a\0b")


def test_the_same_path_twice_is_refused(tree: Path) -> None:
    (tree / "a" / "b.txt").write_bytes(b"other")
    with pytest.raises(InvalidArgumentError, match="twice"):
        contents([tree / "b.txt", tree / "a" / "b.txt"])
    (tree / "c" / "a").mkdir(parents=True)
    (tree / "c" / "a" / "f").write_bytes(b"")
    (tree / "d").mkdir()
    (tree / "d" / "a").write_bytes(b"")
    with pytest.raises(InvalidArgumentError, match="both a file and a folder"):
        contents([tree / "c" / "a", tree / "d" / "a"])


def test_links_inside_the_folder_are_followed(tree: Path, tmp_path: Path) -> None:
    (tree / "link.txt").symlink_to("b.txt")
    (tree / "linked").symlink_to(tree / "a")
    found = contents(tree)
    assert found["link.txt"] == b"b"
    assert found["linked/deep/er.bin"] == b"x" * 100_000
    (tmp_path / "to-tree").symlink_to(tree)
    assert contents(tmp_path / "to-tree") == found
    (tmp_path / "to-file").symlink_to(tree / "b.txt")
    assert contents(tmp_path / "to-file") == {"to-file": b"b"}


def test_links_out_of_the_folder_are_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s")
    (tmp_path / "tree-beside").mkdir()
    for target in ("../../secret", str(tmp_path / "secret"), "/etc", "../../tree-beside", "deep/../../../secret", "/nowhere"):
        (tree / "a" / "link").symlink_to(target)
        with pytest.raises(InvalidArgumentError, match="leaves the folder"):
            contents(tree)
        (tree / "a" / "link").unlink()


@pytest.mark.parametrize("target", ["..", ".", "../..", "self"])
def test_loops_are_refused(tree: Path, target: str) -> None:
    (tree / "a" / "deep" / "self").symlink_to(target)
    with pytest.raises((InvalidArgumentError, NotFoundError)):
        contents(tree)


def test_a_link_to_nothing(tree: Path) -> None:
    (tree / "broken").symlink_to("gone")
    with pytest.raises(NotFoundError, match="broken"):
        contents(tree)


def test_what_is_no_file_is_refused(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    for source in (tree, tree / "pipe", [tree / "pipe"]):
        with pytest.raises(InvalidArgumentError, match="pipe"):
            contents(source)
    (tree / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        cwd = os.getcwd()
        os.chdir(tree)  # the path of a socket is short
        try:
            server.bind("sock")
        finally:
            os.chdir(cwd)
        with pytest.raises(InvalidArgumentError, match="socket"):
            contents(tree)
    with pytest.raises(InvalidArgumentError, match="device"):
        contents("/dev/null")


def test_names_that_cannot_be_stored_are_refused(tmp_path: Path) -> None:
    for name in (b"back\\slash", b"new\nline", b"not-utf8-\xff", b"C:drive"):
        path = os.path.join(os.fsencode(tmp_path), name)
        with open(path, "wb"):
            pass
        with pytest.raises(InvalidArgumentError):
            contents(tmp_path)
        os.unlink(path)


def test_an_unreadable_file_is_told(tree: Path) -> None:
    (tree / "b.txt").chmod(0)
    with unprivileged(), pytest.raises(PermissionDeniedError, match="permission denied"):
        contents(tree)


@pytest.mark.parametrize("size", [10, 1 << 20])
def test_a_change_after_hashing_is_seen(tmp_path: Path, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a" * size)
    with collect(path, "x") as (file,):
        time.sleep(0.02)
        path.write_bytes(b"b" * size)
        if size > 100:
            with file.open() as stream, pytest.raises(ChecksumError):
                stream.read()
        else:  # kept as it was
            with file.open() as stream:
                assert stream.read() == b"a" * size
        again = rehash(file)
        assert again.digest == digest_of(b"b" * size)
        assert again.open != file.open
        assert rehash(again).open == again.open
        path.unlink()
        with pytest.raises(NotFoundError):
            rehash(again)


def test_a_file_that_is_written_all_the_time_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a")
    stop = threading.Event()

    def write() -> None:
        with open(path, "r+b", buffering=0) as file:
            while not stop.wait(0.002):
                os.pwrite(file.fileno(), b"b", 0)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        refusals: list[ConflictError] = []
        for _ in range(20):  # a busy machine may not let the thread write for so long that the file looks finished
            try:
                with collect(path, "x"):
                    pass
            except ConflictError as error:
                refusals.append(error)
                break
        assert "written" in str(refusals)
    finally:
        stop.set()
        thread.join()
    assert contents(path) == {"f": b"b"}


def test_ten_thousand_files(tmp_path: Path) -> None:
    for number in range(10_000):
        folder = tmp_path / f"{number // 1000}"
        if number % 1000 == 0:
            folder.mkdir()
        (folder / f"{number}").write_bytes(b"%d" % number)
    with collect(tmp_path, "x") as files:
        assert len(files) == 10_000
        assert {file.path for file in files} >= {"0/0", "9/9999"}
