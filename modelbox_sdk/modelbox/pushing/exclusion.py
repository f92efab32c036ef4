"""One push of a store at a time, and what the last one was doing when it was killed.

A request that a killed push has sent may still be under way, and take effect after the next push has asked how far the target has
come. That push then cuts its first batch where the request did: two batches with the same writer and sequence are stored once.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from modelbox.errors import ConflictError
from modelbox.oserrors import storage_errors

_NAME = ".push"
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class Cuts:
    """Where the batches end whose storing may be under way, by object and writer.

    Args:
        fd: The file that keeps them; -1 to keep them nowhere.
        address: What to call it in errors.
    """

    def __init__(self, fd: int, address: str = "") -> None:
        self._fd = fd
        self._address = address
        self._known: dict[str, int] = {}
        if fd >= 0:
            with contextlib.suppress(ValueError, AttributeError):  # torn: the request that it was about was never sent
                self._known = {str(name): int(end) for name, end in json.loads(os.pread(fd, 1 << 24, 0)).items()}

    def get(self, object_id: str, writer: str) -> int | None:
        """The sequence of the batch that may be under way, or None."""
        return self._known.get(_key(object_id, writer))

    @contextlib.contextmanager
    def sending(self, ends: Mapping[tuple[str, str], int]) -> Iterator[None]:
        """Note the batches that are sent in the block, until it has succeeded."""
        keys = {_key(*name): end for name, end in ends.items()}
        self._write(self._known | keys)
        yield
        for key, end in keys.items():
            if self._known.get(key, end) <= end:
                self._known.pop(key, None)

    def clear(self) -> None:
        """Nothing is under way any more."""
        self._known = {}
        self._write({})

    def _write(self, content: Mapping[str, int]) -> None:
        if self._fd >= 0:
            with storage_errors("write", self._address):
                os.ftruncate(self._fd, 0)
                os.pwrite(self._fd, json.dumps(content).encode(), 0)


def _key(object_id: str, writer: str) -> str:
    return f"{object_id} {writer}"


@contextlib.contextmanager
def exclusively(folder: Path | None, store: str) -> Iterator[Cuts]:
    """Hold a store for one push.

    Args:
        folder: Where its journals are; None for a store that only this process has.
        store: What to call it in errors.

    Raises:
        ConflictError: Another push is at it.
        PermissionDeniedError: This user may not write there.
    """
    if folder is None:
        yield Cuts(-1)
        return
    path = folder / _NAME
    with storage_errors("push, for lack of a lock,", str(path)):
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _lock(fd, store)
        yield Cuts(fd, str(path))
    finally:
        os.close(fd)


def _lock(fd: int, store: str) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConflictError(f"another process is pushing {store}; try again when it is done") from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
