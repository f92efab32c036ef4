"""Content straight from the storage."""

from __future__ import annotations

from modelbox.backends.remote.downloads import ContentStream
from modelbox.backends.remote.interruptions import InterruptedCall
from modelbox.backends.remote.storage import StorageError, open_session, request
from modelbox.errors import UnavailableError
from modelbox.hashing import CHUNK, read_into

_PARTIAL = 206


class StorageStream(ContentStream):
    """One request with a signed URL.

    Args:
        url: The URL.
        size: Bytes of all of the content.
        offset: Where to begin.

    Raises:
        StorageError: The storage does not give it.
    """

    def __init__(self, url: str, size: int, offset: int) -> None:
        super().__init__(offset)
        self.size = size
        self._session = open_session(1)
        self._received = offset
        headers = {"Range": f"bytes={offset}-", "Accept-Encoding": "identity"} if offset else {"Accept-Encoding": "identity"}
        try:
            self._response = request(self._session, "GET", url, headers=headers, stream=True)
            if offset and self._response.status_code != _PARTIAL:
                raise StorageError("the storage does not give a part of content", passing=False)
        except BaseException:
            self._session.close()
            raise

    def close(self) -> None:
        self._response.close()
        self._session.close()

    def _next_chunk(self) -> memoryview:
        from urllib3.exceptions import HTTPError

        buffer = memoryview(bytearray(CHUNK))
        try:
            count = read_into(self._response.raw, buffer)
        except (HTTPError, OSError) as error:
            raise InterruptedCall(UnavailableError(f"the connection to the storage broke ({type(error).__name__})")) from None
        self._received += count
        if count < CHUNK and self._received < self.size:
            raise InterruptedCall(UnavailableError("the storage ended a download early"))
        return buffer[:count]
