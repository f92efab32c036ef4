"""Content that comes in pieces, from somebody who cannot be asked for them again."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterator
from typing import IO, BinaryIO, cast

from modelbox.errors import ChecksumError
from modelbox.oserrors import storage_errors

_IN_MEMORY = 1 << 20


class Receiver(abc.ABC):
    """Takes content in, from an offset to its end. One thread at a time uses it."""

    @abc.abstractmethod
    def write(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes."""

    @abc.abstractmethod
    def finish(self) -> None:
        """Store the content durably, now that all of it is here.

        Raises:
            ChecksumError: It has another digest or size; nothing is kept of it.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Let go. What was received of unfinished content is kept for a while, where the storage allows it. Idempotent."""


class SpooledReceiver(Receiver):
    """Keeps content in a temporary file until all of it is here.

    Args:
        size: Bytes to expect.
        put: Stores, and verifies, the content of a source.
    """

    def __init__(self, size: int, put: Callable[[Callable[[], BinaryIO]], None]) -> None:
        self._size = size
        self._put = put
        self._received = 0
        import tempfile  # with what it imports, too much for a process that only logs

        self._spool: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="modelbox-receive-")  # noqa: SIM115

    def write(self, chunk: bytes | memoryview) -> None:
        self._received += len(chunk)
        if self._received <= self._size:  # what is beyond it makes the content wrong, whatever it is
            with _spooling():
                self._spool.write(chunk)

    def finish(self) -> None:
        if self._received != self._size:
            raise ChecksumError(f"{self._received:,} bytes were sent of content that has {self._size:,}")
        with _spooling():
            self._spool.flush()
        self._put(lambda: cast(BinaryIO, _Kept(self._spool)))

    def close(self) -> None:
        self._spool.close()


class _Kept:
    """A spool, from its start, that stays open when its reader is done."""

    def __init__(self, spool: IO[bytes]) -> None:
        spool.seek(0)
        self._spool = spool

    def read(self, size: int = -1) -> bytes:
        return self._spool.read(size)

    def close(self) -> None:
        pass

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *error: object) -> None:
        pass


@contextlib.contextmanager
def _spooling() -> Iterator[None]:
    import tempfile

    with storage_errors("write", tempfile.gettempdir()):
        yield
