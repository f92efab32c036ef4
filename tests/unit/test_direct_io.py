"""Reading past the system's cache, in another thread."""

from __future__ import annotations

import io
import os
import random
import threading
from pathlib import Path

import pytest

from modelbox.direct_io import read_ahead, set_direct
from modelbox.hashing import CHUNK
from modelbox.server.servicers.served_content import ServedContent

MIB = 1 << 20
SIZE = 17 * MIB + 321
CONTENT = random.Random(0).randbytes(SIZE)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("direct") / "content"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("offset", [0, 1, 4096, 5 * MIB + 7, SIZE - 1, SIZE, SIZE + 9])
@pytest.mark.parametrize("length", [1, 4096, 4 * MIB, 9 * MIB + 1, SIZE, 2 * SIZE])
def test_any_range_is_read(path: Path, direct: bool, offset: int, length: int) -> None:
    with open(path, "rb", buffering=0) as file:
        got = b"".join(bytes(chunk) for chunk in read_ahead(file, offset, length, direct=direct))
    assert got == CONTENT[offset : offset + length]


def test_a_file_in_memory_is_read_too() -> None:
    fd = os.memfd_create("content") if hasattr(os, "memfd_create") else pytest.skip("no files in memory here")
    with open(fd, "wb+", buffering=0) as file:
        file.write(CONTENT)
        assert b"".join(bytes(chunk) for chunk in read_ahead(file, 5, SIZE, direct=True)) == CONTENT[5:]


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (0, 1), (3, 600_000), (7, SIZE), (SIZE, 1)])
def test_a_stream_that_is_no_file_is_read_all_the_same(offset: int, length: int) -> None:
    got = b"".join(bytes(chunk) for chunk in read_ahead(io.BytesIO(CONTENT), offset, length))
    assert got == CONTENT[offset : offset + length]


def test_nobody_reads_on_when_the_rest_is_not_wanted(path: Path) -> None:
    before = threading.active_count()
    with open(path, "rb", buffering=0) as file:
        chunks = read_ahead(file, 0, SIZE, direct=True)
        next(chunks)
        assert threading.active_count() == before + 1
        chunks.close()
        assert threading.active_count() == before


def is_direct(fd: int) -> bool:
    import fcntl

    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & getattr(os, "O_DIRECT", 0))


def test_what_is_asked_for_again_is_read_through_the_cache(path: Path) -> None:
    served = ServedContent()
    with open(path, "rb", buffering=0) as file:
        if not set_direct(file.fileno(), True):
            pytest.skip("no direct reads here")
        for blob, direct in (("a", True), ("a", False), ("b", True), ("a", False)):
            chunks = served.chunks(blob, file, 3, SIZE - 3)
            first = bytes(next(chunks))
            assert is_direct(file.fileno()) == direct
            assert first + b"".join(bytes(chunk) for chunk in chunks) == CONTENT[3:]


def test_small_content_does_not_count_as_asked_for(path: Path) -> None:
    served = ServedContent()
    with open(path, "rb", buffering=0) as file:
        if not set_direct(file.fileno(), True) or not set_direct(file.fileno(), False):
            pytest.skip("no direct reads here")
        assert b"".join(bytes(chunk) for chunk in served.chunks("a", file, 0, MIB)) == CONTENT[:MIB]
        chunks = served.chunks("a", file, 0, SIZE)
        next(chunks)
        assert is_direct(file.fileno())
        chunks.close()


@pytest.mark.parametrize("content", [CONTENT, CONTENT[:MIB]], ids=["large", "small"])
def test_content_is_served_in_pieces_of_a_message(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "content").write_bytes(content)
    with open(tmp_path / "content", "rb") as stream:
        chunks = [bytes(chunk) for chunk in ServedContent().chunks("a", stream, 7, len(content) - 7)]
    assert b"".join(chunks) == content[7:]
    assert all(0 < len(chunk) <= CHUNK for chunk in chunks)
