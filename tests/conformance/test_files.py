"""The three kinds of files, and what only one of them can get wrong."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue
from pathlib import Path
from typing import BinaryIO

import pytest

from modelbox.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError, UnavailableError
from modelbox.stores.files import Files, MemoryFiles, ObjectFiles, PosixFiles
from modelbox.stores.files import posix as posix_module
from modelbox.testing.files import FilesSuite

SPAWN = multiprocessing.get_context("spawn")


class TestMemoryFiles(FilesSuite):
    @pytest.fixture
    def files(self) -> Files:
        return MemoryFiles()

    @pytest.fixture
    def reopen(self, files: Files) -> Callable[[], Files]:
        return lambda: files


class TestPosixFiles(FilesSuite):
    @pytest.fixture
    def files(self, tmp_path: Path) -> Files:
        return PosixFiles(tmp_path / "not yet" / "there")

    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Callable[[], Files]:
        return lambda: PosixFiles(tmp_path / "not yet" / "there")


@pytest.mark.s3
class TestObjectFiles(FilesSuite):
    @pytest.fixture
    def files(self, s3_url: str) -> Iterator[Files]:
        files = ObjectFiles(f"{s3_url}/with space [x]")
        yield files
        files.close()

    @pytest.fixture
    def reopen(self, s3_url: str) -> Iterator[Callable[[], Files]]:
        opened: list[Files] = []

        def reopen() -> Files:
            opened.append(ObjectFiles(f"{s3_url}/with space [x]"))
            return opened[-1]

        yield reopen
        for files in opened:
            files.close()


def _open(url: str) -> Files:
    return ObjectFiles(url) if "://" in url else PosixFiles(url)


def _race(url: str, racer: int, count: int, barrier: object, wins: Queue[tuple[int, list[int]]]) -> None:
    files = _open(url)
    files.size("warm up")
    won = []
    barrier.wait(60)  # type: ignore[attr-defined]
    for number in range(count):
        try:
            files.create(f"race/{number:03d}", f"{racer}".encode())
            won.append(number)
        except FileExistsError:
            pass
    wins.put((racer, won))


def _one_winner_each(url: str, racers: int, count: int) -> None:
    barrier = SPAWN.Barrier(racers)
    wins: Queue[tuple[int, list[int]]] = SPAWN.Queue()
    processes = [SPAWN.Process(target=_race, args=(url, racer, count, barrier, wins)) for racer in range(racers)]
    for process in processes:
        process.start()
    results = dict(wins.get(timeout=90) for _ in processes)
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert sorted(number for won in results.values() for number in won) == list(range(count))
    files = _open(url)
    for racer, won in results.items():
        for number in won:
            assert files.read(f"race/{number:03d}") == f"{racer}".encode()
    files.close()


def test_one_winner_among_processes_in_a_folder(tmp_path: Path) -> None:
    _one_winner_each(str(tmp_path), racers=8, count=100)
    assert len(os.listdir(tmp_path / "race")) == 100


def test_one_winner_among_processes_in_a_bucket(s3_url: str) -> None:
    _one_winner_each(s3_url, racers=4, count=8)


def test_a_stream_that_fails_leaves_no_parts_in_a_bucket(s3_url: str) -> None:
    files = ObjectFiles(s3_url)

    def fill(file: BinaryIO) -> None:
        file.write(b"x" * (30 << 20))
        raise KeyError("stop")

    with pytest.raises(KeyError):
        files.write_stream("failed", fill)
    multipart = files.multipart()
    assert multipart is not None
    assert multipart.unfinished(files.key("")) == []
    files.close()


def test_a_lost_answer_to_a_create_is_no_defeat(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ObjectFiles(s3_url)
    pipe_file = files.fs.pipe_file

    def repeated(*args: object, **kwargs: object) -> object:  # as after a timeout: the first one had arrived
        pipe_file(*args, **kwargs)
        return pipe_file(*args, **kwargs)

    monkeypatch.setattr(files.fs, "pipe_file", repeated)
    files.create("log/1", b"mine")
    with pytest.raises(FileExistsError):
        files.create("log/1", b"mine")
    files.close()


def test_wrong_credentials_are_told(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "wrong")
            files = ObjectFiles(s3_url)
            with pytest.raises(PermissionDeniedError, match="s3://modelbox-test/"):
                files.create("a", b"")
            with pytest.raises(PermissionDeniedError, match="s3://modelbox-test/"):
                files.read("a")
            with pytest.raises(PermissionDeniedError, match="s3://modelbox-test/"):
                files.files("")
            files.close()


def test_no_credentials_are_told(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    files = ObjectFiles(s3_url)
    with pytest.raises(PermissionDeniedError, match="AWS_ACCESS_KEY_ID"):
        files.create("a", b"")
    files.close()


def test_a_missing_bucket_is_told(s3_server: str) -> None:
    files = ObjectFiles("s3://there-is-no-such-bucket/x")
    for action in (lambda: files.create("a", b""), lambda: files.write("a", b""), lambda: files.files("")):
        with pytest.raises(NotFoundError, match="no such bucket"):
            action()
    files.close()


def test_an_endpoint_that_refuses_is_told_in_seconds(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    files = ObjectFiles(s3_url)
    for action in (lambda: files.create("a", b""), lambda: files.size("a"), lambda: files.files("")):
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="s3://modelbox-test/"):
            action()
        assert time.monotonic() - started < 10
    files.close()


@pytest.mark.parametrize("url", ["s3://", "http://host/x", "nonsense://x/y", "local:///tmp/x"])
def test_a_storage_that_cannot_hold_a_store_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgumentError):
        ObjectFiles(url)


def test_a_file_system_without_hard_links_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: str, target: str) -> None:  # what vfat and some FUSE file systems answer
        raise PermissionError(1, "Operation not permitted", source, None, target)

    monkeypatch.setattr(posix_module.os, "link", link)
    with pytest.raises(InvalidArgumentError, match="hard links"):
        PosixFiles(tmp_path).create("a", b"")
    assert os.listdir(tmp_path) == []


def test_a_folder_without_rights_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may write anywhere
    try:
        with pytest.raises(PermissionDeniedError, match=str(tmp_path)):
            PosixFiles(tmp_path).create("a", b"")
    finally:
        os.seteuid(user)


def test_a_file_in_the_way_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnavailableError, match="file"):
        PosixFiles(tmp_path).create("file/below", b"")


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    left = tmp_path / ".tmp-0123"
    left.write_bytes(b"half")
    files = PosixFiles(tmp_path)
    assert files.files("") == []
    assert left.exists()
    os.utime(left, (0, 0))
    assert files.files("") == []
    assert not left.exists()


def test_new_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        PosixFiles(tmp_path).create("a", b"")
        PosixFiles(tmp_path).write("b", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o640
