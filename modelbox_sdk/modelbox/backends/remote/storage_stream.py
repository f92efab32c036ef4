"""Content straight from the storage."""

from __future__ import annotations

from modelbox.backends.remote.downloads import ContentStream
from modelbox.backends.remote.interruptions import InterruptedCall
from modelbox.backends.remote.storage import StorageError, open_session, request
from modelbox.errors import UnavailableError

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

    def _fill(self, buffer: memoryview) -> int:
        from urllib3.exceptions import HTTPError

        try:
            count = self._response.raw.readinto(buffer)
        except (HTTPError, OSError) as error:
            raise InterruptedCall(UnavailableError(f"the connection to the storage broke ({type(error).__name__})")) from None
        if not count and len(buffer) and self._at < self.size:
            raise InterruptedCall(UnavailableError("the storage ended a download early"))
        return int(count)
