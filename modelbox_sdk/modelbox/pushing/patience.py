"""Repeating what a push sends, while the target is out of reach for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable

from modelbox.backends.base import Backend
from modelbox.errors import UnavailableError

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0


def patiently(target: Backend, call: Callable[[], None]) -> None:
    """Make a call that may be repeated, until it succeeds or the patience of the target's clients is at an end.

    Raises:
        UnavailableError: The target is still out of reach.
    """
    deadline = time.monotonic() + target.spool().patience_s
    wait = _FIRST_WAIT_S
    while True:
        try:
            call()
            return
        except UnavailableError:
            if time.monotonic() + wait > deadline:
                raise
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT_S)
