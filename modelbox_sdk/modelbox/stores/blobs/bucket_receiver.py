"""Content that comes in pieces, into object storage."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager

from modelbox.errors import ConflictError
from modelbox.hashing import Hasher
from modelbox.stores.blobs.base import BlobItem, refuse_gap
from modelbox.stores.blobs.receiving import Receiver
from modelbox.stores.blobs.writer import ROOT, mismatch
from modelbox.stores.files.multipart import PartWriter
from modelbox.stores.files.object_storage import ObjectFiles

_KEPT_S = 600.0
_KEPT_AT_ONCE = 16
"""Each keeps up to one part in memory."""


class Interrupted:
    """Unfinished uploads of this process that can be continued for some minutes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uploads: dict[str, tuple[float, _Upload]] = {}

    def received(self, name: str) -> int:
        """Bytes of content that its upload has."""
        self._forget_old()
        with self._lock:
            kept = self._uploads.get(name)
            return kept[1].hasher.size if kept else 0

    def take(self, name: str) -> _Upload | None:
        """An upload, to be continued by the caller alone."""
        with self._lock:
            return self._uploads.pop(name, (0.0, None))[1]

    def keep(self, upload: _Upload) -> None:
        """Keep an upload for whoever continues it."""
        with self._lock:
            before = self._uploads.pop(upload.item.name, None)
            self._uploads[upload.item.name] = (time.monotonic(), upload)
        if before is not None:
            before[1].writer.discard()
        self._forget_old()

    def _forget_old(self) -> None:
        oldest = time.monotonic() - _KEPT_S
        with self._lock:
            surplus = len(self._uploads) - _KEPT_AT_ONCE
            old = [name for number, (name, kept) in enumerate(self._uploads.items()) if kept[0] < oldest or number < surplus]
            forgotten = [self._uploads.pop(name)[1] for name in old]
        for upload in forgotten:
            upload.writer.discard()


class _Upload:
    """What is known of content that is on its way."""

    def __init__(self, files: ObjectFiles, item: BlobItem) -> None:
        self.item = item
        self.hasher = Hasher()
        self.writer = PartWriter(files.fs, files.key(f"{ROOT}/{item.name}"))


class BucketReceiver(Receiver):
    """Sends parts while content comes in and is hashed.

    Args:
        files: Where to.
        interrupted: The unfinished uploads.
        item: What the content must be.
        offset: Where the first piece begins.

    Raises:
        ConflictError: Less of it is here.
    """

    def __init__(self, files: ObjectFiles, interrupted: Interrupted, item: BlobItem, offset: int) -> None:
        self._files = files
        self._interrupted = interrupted
        self._item = item
        upload = interrupted.take(item.name) if offset else None
        received = upload.hasher.size if upload else 0
        try:
            refuse_gap(offset, received)
        except ConflictError:
            if upload is not None:
                interrupted.keep(upload)
            raise
        self._known = received - offset
        """Bytes to come that are here already."""
        self._upload: _Upload | None = upload
        if upload is None:
            with self._errors():
                self._upload = _Upload(files, item)

    def write(self, chunk: bytes | memoryview) -> None:
        upload = self._open_upload()
        skipped = min(self._known, len(chunk))
        self._known -= skipped
        fresh = chunk[skipped:] if skipped else chunk
        upload.hasher.update(fresh)
        if upload.hasher.size > self._item.size:
            self._drop(upload)
            raise mismatch(self._item)
        try:
            with self._errors():
                upload.writer.write(fresh)
        except BaseException:
            self._drop(upload)  # a part may be lost, so that it cannot be continued
            raise

    def finish(self) -> None:
        upload = self._open_upload()
        if upload.hasher.size != self._item.size or upload.hasher.digest() != self._item.digest:
            self._drop(upload)
            raise mismatch(self._item)
        try:
            with self._errors():
                upload.writer.commit()
        except BaseException:
            self._drop(upload)
            raise
        self._upload = None

    def close(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            if upload.hasher.size:
                self._interrupted.keep(upload)
            else:
                upload.writer.discard()

    def _open_upload(self) -> _Upload:
        if self._upload is None:
            raise ConflictError(f"the receiver of {self._item.name} has ended; begin anew")
        return self._upload

    def _drop(self, upload: _Upload) -> None:
        self._upload = None
        upload.writer.discard()

    def _errors(self) -> AbstractContextManager[None]:
        return self._files.errors("write", f"{ROOT}/{self._item.name}")
