"""Writers of one machine take turns, so that they do not waste work in racing for the next number.

Nothing depends on it: exclusive creation of the next file decides who commits. The wait is bounded, so a writer that was stopped
with the lock in its hands slows the others once, and not for long.

There are two locks. Whoever comes next holds the second while it waits for the first; so a writer that has just finished, and
begins again before the next one has woken up, has to queue behind it (after a short while in which it need not).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator

LONGEST_WAIT_S = 1.0
_IGNORED_S = 10.0
_BURST_S = 0.03
"""Whoever has waited may commit again for so long, if the next one is slow to wake up: on a busy machine that takes longer than
many commits."""


class Turns:
    """A queue at a lock file.

    Args:
        path: The lock file, beside which is another; None where there are no local files, and so no queue.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._ignored_until = 0.0
        self._burst_until = 0.0

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Hold the lock for work that only one process should do; whether it was got, which is not waited for."""
        try:
            fd = None if self._path is None else _open(self._path)
        except OSError:
            fd = None
        if fd is None:
            yield True
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            got = True
        except BlockingIOError:
            got = False
        except OSError:  # a file system without locks
            got = True
        try:
            yield got
        finally:
            _release(fd)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for this process's turn, but not for long, and hold it; without a lock when there is none to be had."""
        fd = self._take()
        try:
            yield
        finally:
            if fd is not None:
                _release(fd)

    def trust(self) -> None:
        """Take turns again at once: others are committing, so a wait in vain was only a long queue, not one that is stuck."""
        self._ignored_until = 0.0

    def _take(self) -> int | None:
        if self._path is None or time.monotonic() < self._ignored_until:
            return None
        try:
            fd = _open(self._path)
        except OSError:  # no folder yet, or not writable: the commit itself will tell
            return None
        try:
            upcoming = _open(f"{self._path}.next")
        except OSError:
            os.close(fd)
            return None
        waiter = _Waiter(fd, upcoming)
        if waiter.try_now(barge=time.monotonic() < self._burst_until):
            return fd
        if waiter.wait(LONGEST_WAIT_S):
            self._burst_until = time.monotonic() + _BURST_S
            return fd
        self._ignored_until = time.monotonic() + _IGNORED_S
        return None


class _Waiter:
    """Waits for the lock in a thread of its own, because the wait in the kernel has no limit of time.

    A waiter that is given up on lets go of the lock when it gets it.
    """

    def __init__(self, fd: int, upcoming: int) -> None:
        self._fd = fd
        self._upcoming = upcoming
        self._got = threading.Event()
        self._deciding = threading.Lock()
        self._abandoned = False

    def try_now(self, *, barge: bool) -> bool:
        """Whether the lock was got at once, because nobody else holds it or, unless this one barges in, waits for it."""
        try:
            if not barge:
                fcntl.flock(self._upcoming, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # taken, or a file system without locks
            return False
        _release(self._upcoming)
        return True

    def wait(self, timeout_s: float) -> bool:
        """Whether the lock was got in time."""
        threading.Thread(target=self._run, name="modelbox-turn", daemon=True).start()
        self._got.wait(timeout_s)
        with self._deciding:
            self._abandoned = not self._got.is_set()
            return not self._abandoned

    def _run(self) -> None:
        try:
            fcntl.flock(self._upcoming, fcntl.LOCK_EX)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except OSError:  # a file system without locks: everybody goes on at once, as if it had got one
            pass
        _release(self._upcoming)
        with self._deciding:
            if not self._abandoned:
                self._got.set()
                return
        _release(self._fd)


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _release(fd: int) -> None:
    # A forked child may share this lock: closing alone would leave it with the child.
    with contextlib.suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)
