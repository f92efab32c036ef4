"""Reading stored content over the network, without noticing that connections break."""

from __future__ import annotations

import abc
import io
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar, cast

from modelbox.backends.remote import storage
from modelbox.backends.remote.calls import Calls
from modelbox.backends.remote.interruptions import InterruptedCall, Repetitions
from modelbox.errors import UnavailableError
from modelbox.records import FileRecord
from modelbox.streams import SizedReader
from modelbox.wire import service_pb2 as pb
from modelbox.wire.content import chunk_of, parse_download_frame

T = TypeVar("T")

_BUFFER = 256 << 10
_SKIPPED = 1 << 20
"""So far ahead, reading on is faster than beginning anew."""
_SLOWEST = 128 << 10
_GRACE_S = 60.0


def open_content(calls: Calls, file: FileRecord) -> BinaryIO:
    """A readable, seekable stream of a stored file; see ``Backend.open_file``."""
    return io.BufferedReader(cast(io.RawIOBase, ContentReader(calls, file)), _BUFFER)


class ContentReader(SizedReader):
    """Content that is streamed from the present position on, and anew after a jump or a loss.

    Args:
        calls: The connection.
        file: What to read.

    Raises:
        NotFoundError: The content is gone.
    """

    def __init__(self, calls: Calls, file: FileRecord) -> None:
        super().__init__(file.size or 0)
        self._calls = calls
        self._file = file
        self._direct = True
        self._stream: ContentStream | None = None
        self._retry(self._open_stream)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._at >= self._size or not view:
            return 0
        count = self._retry(lambda: self._open_stream().read_into(view))
        self._at += count
        return count

    def readall(self) -> bytes:
        # The one of RawIOBase reads 8 KiB at a time.
        content = memoryview(bytearray(self._size - min(self._at, self._size)))
        filled = 0
        while filled < len(content) and (count := self.readinto(content[filled:])):
            filled += count
        return bytes(content[:filled])

    def close(self) -> None:
        self._end()
        super().close()

    def _retry(self, step: Callable[[], T]) -> T:
        repetitions = Repetitions(self._calls.retry_s)
        while True:
            try:
                return step()
            except InterruptedCall as interrupted:
                self._end()
                repetitions.after(interrupted)

    def _open_stream(self) -> ContentStream:
        """A stream that is at the present position."""
        if self._stream is None or not self._stream.go_to(self._at):
            self._end()
            self._stream = self._begin()
            self._size = self._stream.size
        return self._stream

    def _begin(self) -> ContentStream:
        direct = self._direct and (self._file.size or 0) >= storage.SMALLEST and storage.is_reachable()
        stream = ServerStream(self._calls, self._file, self._at, direct=direct)
        if not stream.url:
            return stream
        stream.close()
        from modelbox.backends.remote.storage_stream import StorageStream

        try:
            return StorageStream(stream.url, stream.size, self._at)
        except storage.StorageError as error:
            self._direct = error.passing and storage.is_reachable()
            raise InterruptedCall(error.as_unavailable()) from None

    def _end(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


class ContentStream(abc.ABC):
    """Brings content from an offset on.

    Attributes:
        size: Bytes of all of the content.
        url: Where the content is to be read instead, or "".
    """

    size: int
    url: str = ""

    def __init__(self, offset: int) -> None:
        self._at = offset

    def go_to(self, offset: int) -> bool:
        """Read on up to an offset; False when that is behind, or far ahead."""
        if not 0 <= offset - self._at <= _SKIPPED:
            return False
        skipped = memoryview(bytearray(offset - self._at))
        while self._at < offset and self.read_into(skipped[: offset - self._at]):
            pass
        return self._at == offset

    def read_into(self, buffer: memoryview) -> int:
        """Read the next bytes; how many, none at the end.

        Raises:
            InterruptedCall: The connection is lost.
        """
        count = self._fill(buffer)
        self._at += count
        return count

    @abc.abstractmethod
    def close(self) -> None:
        """End it. Idempotent."""

    @abc.abstractmethod
    def _fill(self, buffer: memoryview) -> int:
        """Put the next bytes into a buffer."""


class ServerStream(ContentStream):
    """One call that brings content, or says where it can be read directly."""

    def __init__(self, calls: Calls, file: FileRecord, offset: int, *, direct: bool) -> None:
        super().__init__(offset)
        self._chunk = memoryview(b"")
        request = pb.DownloadContentRequest(artifact_id=file.artifact_id, blob=file.blob, offset=offset, direct=direct)
        left = max(0, (file.size or 0) - offset)
        self._frames = calls.stream("DownloadContent", request, deadline_s=_GRACE_S + left / _SLOWEST, raw=True)
        try:
            self.size, self.url = self._info()
        except BaseException:
            self._frames.close()
            raise

    def close(self) -> None:
        self._frames.close()

    def _fill(self, buffer: memoryview) -> int:
        if not self._chunk:
            frame = next(self._frames, b"")
            chunk = chunk_of(frame)
            self._chunk = chunk if chunk is not None else memoryview(parse_download_frame(frame).chunk)
        count = min(len(buffer), len(self._chunk))
        buffer[:count], self._chunk = self._chunk[:count], self._chunk[count:]
        return count

    def _info(self) -> tuple[int, str]:
        frame = next(self._frames, None)
        if frame is None:
            raise UnavailableError("the server ended a download before it began")
        info = parse_download_frame(frame).info
        return info.size, info.url
