"""Large content is written past the system's cache where the file system allows it, and is the same where not."""

from __future__ import annotations

import fcntl
import io
import os
import random
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
MIB = 1 << 20
SIZE = 17 * MIB + 321


@pytest.mark.parametrize(
    "sizes",
    [[1], [MIB] * 9, [4 * MIB, 4 * MIB], [4 * MIB - 1, 1, 5], [3 * MIB] * 5, [9 * MIB + 1, 0, 7 * MIB - 1], [5, 8 * MIB]],
    ids=str,
)
@pytest.mark.parametrize("before", [0, 5, 4096, MIB])
def test_pieces_of_any_size_become_the_content(folder: Path, before: int, sizes: list[int]) -> None:
    pieces = [random.Random(number).randbytes(size) for number, size in enumerate(sizes)]
    (folder / "x.part").write_bytes(bytes(before + 7))
    with closing(Part(str(folder / "x"), direct=True)) as part:
        part.at = before
        for piece in pieces:
            part.write(piece)
        part.end()
        part.publish(str(folder / "done"))
    assert (folder / "done").read_bytes() == bytes(before) + b"".join(pieces)


def test_what_waits_in_memory_is_kept_for_who_continues(folder: Path) -> None:
    with closing(Part(str(folder / "x"), direct=True)) as part:
        part.write(b"a" * 5 * MIB)
    assert (folder / "x.part").read_bytes() == b"a" * 5 * MIB


@pytest.mark.skipif(not DIRECT, reason="this system has no direct writes")
def test_whole_blocks_are_written_past_the_cache(tmp_path: Path) -> None:
    try:
        os.close(os.open(tmp_path / "probe", os.O_WRONLY | os.O_CREAT | DIRECT))
    except OSError:
        pytest.skip("this file system has no direct writes")
    with closing(Part(str(tmp_path / "x"), direct=True)) as part:
        part.write(bytes(9 * MIB + 5))
        assert part.size() % (2 * MIB) == 0
        assert fcntl.fcntl(part.fd, fcntl.F_GETFL) & DIRECT
        part.end()
        assert part.size() == 9 * MIB + 5
        assert not fcntl.fcntl(part.fd, fcntl.F_GETFL) & DIRECT


@pytest.mark.parametrize("kept", [0, 1, 4 * MIB, 4 * MIB + 1, 9 * MIB, SIZE - 1, SIZE, SIZE + 5])
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
