"""One who watches a store while others work on it, and misses nothing."""

from __future__ import annotations

import contextlib
import threading
import time
from types import TracebackType
from typing import Self

from checker import require

from modelbox import Change, ModelBoxClient, UnavailableError

SETTLE_S = 60.0


class Follower:
    """Watches all changes in the block, over whatever connections there are.

    Args:
        uri: The store.
    """

    def __init__(self, uri: str) -> None:
        self._client = ModelBoxClient(uri)
        self._seen: list[Change] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def compare(self) -> int:
        """Compare what was seen with what is in the store, when nobody changes it any more; how many changes there were."""
        stored = self._client.changes("*")
        deadline = time.monotonic() + SETTLE_S
        while len(self._seen) < len(stored) and time.monotonic() < deadline:
            time.sleep(0.05)
        require(self._seen == stored, f"of {len(stored)} changes {len(self._seen)} were seen, or others, or in another order")
        return len(stored)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(SETTLE_S)
        with contextlib.suppress(UnavailableError):
            self._client.close()

    def _run(self) -> None:
        while not self._over.is_set():
            since = self._seen[-1].seq if self._seen else 0
            with contextlib.suppress(UnavailableError):  # away for longer than a client waits
                for change in self._client.watch("*", since=since, timeout=1.0):
                    self._seen.append(change)
