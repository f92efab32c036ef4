"""Reading content for those who download it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import BinaryIO

from modelbox.direct_io import LARGE, read_ahead
from modelbox.hashing import CHUNK

_REMEMBERED_S = 3600.0
_REMEMBERED = 1000


class ServedContent:
    """Reads content; what is large past the system's cache, but for what is asked for again and again, such as a model in use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, float] = {}

    def chunks(self, blob: str, stream: BinaryIO, offset: int, length: int) -> Iterator[memoryview]:
        """A range of content in chunks of a message's size; each is only valid until the next one is asked for.

        Args:
            blob: Name of the content.
            stream: The content, to be used by nobody else.
            offset: Where the range begins, at most at the end of the content.
            length: Bytes of it, none of them beyond the end.
        """
        for chunk in read_ahead(stream, offset, length, direct=length >= LARGE and not self._asked_again(blob)):
            for start in range(0, len(chunk), CHUNK):
                yield chunk[start : start + CHUNK]

    def _asked_again(self, blob: str) -> bool:
        """Remember that large content is asked for; whether it was, not long ago."""
        now = time.monotonic()
        with self._lock:
            before = self._asked.pop(blob, None)
            self._asked[blob] = now
            if len(self._asked) > _REMEMBERED:
                del self._asked[next(iter(self._asked))]
        return before is not None and now - before < _REMEMBERED_S
