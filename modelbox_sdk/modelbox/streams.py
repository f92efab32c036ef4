"""Streams over content of a known size."""

from __future__ import annotations

import io
import os


class SizedReader(io.RawIOBase):
    """A readable stream that knows its size, so that seeking only sets the position; a subclass reads from there.

    Args:
        size: Bytes of the content.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._at = 0
        self._size = size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"cannot seek to {start + offset}")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at
