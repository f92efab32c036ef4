"""Blobs in memory, in a folder and in a bucket, and what only one of them can get wrong."""

from __future__ import annotations

import fcntl
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbox.errors import ChecksumError, UnavailableError
from modelbox.hashing import digest_of, digest_of_stream
from modelbox.stores.blobs import BlobStore, FileBlobStore
from modelbox.stores.blobs import bucket as bucket_module
from modelbox.stores.files import MemoryFiles, ObjectFiles, PosixFiles
from modelbox.testing.blob_store import BlobStoreSuite, item_of, read

MIB = 1 << 20

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # of Python 3.12 and later


class TestMemory(BlobStoreSuite):
    @pytest.fixture
    def store(self) -> BlobStore:
        return FileBlobStore(MemoryFiles())


class TestFolder(BlobStoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> BlobStore:
        return FileBlobStore(PosixFiles(tmp_path / "store"))


@pytest.mark.s3
class TestBucket(BlobStoreSuite):
    @pytest.fixture
    def store(self, s3_url: str) -> Iterator[BlobStore]:
        files = ObjectFiles(s3_url)
        yield FileBlobStore(files)
        files.close()


class Watched(io.BytesIO):
    """Counts what is read, and fails at some point."""

    def __init__(self, content: bytes, fail_at: int | None = None) -> None:
        super().__init__(content)
        self.fail_at = fail_at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self.fail_at is not None and self.tell() >= self.fail_at:
            raise RuntimeError("interrupted")
        return super().readinto(buffer)


# -- folder


def test_blobs_in_a_folder_are_read_only_and_nothing_else_is_left(tmp_path: Path) -> None:
    store = FileBlobStore(PosixFiles(tmp_path))
    items = [item_of(b"small"), item_of(b"x" * 5 * MIB)]
    store.put_many(items)
    for item in items:
        path = tmp_path / "artifacts" / item.name
        assert path.stat().st_mode & 0o777 == 0o444
        assert store.uri(item.name) == path.as_uri()
    assert os.listdir(tmp_path / "artifacts" / "staging") == []


def test_an_interrupted_upload_is_continued_in_a_folder(tmp_path: Path) -> None:
    store = FileBlobStore(PosixFiles(tmp_path))
    content = os.urandom(12 * MIB)
    item = item_of(content)
    with pytest.raises(RuntimeError):
        store.put(item.name, item.digest, item.size, lambda: Watched(content, 8 * MIB))
    (part,) = (tmp_path / "artifacts" / "staging").iterdir()
    assert part.stat().st_size >= 7 * MIB
    inode, written_at = part.stat().st_ino, part.stat().st_mtime_ns
    time.sleep(0.02)
    blocks = part.stat().st_blocks
    assert blocks > 0
    store.put(*item)
    final = tmp_path / "artifacts" / item.name
    assert final.stat().st_ino == inode
    assert final.stat().st_mtime_ns > written_at
    assert read(store, item.name) == content


@pytest.mark.parametrize("left", [b"", b"\0" * MIB, b"\0" * 30 * MIB])
def test_whatever_was_left_is_mended(tmp_path: Path, left: bytes) -> None:
    store = FileBlobStore(PosixFiles(tmp_path))
    content = os.urandom(MIB // 2) + b"\0" * 2 * MIB
    item = item_of(content)
    part = tmp_path / "artifacts" / "staging" / (item.name.replace("/", "-") + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(content[: MIB + 5] + left)
    store.put(*item)
    assert read(store, item.name) == content


def test_a_second_writer_of_the_same_content_does_not_wait(tmp_path: Path) -> None:
    store = FileBlobStore(PosixFiles(tmp_path))
    item = item_of(os.urandom(2 * MIB))
    part = tmp_path / "artifacts" / "staging" / (item.name.replace("/", "-") + ".part")
    part.parent.mkdir(parents=True)
    with open(part, "wb") as held:
        held.write(b"somebody is at work")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        store.put(*item)
        assert part.read_bytes() == b"somebody is at work"
    assert store.size(item.name) == item.size


def test_content_of_a_wrong_length_is_replaced(tmp_path: Path) -> None:
    store = FileBlobStore(PosixFiles(tmp_path))
    for content in (b"right", b"right" * MIB):
        item = item_of(content)
        path = tmp_path / "artifacts" / item.name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"cut")
        store.put(*item)
        assert read(store, item.name) == content


def test_clean_removes_what_is_old_and_nobody_holds(tmp_path: Path) -> None:
    store = FileBlobStore(PosixFiles(tmp_path))
    staging = tmp_path / "artifacts" / "staging"
    staging.mkdir(parents=True)
    for name in ("young", "old", "held"):
        (staging / f"{name}.part").write_bytes(b"12345")
        if name != "young":
            os.utime(staging / f"{name}.part", (0, 0))
    with open(staging / "held.part", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert store.clean(dry_run=True) == 5
        assert len(os.listdir(staging)) == 3
        assert store.clean(dry_run=False) == 5
        assert sorted(os.listdir(staging)) == ["held.part", "young.part"]
    assert list(store.blobs()) == []


# -- bucket


def test_an_interrupted_upload_is_continued_in_a_bucket(s3_url: str) -> None:
    files = ObjectFiles(s3_url)
    store = FileBlobStore(files)
    content = os.urandom(40 * MIB)
    item = item_of(content)
    with pytest.raises(RuntimeError):
        store.put(item.name, item.digest, item.size, lambda: Watched(content, 30 * MIB))
    multipart = files.multipart()
    assert multipart is not None
    key = files.key(f"artifacts/{item.name}")
    (upload,) = multipart.unfinished(key)
    parts = multipart.parts(key, upload.upload_id)
    assert len(parts) >= 2
    sent: list[int] = []
    send = bucket_module.Multipart.send

    def counted(self: bucket_module.Multipart, key: str, upload_id: str, number: int, data: bytes) -> str:
        sent.append(number)
        return send(self, key, upload_id, number, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bucket_module.Multipart, "send", counted)
        store.put(*item)
    assert sorted(sent) == sorted(set(range(1, 6)) - set(parts))
    assert multipart.unfinished(key) == []
    assert read(store, item.name) == content
    files.close()


def test_parts_of_other_content_are_not_used(s3_url: str) -> None:
    files = ObjectFiles(s3_url)
    store = FileBlobStore(files)
    content = os.urandom(20 * MIB)
    item = item_of(content)
    multipart = files.multipart()
    assert multipart is not None
    key = files.key(f"artifacts/{item.name}")
    upload_id = multipart.start(key)
    multipart.send(key, upload_id, 1, b"x" * 8 * MIB)
    multipart.send(key, upload_id, 2, content[8 * MIB : 16 * MIB])
    multipart.send(key, upload_id, 9, b"y" * 8 * MIB)
    store.put(*item)
    assert read(store, item.name) == content
    files.close()


def test_a_wrong_source_does_not_drop_what_another_may_continue(s3_url: str) -> None:
    files = ObjectFiles(s3_url)
    store = FileBlobStore(files)
    content = os.urandom(20 * MIB)
    item = item_of(content)
    multipart = files.multipart()
    assert multipart is not None
    key = files.key(f"artifacts/{item.name}")
    upload_id = multipart.start(key)
    with pytest.raises(ChecksumError):
        store.put(item.name, item.digest, item.size, lambda: io.BytesIO(b"z" * 20 * MIB))
    assert [upload.upload_id for upload in multipart.unfinished(key)] == [upload_id]
    store.put(*item)
    assert read(store, item.name) == content
    files.close()


def test_clean_drops_old_uploads_in_a_bucket(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ObjectFiles(s3_url)
    store = FileBlobStore(files)
    multipart = files.multipart()
    assert multipart is not None
    key = files.key("artifacts/blake3/00/00")
    multipart.send(key, multipart.start(key), 1, b"x" * 5 * MIB)
    assert store.clean(dry_run=False) == 0
    now = time.time()
    monkeypatch.setattr(bucket_module.time, "time", lambda: now + 25 * 3600)
    assert store.clean(dry_run=True) == 5 * MIB
    assert store.clean(dry_run=False) == 5 * MIB
    assert store.clean(dry_run=False) == 0
    files.close()


def test_storage_failures_are_told(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    files = ObjectFiles(s3_url)
    with pytest.raises(UnavailableError, match="s3://"):
        FileBlobStore(files).put(*item_of(b"x"))
    files.close()


def test_hashing_goes_on_after_a_fork() -> None:
    content = os.urandom(40 * MIB)
    plain, size = digest_of(content), len(content)
    assert digest_of_stream(io.BytesIO(content), size) == (plain, size)
    assert digest_of_stream(io.BytesIO(content)) == (plain, size)
    child = os.fork()
    if child == 0:
        os._exit(digest_of_stream(io.BytesIO(content), size) != (plain, size))
    assert os.waitpid(child, 0)[1] == 0
