"""Large content is written past the system's cache where the file system and the memory allow it, and is the same where not."""

from __future__ import annotations

import fcntl
import io
import mmap
import os
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modelbox.hashing import digest_of
from modelbox.stores.blobs.base import BlobItem
from modelbox.stores.blobs.folder import FolderWriter
from modelbox.stores.blobs.parts import Part
from modelbox.stores.blobs.writer import STAGING, unheard
from modelbox.stores.files.posix import PosixFiles

DIRECT = getattr(os, "O_DIRECT", 0)
SIZE = (17 << 20) + 321
PAGE = mmap.PAGESIZE


@pytest.fixture(params=["a disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk, and one on a file system without direct writes, or with other rules for them."""
    if request.param == "a disk":
        yield tmp_path
        return
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no file system in memory")
    path = Path("/dev/shm") / f"modelbox-{os.urandom(8).hex()}"
    path.mkdir()
    yield path
    for file in sorted(path.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    path.rmdir()


def pages(content: bytes) -> memoryview:
    """Content in memory that begins at a page."""
    memory = memoryview(mmap.mmap(-1, len(content)))
    memory[:] = content
    return memory


def is_direct(part: Part) -> bool:
    return bool(fcntl.fcntl(part.fd, fcntl.F_GETFL) & DIRECT)


@pytest.mark.parametrize(
    "sizes",
    [[PAGE, PAGE], [PAGE, 5, PAGE], [1, PAGE, PAGE], [8 * PAGE, 2 * PAGE - 1], [0, PAGE]],
    ids=str,
)
def test_pieces_of_any_size_become_the_content(folder: Path, sizes: list[int]) -> None:
    pieces = [random.Random(number).randbytes(size) for number, size in enumerate(sizes)]
    with closing(Part(str(folder / "x"), direct=True)) as part:
        for piece in pieces:
            part.write(pages(piece) if piece else b"")
        part.publish(str(folder / "done"))
    assert (folder / "done").read_bytes() == b"".join(pieces)


def test_memory_that_begins_anywhere_is_written_all_the_same(folder: Path) -> None:
    memory = pages(random.Random(0).randbytes(3 * PAGE))
    with closing(Part(str(folder / "x"), direct=True)) as part:
        part.write(memory[:PAGE])
        part.write(memory[1 : PAGE + 1])
        part.write(memory[:PAGE])
        part.publish(str(folder / "done"))
    assert (folder / "done").read_bytes() == bytes(memory[:PAGE]) + bytes(memory[1 : PAGE + 1]) + bytes(memory[:PAGE])


@pytest.mark.skipif(not DIRECT, reason="this system has no direct writes")
def test_whole_blocks_are_written_past_the_cache(tmp_path: Path) -> None:
    with closing(Part(str(tmp_path / "x"), direct=True)) as part:
        try:
            os.close(os.open(tmp_path / "probe", os.O_WRONLY | os.O_CREAT | DIRECT))
        except OSError:
            pytest.skip("this file system has no direct writes")
        part.write(pages(bytes(4 * PAGE)))
        assert is_direct(part)
        part.write(b"the end")
        assert not is_direct(part)


@pytest.mark.parametrize("kept", [0, 1, 4 << 20, (4 << 20) + 1, 9 << 20, SIZE - 1, SIZE, SIZE + 5])
@pytest.mark.parametrize("right", [True, False])
def test_what_an_interrupted_writer_left_is_continued_or_replaced(folder: Path, kept: int, right: bool) -> None:
    content = random.Random(1).randbytes(SIZE)
    left = bytearray((content + bytes(5))[:kept])
    if left and not right:
        left[kept // 2] ^= 1
    (folder / STAGING).mkdir(parents=True)
    digest = digest_of(content)
    item = BlobItem(digest.replace(":", "/"), digest, SIZE, lambda: io.BytesIO(content))
    (folder / STAGING / f"{item.name.replace('/', '-')}.part").write_bytes(left)
    FolderWriter(PosixFiles(str(folder))).put_many([item], unheard)
    assert (folder / "artifacts" / item.name).read_bytes() == content
    assert not list((folder / STAGING).iterdir())
