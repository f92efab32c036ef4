"""Uploads to S3 in parts, which appear as one object when the last call of all completes them."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self, cast

PART_SIZE = 8 << 20
MAX_PARTS = 10_000
SENDERS = 2
"""Parts on their way at a time: one is sent while the next is read, without more memory than a few parts."""


class Part(NamedTuple):
    """A part that the storage has."""

    etag: str
    size: int


class Unfinished(NamedTuple):
    """An upload that was neither completed nor aborted."""

    key: str
    upload_id: str
    started: datetime


class Multipart:
    """The calls of S3 for uploads in parts, by key (``bucket/...``)."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def start(self, key: str) -> str:
        """Begin an upload; its id."""
        return cast(str, self._call("create_multipart_upload", key)["UploadId"])

    def send(self, key: str, upload_id: str, number: int, data: bytes | bytearray) -> str:
        """Send a part; its etag.

        Raises:
            FileNotFoundError: The upload is not there any more.
        """
        answer = self._call("upload_part", key, UploadId=upload_id, PartNumber=number, Body=bytes(data))
        return cast(str, answer["ETag"])

    def complete(self, key: str, upload_id: str, etags: dict[int, str]) -> None:
        """Make the object of exactly these parts.

        Raises:
            FileNotFoundError: The upload is not there any more; another process, or a lost answer, may have completed it.
        """
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(etags.items())]
        self._call("complete_multipart_upload", key, UploadId=upload_id, MultipartUpload={"Parts": parts})

    def abort(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts."""
        self._call("abort_multipart_upload", key, UploadId=upload_id)

    def unfinished(self, prefix: str) -> list[Unfinished]:
        """The uploads whose key starts with a prefix (``bucket/...``), oldest first."""
        bucket, _, start = prefix.partition("/")
        found: list[Unfinished] = []
        marker: dict[str, str] = {}
        while True:
            page = self._fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=start, **marker)
            found += [Unfinished(f"{bucket}/{one['Key']}", one["UploadId"], one["Initiated"]) for one in page.get("Uploads", ())]
            if not page.get("IsTruncated") or not page.get("NextKeyMarker"):
                return sorted(found, key=lambda upload: upload.started)
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page.get("NextUploadIdMarker", "")}

    def parts(self, key: str, upload_id: str) -> dict[int, Part]:
        """The parts that the storage has of an upload, by number; none when the upload is not there any more."""
        found: dict[int, Part] = {}
        marker = 0
        while True:
            try:
                page = self._call("list_parts", key, UploadId=upload_id, PartNumberMarker=marker)
            except FileNotFoundError:
                return {}
            for part in page.get("Parts", ()):
                found[part["PartNumber"]] = Part(part["ETag"].strip('"'), part["Size"])
            following = int(page.get("NextPartNumberMarker") or 0)
            if not page.get("IsTruncated") or following <= marker:
                return found
            marker = following

    def _call(self, method: str, key: str, **arguments: Any) -> Any:
        bucket, _, name = key.partition("/")
        return self._fs.call_s3(method, Bucket=bucket, Key=name, **arguments)


class Senders:
    """Sends parts of one upload, a few at a time; a context that waits for all of them."""

    def __init__(self, multipart: Multipart, key: str, upload_id: str) -> None:
        self._multipart = multipart
        self._key = key
        self._upload_id = upload_id
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="modelbox-part")
        self._free = threading.Semaphore(SENDERS)
        self._sent: dict[int, Future[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)

    def cancel(self) -> None:
        """Wait for the parts on their way, and send no more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def send(self, number: int, data: bytes | bytearray, done: Callable[[], None] | None = None) -> None:
        """Send a part, waiting while too many are on their way; an earlier failure is raised here."""
        self._free.acquire()
        for sent in self._sent.values():
            if sent.done():
                sent.result()

        def work() -> str:
            try:
                etag = self._multipart.send(self._key, self._upload_id, number, data)
            finally:
                self._free.release()
            if done is not None:
                done()
            return etag

        self._sent[number] = self._pool.submit(work)

    def etags(self) -> dict[int, str]:
        """The etags of all parts, when they have arrived."""
        return {number: sent.result() for number, sent in self._sent.items()}


class PartWriter(io.RawIOBase):
    """A stream into an object of unknown size: one PUT when it is small, parts when it is not.

    Nothing appears before :meth:`commit`.
    """

    def __init__(self, fs: Any, key: str) -> None:
        super().__init__()
        self._fs = fs
        self._key = key
        self._multipart = Multipart(fs)
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._senders: Senders | None = None
        self._count = 0
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        for start in range(0, len(view), PART_SIZE):
            self._buffer += view[start : start + PART_SIZE]
            if len(self._buffer) >= self._part_size():
                self._send()
        self._size += len(view)
        return len(view)

    def commit(self) -> None:
        """Make the object appear."""
        if self._upload_id is None or self._senders is None:
            self._fs.pipe_file(self._key, bytes(self._buffer))
            return
        if self._buffer:
            self._send()
        with self._senders:
            etags = self._senders.etags()
        try:
            self._multipart.complete(self._key, self._upload_id, etags)
        except FileNotFoundError:
            # The answer to a first attempt may have been lost; then the object is there.
            if self._fs.info(self._key)["size"] != self._size:
                raise

    def discard(self) -> None:
        """Drop what was sent."""
        if self._upload_id is not None and self._senders is not None:
            self._senders.cancel()
            with contextlib.suppress(Exception):  # what stopped the upload is the error to show
                self._multipart.abort(self._key, self._upload_id)

    def _part_size(self) -> int:
        # Doubling after every 2,500 parts keeps small files light and allows 300 GB in 10,000 parts.
        return PART_SIZE << (self._count // (MAX_PARTS // 4))

    def _send(self) -> None:
        if self._senders is None:
            self._upload_id = self._multipart.start(self._key)
            self._senders = Senders(self._multipart, self._key, self._upload_id)
        self._count += 1
        self._senders.send(self._count, self._buffer)
        self._buffer = bytearray()


def write_parts(fs: Any, key: str, fill: Callable[[BinaryIO], None]) -> None:
    """Write an object from what ``fill`` writes; if it raises, nothing appears."""
    writer = PartWriter(fs, key)
    try:
        fill(cast(BinaryIO, writer))
        writer.commit()
    except BaseException:
        writer.discard()
        raise
