"""Reading stored content without ever handing out, as a whole, what was not uploaded."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from modelbox.backends.base import Backend
from modelbox.errors import ChecksumError
from modelbox.hashing import Hasher, digest_of_stream
from modelbox.records import FileRecord
from modelbox.streams import SizedReader

_BLOCK = 1 << 20


def open_verified(backend: Backend, file: FileRecord) -> BinaryIO:
    """A readable, seekable stream of a stored file.

    What is read from the start to the end is hashed on the way, and the last bytes are handed out only when the digest is right.
    When somebody first reads elsewhere, all of the content is read and hashed before. So damage is noticed in any case, but by
    those who read a part from the start and then stop.

    Raises:
        NotFoundError: The content is gone.
        ChecksumError: Also raised by reading: the content is damaged.
    """
    return io.BufferedReader(_Verified(backend, file), _BLOCK)


class _Verified(SizedReader):
    def __init__(self, backend: Backend, file: FileRecord) -> None:
        super().__init__(file.size or 0)
        self._backend = backend
        self._file = file
        self._hasher: Hasher | None = Hasher()
        """Of what was read so far; None when all is known to be right."""
        self._stream = backend.open_file(file)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._hasher is not None and self._at != self._hasher.size:
            self._verify_all()
        if self._hasher is None and self._stream.tell() != self._at:
            self._stream.seek(self._at)
        count: int = self._stream.readinto(view)  # type: ignore[attr-defined]
        if self._hasher is not None:
            self._verify(self._hasher, view[:count])
        self._at += count
        return count

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()

    def _verify(self, hasher: Hasher, data: memoryview) -> None:
        hasher.update(data)
        if hasher.size > self._size or (not data and hasher.size < self._size):
            raise self._damaged(f"it has not {self._size:,} bytes")
        if hasher.size == self._size:
            if (found := hasher.digest()) != self._file.digest:
                raise self._damaged(f"its digest is {found}, not {self._file.digest}")
            if data:
                self._hasher = None

    def _verify_all(self) -> None:
        with self._backend.open_file(self._file) as stream:
            found, size = digest_of_stream(stream, self._size)
        if found != self._file.digest:
            raise self._damaged(f"its digest is {found}, not {self._file.digest}; it has {size:,} bytes")
        self._hasher = None

    def _damaged(self, how: str) -> ChecksumError:
        return ChecksumError(f"the content of {self._file.path!r} ({self._file.uri}) is damaged: {how}")
