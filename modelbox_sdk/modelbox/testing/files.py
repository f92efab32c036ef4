"""What every ``Files`` must do. Subclass :class:`FilesSuite` and override its fixtures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import pytest

from modelbox.stores.files import FileInfo, Files

NAMES = [
    "plain",
    "with space",
    "ünïcödé/日本語/😀",
    "#frag?query%20+plus&amp",
    "a*b[c]?d",
    "deep/er/and/deeper",
    " edge ",
    "v1.0~x",
]


class FilesSuite:
    """Whole files: created once, written whole, listed as they are."""

    @pytest.fixture
    def files(self) -> Files | Iterator[Files]:
        """An empty tree."""
        raise NotImplementedError

    @pytest.fixture
    def reopen(self, files: Files) -> Callable[[], Files]:
        """Opens the same tree again, as another process would."""
        raise NotImplementedError

    @pytest.mark.parametrize("name", NAMES)
    def test_any_name_is_written_read_listed_and_deleted(self, files: Files, name: str) -> None:
        path = f"folder/{name}"
        files.create(path, b"one")
        assert files.read(path) == b"one"
        assert files.size(path) == 3
        assert list(files.walk("folder")) == [FileInfo(path, 3)]
        assert files.read_many([path, "folder/missing"]) == {path: b"one"}
        files.write(path, b"other")
        with files.open(path) as stream:
            assert stream.read() == b"other"
        files.write_stream(path, lambda _: None)
        assert files.read(path) == b""
        files.delete(path)
        assert files.size(path) is None
        files.create(path, b"again")
        files.delete_tree("folder")
        assert list(files.walk("folder")) == []

    def test_a_folder_that_is_deleted_while_files_are_created_in_it(self, files: Files) -> None:
        def fill(number: int) -> int:
            for name in range(50):
                files.create(f"folder/{number}-{name}", b"content")
                if name % 5 == 0:
                    files.delete_tree("folder")
            return number

        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(fill, range(4))) == [0, 1, 2, 3]
        files.delete_tree("folder")
        assert list(files.walk("folder")) == []

    def test_what_is_missing_is_missing_everywhere(self, files: Files) -> None:
        files.write("a/file", b"x")
        for path in ("nothing", "a/nothing", "a/file/below", "a"):
            with pytest.raises(FileNotFoundError):
                files.read(path)
            with pytest.raises(FileNotFoundError), files.open(path) as stream:
                stream.read()
            assert files.size(path) is None
        for folder in ("nothing", "a/nothing", "a/file"):
            assert files.files(folder) == []
            assert files.folders(folder) == []
            assert list(files.walk(folder)) == []
            files.delete_tree(f"{folder}/below")
        files.delete("nothing")
        files.delete("a/file/below")
        assert files.read("a/file") == b"x"

    def test_listings_are_sorted_and_of_one_folder(self, files: Files) -> None:
        paths = ["x/b", "x/a", "x/c/d", "x/c/e/f", "xy/g", "top"]
        for path in paths:
            files.write(path, path.encode())
        assert files.files("x") == [FileInfo("x/a", 3), FileInfo("x/b", 3)]
        assert files.folders("x") == ["c"]
        assert sorted(info.path for info in files.walk("x")) == ["x/a", "x/b", "x/c/d", "x/c/e/f"]
        assert [info.path for info in files.files("")] == ["top"]
        assert files.folders("") == ["x", "xy"]
        assert sorted(info.path for info in files.walk("")) == sorted(paths)

    def test_create_refuses_a_name_that_is_taken(self, files: Files) -> None:
        files.create("log/1", b"first")
        with pytest.raises(FileExistsError):
            files.create("log/1", b"second")
        assert files.read("log/1") == b"first"
        files.create("log/2", b"")
        with pytest.raises(FileExistsError):
            files.create("log/2", b"")

    def test_create_has_one_winner_among_threads(self, files: Files, reopen: Callable[[], Files]) -> None:
        rounds, racers = 3, 4
        trees = [reopen() for _ in range(racers)]
        start = threading.Barrier(racers)

        def race(racer: int) -> list[int]:
            won = []
            for number in range(rounds):
                start.wait(60)
                try:
                    trees[racer].create(f"race/{number}", str(racer).encode())
                    won.append(number)
                except FileExistsError:
                    pass
            return won

        with ThreadPoolExecutor(racers) as pool:
            wins = list(pool.map(race, range(racers)))
        assert sorted(number for won in wins for number in won) == list(range(rounds))
        for racer, won in enumerate(wins):
            for number in won:
                assert files.read(f"race/{number}") == str(racer).encode()

    def test_a_stream_appears_when_it_is_whole(self, files: Files) -> None:
        block = bytes(range(256)) * 4096
        count = 20  # 20 MiB: several parts in object storage

        def fill(file: BinaryIO) -> None:
            for _ in range(count):
                assert file.write(block) == len(block)
                assert files.size("big") is None

        files.write_stream("big", fill)
        assert files.size("big") == count * len(block)
        with files.open("big") as stream:
            assert stream.seekable()
            stream.seek(len(block) * 9 - 2)
            assert stream.read(4) == b"\xfe\xff\x00\x01"
            stream.seek(-3, 2)
            assert stream.read() == b"\xfd\xfe\xff"

    @pytest.mark.parametrize("written", [0, 100, 20 << 20])
    def test_nothing_appears_of_a_stream_that_fails(self, files: Files, written: int) -> None:
        class FillError(Exception):
            pass

        def fill(file: BinaryIO) -> None:
            file.write(b"x" * written)
            raise FillError

        with pytest.raises(FillError):
            files.write_stream("folder/failed", fill)
        assert files.size("folder/failed") is None
        assert list(files.walk("")) == []
        files.write("folder/failed", b"before")
        with pytest.raises(FillError):
            files.write_stream("folder/failed", fill)
        assert files.read("folder/failed") == b"before"

    def test_another_view_sees_what_was_written(self, files: Files, reopen: Callable[[], Files]) -> None:
        other = reopen()
        assert other.files("f") == []
        files.create("f/1", b"1")
        assert other.files("f") == [FileInfo("f/1", 1)]
        assert other.read("f/1") == b"1"
        other.write("f/1", b"22")
        assert files.size("f/1") == 2

    def test_a_large_file_is_read_whole(self, files: Files) -> None:
        content = b"0123456789abcdef" * (1 << 20)
        files.write("large", content)
        assert files.read("large") == content

    def test_addresses_start_at_the_root(self, files: Files) -> None:
        files.write("a b/c", b"x")
        assert files.address("a b/c").split("/")[-1] == "c"
        local = files.local_path("a b/c")
        if local is not None:
            with open(local, "rb") as file:
                assert file.read() == b"x"

    def test_a_file_is_moved(self, files: Files) -> None:
        files.write("a/file", b"content")
        files.move("a/file", "else/where/file")
        assert files.size("a/file") is None
        assert files.read("else/where/file") == b"content"

    def test_works_on_after_a_fork_and_closes_twice(self, files: Files) -> None:
        files.write("a", b"1")
        files.forget_after_fork()
        files.write("b", b"2")
        assert files.read("a") == b"1"
        files.close()
        files.close()
