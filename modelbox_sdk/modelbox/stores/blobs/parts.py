"""Files that content is written into before it gets its name."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator

from modelbox.errors import ChecksumError
from modelbox.stores.blobs.appending import Appender
from modelbox.stores.blobs.writer import ABANDONED_S
from modelbox.stores.files.base import fsync_folder

PART = ".part"
_LOOK_EVERY_S = 0.02
READ_ONLY = 0o444


class Part:
    """A file for one piece of content, locked by who writes it.

    The lock goes with the process, so that the part of a killed one can be continued at once; a second writer of the same content
    uses a file of its own.

    Args:
        base: Its path without the suffix, the same for all who write this content.
        direct: Whether to write past the system's cache; see :class:`Appender`.

    Attributes:
        fd: The open file.
        name: Its path.
        shared: Whether a later writer of this content can continue it.
        at: Bytes from the start of it that are known to be right.
    """

    def __init__(self, base: str, *, direct: bool = False) -> None:
        self.name = base + PART
        self.shared = True
        while (fd := _lock(self.name)) is None:
            self.shared = False
            self.name = f"{base}.{os.urandom(8).hex()}{PART}"
        self.fd = fd
        self.at = 0
        self._direct = direct
        self._appender: Appender | None = None

    @staticmethod
    def kept(base: str, patience_s: float) -> int:
        """Bytes that an interrupted writer left; none when another one is at work, and goes on for so long."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                with open(base + PART, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return os.fstat(file.fileno()).st_size
            except FileNotFoundError:
                return 0
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return 0
                time.sleep(_LOOK_EVERY_S)

    def size(self) -> int:
        """Bytes in it."""
        return os.fstat(self.fd).st_size

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes to what is right; what else there was after it goes. Some may wait in memory for the end."""
        if self._appender is None:
            os.ftruncate(self.fd, self.at)
            self._appender = Appender(self.fd, direct=self._direct)
        self._appender.write(memoryview(data))
        self.at += len(data)

    def end(self) -> None:
        """There is no more: write what waits in memory, and drop what is not known to be right."""
        if self._appender is not None:
            self._appender.end()
        os.ftruncate(self.fd, self.at)

    @contextlib.contextmanager
    def dropped_if_useless(self) -> Iterator[None]:
        """Drop it when the block finds the content wrong, or the disk full: what others need matters more then."""
        try:
            yield
        except ChecksumError:
            self.drop()
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self.drop()
            raise

    def publish(self, target: str) -> None:
        """Give it its name, durably."""
        os.fchmod(self.fd, READ_ONLY)
        os.fdatasync(self.fd)
        os.rename(self.name, target)
        fsync_folder(os.path.dirname(target))

    def drop(self) -> None:
        """Delete it, if it is there still."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.name)

    def close(self) -> None:
        """Let go of it; whoever comes may continue it, from what has been written."""
        if self._appender is not None:
            with contextlib.suppress(OSError):
                self._appender.end()
        os.close(self.fd)


def free_abandoned(path: str, dry_run: bool) -> int:
    """Delete a part that nobody has continued for a long time; the bytes freed, or that would be.

    Raises:
        BlockingIOError: Somebody is writing it.
    """
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(file.fileno())
        if time.time() - found.st_mtime <= ABANDONED_S:
            return 0
        if not dry_run:
            os.unlink(path)
        return found.st_size


def _lock(name: str) -> int | None:
    """Open a part and lock it; None when another writer has it."""
    while True:
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(fd, name):
                return fd
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # it was renamed or deleted between opening and locking


def _is(fd: int, name: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(fd), os.stat(name))
    return False
