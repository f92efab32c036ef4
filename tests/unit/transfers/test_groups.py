"""Small content is written in groups that share what makes it durable."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import pytest

from modelbox.hashing import digest_of
from modelbox.stores.blobs import folder
from modelbox.stores.blobs.base import BlobItem
from modelbox.stores.blobs.writer import STAGING
from modelbox.stores.files.posix import PosixFiles


def items(contents: list[bytes]) -> list[BlobItem]:
    digests = [digest_of(content) for content in contents]
    return [
        BlobItem(digest.replace(":", "/"), digest, len(content), partial(io.BytesIO, content))
        for digest, content in zip(digests, contents, strict=True)
    ]


@pytest.mark.parametrize(
    "sizes",
    [[], [5], [11], [11, 11], [5, 5, 5], [5, 6], [1] * 7, [11, 1, 1, 1, 1, 9, 9], [3] * 12],
    ids=str,
)
def test_all_are_written_once_whatever_their_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: list[int]) -> None:
    monkeypatch.setattr(folder, "_GROUP", 3)
    monkeypatch.setattr(folder, "_GROUP_BYTES", 10)
    progress: list[int] = []
    wanted = items([bytes([number]) * size for number, size in enumerate(sizes)])
    folder.FolderWriter(PosixFiles(str(tmp_path))).put_many(wanted, progress.append)
    assert progress == sizes
    for item in wanted:
        assert (tmp_path / "artifacts" / item.name).read_bytes() == item.source().read()
    assert not list((tmp_path / STAGING).glob("*"))


def test_more_files_than_a_process_may_have_open(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = items([str(number).encode() for number in range(600)])
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(500, hard), hard))
    try:
        folder.FolderWriter(PosixFiles(str(tmp_path))).put_many(wanted, lambda _: None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert sum(1 for item in wanted if (tmp_path / "artifacts" / item.name).is_file()) == 600
