"""Content into object storage: one PUT for small content, parts for large."""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from modelbox.errors import ChecksumError, UnavailableError
from modelbox.stores.blobs.base import BlobItem
from modelbox.stores.blobs.bucket_receiver import BucketReceiver, Interrupted
from modelbox.stores.blobs.receiving import Receiver
from modelbox.stores.blobs.signing import Signer
from modelbox.stores.blobs.writer import ABANDONED_S, ROOT, Progress, StreamWriter, verified_chunks, whole_content
from modelbox.stores.files.multipart import MAX_PARTS, PART_SIZE, Multipart, Part, Senders, Unfinished
from modelbox.stores.files.object_storage import ObjectFiles

_TINY = 512 << 10
_AT_ONCE = 16
_ROUNDS = 3


class BucketWriter(StreamWriter):
    """Stores content in object storage.

    Content that fits into one part is verified in memory and sent by one PUT. Larger content is sent in parts while it is hashed,
    and the parts become an object only when the digest is right. The upload that an interrupted process left is continued: a part
    counts as sent when its etag is the MD5 of what the source has there, and is sent again otherwise (so always where etags are no
    MD5, as under SSE-KMS). The object is made of the etags of parts that this process hashed, whatever others send meanwhile.
    """

    def __init__(self, files: ObjectFiles) -> None:
        super().__init__(files)
        self._objects = files
        self._interrupted = Interrupted()

    def put_many(self, items: Sequence[BlobItem], progress: Progress) -> None:
        multipart = self._objects.multipart()  # makes the connection, before threads want it
        tiny = [item for item in items if item.size <= _TINY]
        if tiny:
            with ThreadPoolExecutor(min(_AT_ONCE, len(tiny)), thread_name_prefix="modelbox-put") as pool:
                for item, _ in zip(tiny, pool.map(self._put_if_missing, tiny), strict=True):
                    progress(item.size)
        for item in items:
            if _TINY < item.size <= PART_SIZE:
                self._put_if_missing(item)
                progress(item.size)
            elif item.size > PART_SIZE and self.has(item):
                progress(item.size)
            elif item.size > PART_SIZE and multipart is not None:
                self._put_parts(multipart, item, progress)
            elif item.size > PART_SIZE:
                self._put(item, progress)

    def received(self, name: str, size: int) -> int:
        received = self._interrupted.received(name)
        return received if received <= size else 0

    def receive(self, item: BlobItem, offset: int) -> Receiver:
        if self._objects.multipart() is None:
            return super().receive(item, offset)
        return BucketReceiver(self._objects, self._interrupted, item, offset)

    def signer(self) -> Signer:
        return Signer(self._objects)

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        self._objects.fs  # noqa: B018  # made once, before the threads want it
        with ThreadPoolExecutor(max(1, min(_AT_ONCE, len(names))), thread_name_prefix="modelbox-size") as pool:
            found = zip(names, pool.map(lambda name: self._files.size(f"{ROOT}/{name}"), names), strict=True)
            return {name: size for name, size in found if size is not None}

    def clean(self, *, dry_run: bool) -> int:
        multipart = self._objects.multipart()
        if multipart is None:
            return 0
        freed = 0
        with self._objects.errors("list the unfinished uploads of", ROOT):
            for upload in multipart.unfinished(self._objects.key(f"{ROOT}/")):
                if time.time() - upload.started.timestamp() > ABANDONED_S:
                    freed += sum(part.size for part in multipart.parts(upload.key, upload.upload_id).values())
                    if not dry_run:
                        with contextlib.suppress(FileNotFoundError):
                            multipart.abort(upload.key, upload.upload_id)
        return freed

    def _put_if_missing(self, item: BlobItem) -> None:
        if not self.has(item):
            self._files.write(f"{ROOT}/{item.name}", bytes(whole_content(item)))

    def _put_parts(self, multipart: Multipart, item: BlobItem, progress: Progress) -> None:
        key = self._objects.key(f"{ROOT}/{item.name}")
        with self._objects.errors("write", f"{ROOT}/{item.name}"):
            for _ in range(_ROUNDS):
                upload = _PartsUpload(multipart, key, item)
                try:
                    upload.run(progress)
                    if self.has(item):
                        return
                except FileNotFoundError:
                    # Another process that continued the same upload completed or dropped it, or our answer was lost.
                    if self.has(item):
                        return
                progress(-upload.reported)
        raise UnavailableError(f"cannot write {self._files.address(key)}: its upload was dropped {_ROUNDS} times by someone else")


class _PartsUpload:
    """One attempt to upload content in parts."""

    def __init__(self, multipart: Multipart, key: str, item: BlobItem) -> None:
        self._multipart = multipart
        self._key = key
        self._item = item
        # The size of parts must depend on nothing but the content, so that another process can continue.
        self._part_size = max(PART_SIZE, math.ceil(item.size / MAX_PARTS / PART_SIZE) * PART_SIZE)
        self.reported = 0

    def run(self, progress: Progress) -> None:
        unfinished = self._unfinished()
        upload_id = unfinished.upload_id if unfinished else self._multipart.start(self._key)
        kept = self._multipart.parts(self._key, upload_id) if unfinished else {}
        try:
            etags = self._send(upload_id, kept, progress)
        except ChecksumError:
            if unfinished is None:  # else it may be another's, whose source is right
                with contextlib.suppress(Exception):  # what stopped the upload is the error to show
                    self._multipart.abort(self._key, upload_id)
            raise
        self._multipart.complete(self._key, upload_id, etags)

    def _send(self, upload_id: str, kept: dict[int, Part], progress: Progress) -> dict[int, str]:
        etags: dict[int, str] = {}
        with Senders(self._multipart, self._key, upload_id) as senders, self._item.source() as source:
            for number, chunk in enumerate(verified_chunks(source, self._item, self._part_size), 1):
                part = kept.get(number)
                if part and part.size == len(chunk) and part.etag == hashlib.md5(chunk, usedforsecurity=False).hexdigest():
                    etags[number] = part.etag
                else:
                    senders.send(number, bytes(chunk))
                self.reported += len(chunk)
                progress(len(chunk))
            return etags | senders.etags()

    def _unfinished(self) -> Unfinished | None:
        """The newest upload of this key that someone left."""
        try:
            found = [upload for upload in self._multipart.unfinished(self._key) if upload.key == self._key]
        except (PermissionError, NotImplementedError):  # listing uploads is a right of its own
            return None
        return found[-1] if found else None
