"""Reading in another thread than the one that needs it."""

from __future__ import annotations

import io
import threading
from collections.abc import Generator
from functools import partial

import pytest

from modelbox.ahead import filled_ahead
from modelbox.hashing import read_into


def chunks_of(source: io.BytesIO, length: int = 1000) -> Generator[memoryview, None, None]:
    return filled_ahead(partial(read_into, source), length)


@pytest.mark.parametrize("size", [0, 1, 1000, 1001, 99_999])
def test_all_of_it_comes(size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert b"".join(bytes(chunk) for chunk in chunks_of(io.BytesIO(content))) == content


def test_an_error_of_the_source_is_raised_where_the_chunk_is_asked_for() -> None:
    class Failing(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            if self.tell() >= 3000:
                raise OSError("the disk is gone")
            return super().readinto(buffer)  # type: ignore[arg-type]

    chunks = chunks_of(Failing(bytes(10_000)))
    assert [len(next(chunks)) for _ in range(3)] == [1000] * 3
    with pytest.raises(OSError, match="the disk is gone"):
        next(chunks)


def test_nobody_reads_on_when_the_chunks_are_not_wanted_any_more() -> None:
    before, source = threading.active_count(), io.BytesIO(bytes(100_000))
    chunks = chunks_of(source)
    next(chunks)
    chunks.close()
    assert threading.active_count() == before
    assert source.tell() < 10_000
