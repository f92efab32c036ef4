"""What becomes of open clients when their process ends, or forks."""

from __future__ import annotations

import atexit
import os
import sys
import time
import weakref
from collections.abc import Callable
from typing import Protocol

from modelbox.errors import ModelBoxError

EXIT_TIMEOUT_S = 30.0
"""A process that ends waits so long, in all, for what its clients have not delivered."""


class Client(Protocol):
    """What is open until it is closed."""

    def close(self, timeout: float) -> None:
        """Deliver what can be delivered in time, and let go."""


_open: weakref.WeakKeyDictionary[Client, Callable[[], None]] = weakref.WeakKeyDictionary()


def begins(client: Client, forget: Callable[[], None]) -> None:
    """A client has been opened.

    Args:
        client: It is closed when the process ends, if nobody does before.
        forget: Lets go of what belongs to the parent, in a forked child. Must not hold the client.
    """
    _open[client] = forget
    _close_with_worker()


def ends(client: Client) -> None:
    """A client is being closed."""
    _open.pop(client, None)


def _close_all() -> None:
    """Close what was left open, within one bound for all, and say what could not be delivered."""
    deadline = time.monotonic() + EXIT_TIMEOUT_S
    for client in list(_open):
        try:
            client.close(max(0.0, deadline - time.monotonic()))
        except ModelBoxError as error:
            sys.stderr.write(f"modelbox: {error}\n")


def _close_with_worker() -> None:
    """Children of multiprocessing leave by ``os._exit``, which runs its finalizers and no exit handlers."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _close_all, exitpriority=10)


def _after_fork_in_child() -> None:
    for forget in list(_open.values()):
        forget()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:  # which forgets the parent's finalizers first, and then runs this
        util.register_after_fork(_close_with_worker, lambda close: close())


atexit.register(_close_all)
os.register_at_fork(after_in_child=_after_fork_in_child)
