"""What every ``BlobStore`` must do. Subclass :class:`BlobStoreSuite` and override its fixture."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import BinaryIO

import pytest

from modelbox.errors import ChecksumError, ConflictError, NotFoundError
from modelbox.hashing import digest_of
from modelbox.stores.blobs import BlobInfo, BlobItem, BlobStore, Receiver, blob_name

SIZES = [0, 1, 4096, (1 << 20) + 1, (17 << 20) + 7]


def item_of(content: bytes) -> BlobItem:
    """Content as it is given to a store."""
    digest = digest_of(content)
    return BlobItem(blob_name(digest), digest, len(content), lambda: io.BytesIO(content))


def read(store: BlobStore, name: str) -> bytes:
    """All content under a name."""
    with store.open(name) as stream:
        return stream.read()


def pieces(content: bytes) -> Iterator[bytes]:
    """Content in pieces that are not all alike."""
    for start in range(0, len(content), 300_007):
        yield content[start : start + 300_007]


def send(receiver: Receiver, content: bytes) -> None:
    """Give all of the content to a receiver."""
    for piece in pieces(content):
        receiver.write(piece)
    receiver.finish()


class BlobStoreSuite:
    """Content appears whole and verified, once, and goes away when it is deleted."""

    @pytest.fixture
    def store(self) -> BlobStore | Iterator[BlobStore]:
        """An empty store."""
        raise NotImplementedError

    @pytest.mark.parametrize("size", SIZES)
    def test_content_comes_back(self, store: BlobStore, size: int) -> None:
        content = os.urandom(size)
        item = item_of(content)
        reported: list[int] = []
        store.put(*item, reported.append)
        assert sum(reported) == size
        assert store.size(item.name) == size
        assert read(store, item.name) == content
        assert list(store.blobs()) == [BlobInfo(item.name, size)]
        assert item.name in store.uri(item.name)

    def test_content_is_seekable(self, store: BlobStore) -> None:
        content = bytes(range(256)) * 40_000
        item = item_of(content)
        store.put(*item)
        with store.open(item.name) as stream:
            assert stream.seek(9_999_999) == 9_999_999
            assert stream.read(3) == content[9_999_999:10_000_002]
            stream.seek(0)
            assert stream.read(5) == content[:5]
            stream.seek(-1, os.SEEK_END)
            assert stream.read() == b"\xff"
            assert stream.read() == b""

    def test_content_that_is_there_is_not_read_again(self, store: BlobStore) -> None:
        item = item_of(b"once")
        store.put(*item)

        def source() -> BinaryIO:
            raise AssertionError("read again")

        reported: list[int] = []
        store.put(item.name, item.digest, item.size, source, reported.append)
        store.put_many([item._replace(source=source)] * 3, reported.append)
        assert sum(reported) == 16
        assert read(store, item.name) == b"once"

    @pytest.mark.parametrize("size", SIZES[1:])
    @pytest.mark.parametrize("fault", ["changed", "shorter", "longer"])
    def test_a_source_that_is_something_else_is_refused(self, store: BlobStore, size: int, fault: str) -> None:
        content = os.urandom(size)
        item = item_of(content)
        wrong = {"changed": content[:-1] + bytes([content[-1] ^ 1]), "shorter": content[:-1], "longer": content + b"x"}[fault]
        with pytest.raises(ChecksumError):
            store.put(item.name, item.digest, item.size, lambda: io.BytesIO(wrong))
        assert store.size(item.name) is None
        assert list(store.blobs()) == []
        assert store.clean(dry_run=True) == 0
        store.put(*item)
        assert read(store, item.name) == content

    @pytest.mark.parametrize("size", SIZES[1:])
    def test_an_upload_whose_source_fails_is_finished_later(self, store: BlobStore, size: int) -> None:
        content = os.urandom(size)
        item = item_of(content)

        class SourceError(Exception):
            pass

        class Broken(io.BytesIO):
            def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
                if self.tell() >= size * 3 // 4:
                    raise SourceError
                return super().readinto(buffer[: max(1, size // 7)])

        with pytest.raises(SourceError):
            store.put(item.name, item.digest, item.size, lambda: Broken(content))
        assert store.size(item.name) is None
        assert list(store.blobs()) == []
        reported: list[int] = []
        store.put(*item, reported.append)
        assert sum(reported) == size
        assert read(store, item.name) == content

    def test_sources_may_read_little_at_a_time_and_without_readinto(self, store: BlobStore) -> None:
        content = os.urandom(3 << 20)
        item = item_of(content)

        class Slow:
            def __init__(self) -> None:
                self.stream = io.BytesIO(content)

            def read(self, size: int = -1) -> bytes:
                return self.stream.read(min(size, 10_007))

            def __enter__(self) -> Slow:
                return self

            def __exit__(self, *error: object) -> None:
                pass

        store.put(item.name, item.digest, item.size, Slow)  # type: ignore[arg-type]
        assert read(store, item.name) == content

    def test_the_source_is_closed(self, store: BlobStore) -> None:
        opened: list[io.BytesIO] = []

        def source(content: bytes) -> Callable[[], BinaryIO]:
            def make() -> BinaryIO:
                opened.append(io.BytesIO(content))
                return opened[-1]

            return make

        contents = [b"a", b"b" * (2 << 20), b"c" * (20 << 20)]
        store.put_many([item_of(content)._replace(source=source(content)) for content in contents])
        with pytest.raises(ChecksumError):
            store.put(blob_name("blake3:00"), "blake3:00", 1, source(b"d"))
        assert len(opened) >= 4
        assert all(stream.closed for stream in opened)

    def test_many_are_stored_together(self, store: BlobStore) -> None:
        contents = [b"%d" % number * (number % 50) for number in range(300)] + [os.urandom(2 << 20)]
        items = [item_of(content) for content in contents]
        reported: list[int] = []
        store.put_many(items, reported.append)
        distinct = {item.name: item for item in items}
        assert sum(reported) == sum(item.size for item in items)
        assert sorted(store.blobs()) == sorted(BlobInfo(name, item.size) for name, item in distinct.items())
        for item, content in zip(items[::37], contents[::37], strict=True):
            assert read(store, item.name) == content

    def test_one_bad_of_many_is_refused_and_the_others_may_come_again(self, store: BlobStore) -> None:
        items = [item_of(b"item %d" % number) for number in range(20)]
        bad = items[10]._replace(source=lambda: io.BytesIO(b"item xx"))
        with pytest.raises(ChecksumError):
            store.put_many([*items[:10], bad, *items[11:]])
        assert store.size(bad.name) is None
        store.put_many(items)
        assert len(list(store.blobs())) == 20

    def test_the_same_content_from_many_threads(self, store: BlobStore) -> None:
        content = os.urandom(10 << 20)
        item = item_of(content)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: store.put(*item), range(4)))
        assert read(store, item.name) == content
        assert list(store.blobs()) == [BlobInfo(item.name, len(content))]
        assert store.clean(dry_run=False) == 0

    def test_missing_and_deleted_content(self, store: BlobStore) -> None:
        item = item_of(b"short lived")
        assert store.size(item.name) is None
        with pytest.raises(NotFoundError, match="no content"):
            store.open(item.name)
        store.put(*item)
        store.delete(item.name)
        store.delete(item.name)
        assert store.size(item.name) is None
        with pytest.raises(NotFoundError):
            store.open(item.name)
        store.put(*item)
        assert read(store, item.name) == b"short lived"

    def test_generations_are_apart(self, store: BlobStore) -> None:
        item = item_of(b"content")
        later = item._replace(name=blob_name(item.digest, 1))
        store.put_many([item, later])
        store.delete(item.name)
        assert [info.name for info in store.blobs()] == [later.name]

    # -- content that comes in pieces

    @pytest.mark.parametrize("size", SIZES)
    def test_content_in_pieces_appears_when_it_is_finished(self, store: BlobStore, size: int) -> None:
        content = os.urandom(size)
        item = item_of(content)
        with closing(store.receive(item.name, item.digest, size)) as receiver:
            for piece in pieces(content):
                receiver.write(piece)
            assert store.size(item.name) is None
            assert list(store.blobs()) == []
            receiver.finish()
        assert read(store, item.name) == content
        assert store.sizes([item.name, blob_name("blake3:00")]) == {item.name: size}
        assert store.clean(dry_run=True) == 0
        store.put(item.name, item.digest, size, lambda: pytest.fail("read again"))

    @pytest.mark.parametrize("size", SIZES[2:])
    def test_content_in_pieces_is_continued_where_it_was_left(self, store: BlobStore, size: int) -> None:
        content = os.urandom(size)
        item = item_of(content)
        for end in (size // 3, size * 2 // 3, size):
            received = store.received(item.name, size)
            assert received <= end
            with closing(store.receive(item.name, item.digest, size, max(0, received - 100))) as receiver:
                for piece in pieces(content[max(0, received - 100) : end]):
                    receiver.write(piece)
                if end == size:
                    receiver.finish()
        assert read(store, item.name) == content
        assert store.received(item.name, size) == 0

    @pytest.mark.parametrize("size", SIZES[1:])
    @pytest.mark.parametrize("fault", ["changed", "shorter", "longer"])
    def test_pieces_of_something_else_are_refused(self, store: BlobStore, size: int, fault: str) -> None:
        content = os.urandom(size)
        item = item_of(content)
        wrong = {"changed": bytes([content[0] ^ 1]) + content[1:], "shorter": content[:-1], "longer": content + b"x"}[fault]
        with closing(store.receive(item.name, item.digest, size)) as receiver, pytest.raises(ChecksumError):
            send(receiver, wrong)
        assert store.size(item.name) is None
        assert list(store.blobs()) == []
        if fault != "shorter":
            assert store.received(item.name, size) == 0
        with closing(store.receive(item.name, item.digest, size)) as receiver:
            send(receiver, content)
        assert read(store, item.name) == content

    def test_content_that_was_left_wrong_is_refused_at_its_end(self, store: BlobStore) -> None:
        content = os.urandom(3 << 20)
        item = item_of(content)
        with closing(store.receive(item.name, item.digest, item.size)) as receiver:
            receiver.write(b"wrong" + content[5 : 1 << 20])
        received = store.received(item.name, item.size)
        with closing(store.receive(item.name, item.digest, item.size, received)) as receiver:
            if received:
                with pytest.raises(ChecksumError):
                    send(receiver, content[received:])
        assert store.received(item.name, item.size) == 0
        with closing(store.receive(item.name, item.digest, item.size)) as receiver:
            send(receiver, content)
        assert read(store, item.name) == content

    def test_content_cannot_be_continued_beyond_what_is_there(self, store: BlobStore) -> None:
        item = item_of(os.urandom(1 << 20))
        with pytest.raises(ConflictError, match="continued"):
            store.receive(item.name, item.digest, item.size, 1)
        with closing(store.receive(item.name, item.digest, item.size)) as receiver:
            receiver.write(b"x" * 1000)
        received = store.received(item.name, item.size)
        with pytest.raises(ConflictError, match="continued"):
            store.receive(item.name, item.digest, item.size, received + 1)
        assert store.received(item.name, item.size) == received

    def test_the_same_content_comes_in_pieces_twice_at_a_time(self, store: BlobStore) -> None:
        content = os.urandom(2 << 20)
        item = item_of(content)
        with (
            closing(store.receive(item.name, item.digest, item.size)) as first,
            closing(store.receive(item.name, item.digest, item.size)) as second,
        ):
            for piece in pieces(content):
                first.write(piece)
                second.write(piece)
            second.finish()
            assert read(store, item.name) == content
            first.finish()
        assert read(store, item.name) == content
        assert list(store.blobs()) == [BlobInfo(item.name, item.size)]

    def test_works_on_after_a_fork_and_closes_twice(self, store: BlobStore) -> None:
        store.put(*item_of(b"before"))
        store.forget_after_fork()
        store.put(*item_of(b"after"))
        assert len(list(store.blobs())) == 2
        store.close()
        store.close()
