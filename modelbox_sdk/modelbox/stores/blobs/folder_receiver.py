"""Content that comes in pieces, into a folder."""

from __future__ import annotations

import contextlib
import os

from modelbox.direct_io import LARGE
from modelbox.errors import ConflictError, ModelBoxError
from modelbox.hashing import CHUNK, Hasher
from modelbox.stores.blobs.base import BlobItem, refuse_gap
from modelbox.stores.blobs.behind import Behind
from modelbox.stores.blobs.parts import Part
from modelbox.stores.blobs.receiving import Receiver
from modelbox.stores.blobs.writer import mismatch
from modelbox.stores.files.base import storage_errors


class FolderReceiver(Receiver):
    """Writes into the part that any writer of this content uses, and can continue.

    Args:
        base: Path of the part, without its suffix.
        target: Path that the content is to have.
        item: What it must be.
        offset: Where the first piece begins.

    Raises:
        ConflictError: The part has less.
    """

    def __init__(self, base: str, target: str, item: BlobItem, offset: int) -> None:
        self._target = target
        self._item = item
        self._hasher = Hasher()
        self._part: Part | None = None
        with storage_errors("write", target):
            part = Part(base, direct=item.size >= LARGE)
            try:
                if offset:
                    refuse_gap(offset, part.size())
                    self._continue(part, offset)
            except BaseException:
                self._release(part)
                raise
        self._part = part
        self._behind = Behind(self._store, "modelbox-receive")

    def write(self, chunk: bytes | memoryview) -> None:
        self._open_part()
        self._behind.do(chunk)

    def _store(self, chunk: bytes | memoryview) -> None:
        part = self._open_part()
        self._hasher.update(chunk)
        with storage_errors("write", self._target), part.dropped_if_useless():
            if self._hasher.size > self._item.size:
                raise mismatch(self._item)
            part.write(chunk)

    def finish(self) -> None:
        part = self._open_part()
        self._behind.end()
        with storage_errors("write", self._target):
            with part.dropped_if_useless():
                if self._hasher.size != self._item.size or self._hasher.digest() != self._item.digest:
                    raise mismatch(self._item)
                part.end()
            part.publish(self._target)
        self._part = None
        part.close()

    def close(self) -> None:
        with contextlib.suppress(ModelBoxError):  # it was told, or nobody asks any more
            self._behind.end()
        part, self._part = self._part, None
        if part is not None:
            with storage_errors("write", self._target):
                self._release(part)

    def _open_part(self) -> Part:
        if self._part is None:
            raise ConflictError(f"the receiver of {self._item.name} has ended; begin anew")
        return self._part

    def _continue(self, part: Part, offset: int) -> None:
        """Hash what is there already."""
        buffer = memoryview(bytearray(min(CHUNK, offset)))
        while part.at < offset:
            count = os.preadv(part.fd, [buffer[: offset - part.at]], part.at)
            refuse_gap(offset, part.at + count if count == 0 else offset)
            self._hasher.update(buffer[:count])
            part.at += count

    @staticmethod
    def _release(part: Part) -> None:
        """Keep what a later receiver can continue."""
        if not part.shared:
            part.drop()
        part.close()
