"""A local file as it was when it was hashed."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, cast

from modelbox.errors import ChecksumError, ConflictError, InvalidArgumentError, NotFoundError
from modelbox.hashing import digest_of, digest_of_stream
from modelbox.oserrors import storage_errors

SMALL = 32 << 10
"""A file up to here is read once and kept until it is sent."""
QUIET_NS = 50_000_000
"""A file must not have been written for so long: one that is caught between two writes of somebody looks unchanged."""
_ATTEMPTS = 5


class State(NamedTuple):
    """What changes when a file is written."""

    size: int
    mtime_ns: int
    inode: int
    device: int


class LocalContent:
    """The content of a local file, and the state that it was hashed in. Calling it opens the content.

    Reading ends with a ``ChecksumError`` when the file is not in that state any more. That is only a fast way to see it: who
    stores the content compares the digest.

    Args:
        path: The file.
        shown: What to call it in errors.

    Attributes:
        digest: ``blake3:<hex>`` of the content.
        size: Bytes.

    Raises:
        NotFoundError: It does not exist.
        PermissionDeniedError: It cannot be read.
        InvalidArgumentError: It is no plain file.
        ConflictError: It is being written to all the time.
    """

    __slots__ = ("_kept", "_state", "digest", "path", "shown", "size")

    def __init__(self, path: str, shown: str, *, keep_small: bool = True) -> None:
        self.path = path
        self.shown = shown
        self._kept: bytes | None = None
        for _ in range(_ATTEMPTS):
            if self._hash(keep_small):
                return
        raise ConflictError(
            f"{shown} was written to while it was read, {_ATTEMPTS} times in a row; upload it when nothing writes to it"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LocalContent):
            return NotImplemented
        return (self.path, self.digest, self._state) == (other.path, other.digest, other._state)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __call__(self) -> BinaryIO:
        if self._kept is not None:
            return io.BytesIO(self._kept)
        file = _open(self.path, self.shown)
        return cast(BinaryIO, _Watched(file, self))

    @property
    def kept(self) -> int:
        """Bytes of it that are kept in memory."""
        return len(self._kept or b"")

    def settle(self) -> None:
        """Wait until the file has been left alone for :data:`QUIET_NS`, and hash it again when it was not."""
        for _ in range(_ATTEMPTS):
            wait_ns = QUIET_NS - (time.time_ns() - self._state.mtime_ns)
            if not 0 < wait_ns <= QUIET_NS:  # a clock that is ahead, of a file server, tells nothing
                return
            time.sleep(wait_ns / 1e9)
            if self.changed():
                self._hash(keep_small=self._kept is not None)
        raise ConflictError(f"{self.shown} is being written to all the time; upload it when nothing writes to it")

    def changed(self) -> bool:
        """Whether the file looks different from what was hashed."""
        try:
            return _state(os.stat(self.path)) != self._state
        except OSError:
            return True

    def _hash(self, keep_small: bool) -> bool:
        with _open(self.path, self.shown) as file, storage_errors("read", self.shown):
            before = _state(os.fstat(file.fileno()))
            if before.size <= SMALL:
                content = file.read(SMALL + 1) or b""
                self.size, self.digest = len(content), digest_of(content)
                self._kept = content if keep_small else None
            else:
                self._kept = None
                self.digest, self.size = digest_of_stream(cast(BinaryIO, file), before.size)
            self._state = before
            return self.size == before.size and _state(os.fstat(file.fileno())) == before

    def check(self, file: io.FileIO) -> None:
        """Check, at the end of reading, that it was the file that was hashed, in the same state."""
        if _state(os.fstat(file.fileno())) != self._state:
            raise ChecksumError(f"{self.shown} was written to while it was uploaded")


class _Watched(io.RawIOBase):
    """A file that tells at its end when it has changed."""

    def __init__(self, file: io.FileIO, content: LocalContent) -> None:
        super().__init__()
        self._file = file
        self._content = content

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        with storage_errors("read", self._content.shown):
            count = self._file.readinto(buffer) or 0
        if count == 0 and len(buffer):
            self._content.check(self._file)
        return count

    def readall(self) -> bytes:
        # The one of RawIOBase reads 8 KiB at a time.
        with storage_errors("read", self._content.shown):
            data = self._file.readall() or b""
        self._content.check(self._file)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


@contextlib.contextmanager
def reading(shown: str) -> Iterator[None]:
    """Turn failures of reading a local path into ModelBox errors that name it."""
    try:
        with storage_errors("read", shown):
            try:
                yield
            except NotADirectoryError as error:
                raise FileNotFoundError(shown) from error
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file or folder {shown}") from error


def _open(path: str, shown: str) -> io.FileIO:
    with reading(shown):
        try:
            # Opening a pipe would wait for a writer.
            file = io.FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY))
        except OSError as error:
            if error.errno == errno.ENXIO:  # so says a socket
                raise InvalidArgumentError(f"{shown} is no file or folder but a socket") from error
            raise
    try:
        kind = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(kind):
            raise InvalidArgumentError(f"{shown} is no file or folder but {_KINDS.get(stat.S_IFMT(kind), 'something else')}")
    except BaseException:
        file.close()
        raise
    return file


_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def _state(found: os.stat_result) -> State:
    return State(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)
