"""Reading and hashing in another thread than the one that stores."""

from __future__ import annotations

import io
import threading

import pytest

from modelbox.hashing import Hasher, digest_of
from modelbox.stores.blobs.ahead import hashed_ahead


@pytest.mark.parametrize("size", [0, 1, 1000, 1001, 99_999])
def test_all_of_it_comes_and_is_hashed(size: int) -> None:
    content, hasher = bytes(range(256)) * (size // 256) + bytes(size % 256), Hasher()
    assert b"".join(bytes(chunk) for chunk in hashed_ahead(io.BytesIO(content), hasher, 1000)) == content
    assert hasher.digest() == digest_of(content)


def test_an_error_of_the_source_is_raised_where_the_chunk_is_asked_for() -> None:
    class Failing(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            if self.tell() >= 3000:
                raise OSError("the disk is gone")
            return super().readinto(buffer)  # type: ignore[arg-type]

    chunks = hashed_ahead(Failing(bytes(10_000)), Hasher(), 1000)
    assert [len(next(chunks)) for _ in range(3)] == [1000] * 3
    with pytest.raises(OSError, match="the disk is gone"):
        next(chunks)


def test_nobody_reads_on_when_the_chunks_are_not_wanted_any_more() -> None:
    before, source = threading.active_count(), io.BytesIO(bytes(100_000))
    chunks = hashed_ahead(source, Hasher(), 1000)
    next(chunks)
    chunks.close()
    assert threading.active_count() == before
    assert source.tell() < 10_000
