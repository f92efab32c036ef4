"""Noticing that nobody reads what a command prints."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import sys
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def noticing_a_closed_pipe() -> Iterator[None]:
    """End the block with ``BrokenPipeError`` when the reader of stdout goes away, even while there is nothing to write.

    A thread waits for the pipe to break, and interrupts what the main thread waits for by SIGPIPE, which Python otherwise ignores.
    """
    if threading.current_thread() is not threading.main_thread() or not _stdout_is_a_pipe():
        yield
        return
    end, block = os.pipe()
    before = signal.signal(signal.SIGPIPE, _raise_broken_pipe)
    waiter = threading.Thread(target=_wait, args=(sys.stdout.fileno(), end), daemon=True)
    waiter.start()
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, before)
        os.close(block)
        waiter.join()
        os.close(end)


def _wait(stdout: int, end: int) -> None:
    """Wait until the pipe breaks or the block ends, whose pipe then hangs up."""
    poll = select.poll()
    for descriptor in (stdout, end):
        poll.register(descriptor, 0)  # errors and hang-ups are always reported
    if stdout in {descriptor for descriptor, _ in poll.poll()}:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGPIPE)


def _raise_broken_pipe(*_: object) -> None:
    raise BrokenPipeError


def _stdout_is_a_pipe() -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return False
