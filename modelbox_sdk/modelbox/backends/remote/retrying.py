"""How often, and how soon, what failed is tried again."""

from __future__ import annotations

import random
import time

from modelbox.errors import ModelBoxError

_FIRST_S = 0.2
_LONGEST_S = 3.0
_ATTEMPTS = 8


class Patience:
    """Waits longer and longer between attempts, about 12 s in all, then gives up. Make a new one when there was progress."""

    def __init__(self) -> None:
        self._failures = 0

    def wait(self, error: ModelBoxError) -> None:
        """Wait before the next attempt.

        Raises:
            ModelBoxError: The error, when it has happened too often.
        """
        self._failures += 1
        if self._failures >= _ATTEMPTS:
            raise error
        longest = min(_LONGEST_S, _FIRST_S * 2 ** (self._failures - 1))
        time.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
