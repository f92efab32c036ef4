"""The newest changes, encoded once for all who are sent them."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from modelbox.records import Change

Encode: TypeAlias = Callable[[Sequence[Change], int], list[bytes]]
"""Makes serialised responses of changes and the position after them. Without changes they only tell the position."""

_MOST_CHANGES = 4000
_MOST_BYTES = 32 << 20


class Batch:
    """Changes that were read together.

    Attributes:
        after: The position before them.
        upto: The position after them.
        namespaces: Where they happened.
        size: Bytes of what is kept encoded.
    """

    __slots__ = ("_changes", "_encoded", "after", "namespaces", "size", "upto")

    def __init__(self, after: int, upto: int, changes: Sequence[Change]) -> None:
        self.after = after
        self.upto = upto
        self.namespaces = tuple(dict.fromkeys(change.namespace for change in changes))
        self.size = 0
        self._changes = changes
        self._encoded: dict[tuple[Encode, tuple[str, ...]], list[bytes]] = {}

    def __len__(self) -> int:
        return len(self._changes)

    def messages(self, encode: Encode, namespaces: tuple[str, ...], position: int) -> list[bytes]:
        """What is to be sent to somebody who is at a position and sees some of its namespaces."""
        if not namespaces or position >= self.upto:
            return []
        if position > self.after:
            return encode([one for one in self._changes if one.namespace in namespaces and one.seq > position], self.upto)
        encoded = self._encoded.get((encode, namespaces))
        if encoded is None:
            encoded = encode([one for one in self._changes if one.namespace in namespaces], self.upto)
            self._encoded[encode, namespaces] = encoded
            self.size += sum(map(len, encoded))
        return encoded


class Recent:
    """The newest batches, without a gap between them. Not to be used by several threads at a time."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()
        self._changes = 0

    def add(self, batch: Batch) -> None:
        """Add the batch after the last, and forget the oldest ones."""
        self._batches.append(batch)
        self._changes += len(batch)
        size = sum(one.size for one in self._batches)
        while len(self._batches) > 1 and (self._changes > _MOST_CHANGES or size > _MOST_BYTES):
            oldest = self._batches.popleft()
            self._changes -= len(oldest)
            size -= oldest.size

    def clear(self) -> None:
        """Forget all."""
        self._batches.clear()
        self._changes = 0

    def after(self, position: int) -> Batch | None:
        """The batch that comes next for somebody who is at a position; None when it is not here (any more)."""
        index = bisect_right(self._batches, position, key=lambda batch: batch.upto)
        if index == len(self._batches) or self._batches[index].after > position:
            return None
        return self._batches[index]
