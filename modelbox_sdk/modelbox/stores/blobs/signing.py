"""Content past this process: signed URLs, with which clients write to object storage and read from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, cast

from modelbox.hashing import Hasher, digest_of_stream
from modelbox.stores.blobs.base import SignedUpload
from modelbox.stores.blobs.writer import ROOT
from modelbox.stores.files.multipart import MAX_PARTS
from modelbox.stores.files.object_storage import ObjectFiles, error_code

EXPIRES_S = 6 * 3600
_PART_SIZE = 64 << 20
_READ_SIZE = 8 << 20
_READ_AT_ONCE = 3
_TIMEOUTS_S = (5.0, 60.0)
_WRONG_PARTS = ("EntityTooSmall", "InvalidPart", "InvalidPartOrder", "MalformedXML")


class Signer:
    """Signs for content in a bucket.

    Args:
        files: The bucket.
    """

    def __init__(self, files: ObjectFiles) -> None:
        self._files = files

    def upload(self, name: str, size: int) -> SignedUpload | None:
        """See ``BlobStore.sign_upload``. A single PUT could be repeated after it was verified, so that there are always parts."""
        multipart = self._files.multipart()
        if multipart is None or size == 0:
            return None
        path = f"{ROOT}/{name}"
        part_size = max(_PART_SIZE, math.ceil(size / MAX_PARTS / _PART_SIZE) * _PART_SIZE)
        with self._files.errors("write", path):
            upload_id = multipart.start(self._files.key(path))
        urls = [
            self._files.sign(path, "upload_part", EXPIRES_S, UploadId=upload_id, PartNumber=number)
            for number in range(1, math.ceil(size / part_size) + 1)
        ]
        return SignedUpload(upload_id, part_size, urls)

    def finish(self, name: str, upload_id: str, etags: Sequence[str]) -> bool:
        """See ``BlobStore.finish_signed``."""
        multipart = self._files.multipart()
        if multipart is None:
            return False
        path = f"{ROOT}/{name}"
        with self._files.errors("write", path):
            try:
                multipart.complete(self._files.key(path), upload_id, dict(enumerate(etags, 1)))
            except OSError as error:
                if not isinstance(error, FileNotFoundError) and error_code(error) not in _WRONG_PARTS:
                    raise
                return self._files.size(path) is not None  # the answer to a first attempt may have been lost
        return True

    def download(self, name: str) -> str | None:
        """See ``BlobStore.sign_download``."""
        if self._files.multipart() is None:
            return None
        return self._files.sign(f"{ROOT}/{name}", "get_object", EXPIRES_S)

    def digest(self, name: str, size: int) -> str:
        """See ``BlobStore.digest``."""
        url = self.download(name)
        found = _digest_behind(url, size) if url is not None else None
        if found is not None:
            return found
        hasher = Hasher()
        for data in self._ranges(f"{ROOT}/{name}", size):
            hasher.update(data)
        return hasher.digest()

    def _ranges(self, path: str, size: int) -> Iterator[bytes]:
        self._files.fs  # noqa: B018  # made once, before the threads want it
        pending: list[Future[bytes]] = []
        with ThreadPoolExecutor(_READ_AT_ONCE, thread_name_prefix="modelbox-verify") as pool:
            for start in range(0, size, _READ_SIZE):
                pending.append(pool.submit(self._files.read_range, path, start, min(start + _READ_SIZE, size)))
                if len(pending) == _READ_AT_ONCE:
                    yield pending.pop(0).result()
            for each in pending:
                yield each.result()


def _digest_behind(url: str, size: int) -> str | None:
    """The digest of what a URL gives, in one stream, which costs half the processor time of ranges; None when it breaks."""
    import requests
    from urllib3.exceptions import HTTPError

    try:
        with requests.get(url, headers={"Accept-Encoding": "identity"}, stream=True, timeout=_TIMEOUTS_S) as response:
            if response.status_code == requests.codes.ok:
                found, received = digest_of_stream(cast(BinaryIO, response.raw), size)
                return found if received == size else None
    except (requests.RequestException, HTTPError, OSError):  # not shown: it has the URL in it
        pass
    return None
