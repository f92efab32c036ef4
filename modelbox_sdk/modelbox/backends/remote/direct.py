"""Content from this process straight to the storage, in parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import tenacity

from modelbox.backends.base import SourceFile
from modelbox.backends.remote.storage import StorageError, open_session, request
from modelbox.errors import ChecksumError
from modelbox.hashing import CHUNK, read_into
from modelbox.wire import service_pb2 as pb

if TYPE_CHECKING:
    import requests

_AT_ONCE = 4
_ATTEMPTS = 5


def send_parts(file: SourceFile, direct: pb.DirectUpload, report: Callable[[int], None]) -> list[str]:
    """Send the content of a file to signed URLs, several parts at a time, each again when it fails.

    Args:
        file: The file.
        direct: Where to.
        report: Told how much of the content has been sent.

    Returns:
        What the storage answered to each part.

    Raises:
        StorageError: It does not take them.
        ChecksumError: The file has changed.
    """
    progress = _Progress(report)
    starts = range(0, file.size, direct.part_size)
    parts = [_Part(file, start, min(direct.part_size, file.size - start), progress) for start in starts]
    at_once = min(_AT_ONCE, len(parts))
    with open_session(at_once) as session, ThreadPoolExecutor(at_once, thread_name_prefix="modelbox-put") as pool:
        sent = [pool.submit(_put, session, url, part, dict(direct.headers)) for url, part in zip(direct.urls, parts, strict=True)]
        try:
            return [each.result() for each in sent]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@tenacity.retry(
    retry=tenacity.retry_if_exception(lambda error: isinstance(error, StorageError) and error.passing),
    stop=tenacity.stop_after_attempt(_ATTEMPTS),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
    reraise=True,
)
def _put(session: requests.Session, url: str, part: _Part, headers: dict[str, str]) -> str:
    with request(session, "PUT", url, data=part, headers=headers) as response:
        return str(response.headers.get("ETag", ""))


class _Part:
    """A range of a file, as ``requests`` sends it: an iterable with a length, not a file, which it would read 16 KiB at a time."""

    def __init__(self, file: SourceFile, start: int, length: int, progress: _Progress) -> None:
        self._file = file
        self._start = start
        self._length = length
        self._progress = progress

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(min(CHUNK, self._length)))
        left = self._length
        with self._file.open() as source:
            source.seek(self._start)
            while left:
                count = read_into(source, buffer[: min(len(buffer), left)])
                if not count:
                    raise ChecksumError(f"{self._file.path} is shorter than it was when it was hashed")
                yield buffer[:count]
                left -= count
                self._progress.sent(self._start, self._length - left)
            if self._start + self._length == self._file.size and read_into(source, buffer[:1]):
                raise ChecksumError(f"{self._file.path} is longer than it was when it was hashed")


class _Progress:
    """Adds up what has been sent of parts; a part that is sent again counts once."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._parts: dict[int, int] = {}

    def sent(self, part: int, count: int) -> None:
        """So much of a part has been sent."""
        with self._lock:
            self._parts[part] = max(count, self._parts.get(part, 0))
            self._report(sum(self._parts.values()))
