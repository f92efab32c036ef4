"""Writers of one machine take turns, so that they do not waste work in racing for the next number.

Nothing depends on it: exclusive creation of the next file decides who commits. The wait is bounded, so a writer that was stopped
with the lock in its hands slows the others once, and not for long.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import time
from collections.abc import Iterator

LONGEST_WAIT_S = 1.0
_IGNORED_S = 10.0


class Turns:
    """A queue at a lock file.

    Args:
        path: The lock file; None where there are no local files, and so no queue.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._ignored_until = 0.0

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for this process's turn, but not for long, and hold it; without a lock when there is none to be had."""
        fd = self._take()
        try:
            yield
        finally:
            if fd is not None:
                # A forked child may share this lock: closing alone would leave it with the child.
                with contextlib.suppress(OSError):
                    fcntl.flock(fd, fcntl.LOCK_UN)
                os.close(fd)

    def _take(self) -> int | None:
        if self._path is None or time.monotonic() < self._ignored_until:
            return None
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:  # no folder yet, or not writable: the commit itself will tell
            return None
        taken = False
        try:
            taken = self._lock(fd)
        finally:
            if not taken:
                os.close(fd)
        return fd if taken else None

    def _lock(self, fd: int) -> bool:
        deadline = time.monotonic() + LONGEST_WAIT_S
        pause = 0.0002
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    self._ignored_until = time.monotonic() + _IGNORED_S
                    return False
                time.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads waiters, keeps no secret
                pause = min(pause * 1.3, 0.002)
            except OSError:  # file systems without locks
                self._ignored_until = time.monotonic() + 60 * _IGNORED_S
                return False
            else:
                return True
