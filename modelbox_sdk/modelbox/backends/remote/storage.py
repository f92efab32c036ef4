"""HTTP with the storage behind a server, by signed URLs. They are secrets: nothing here shows one."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelbox.errors import UnavailableError

if TYPE_CHECKING:
    import requests

SMALLEST = 8 << 20
"""Smaller content goes through the server: it signs nothing for it."""
_TIMEOUTS_S = (5.0, 60.0)
_AVOIDED_S = 120.0
_PASSING = (408, 429, 500, 502, 503, 504)

_avoided_until = 0.0


class StorageError(Exception):
    """The storage did not do what a signed URL is for.

    Attributes:
        passing: Whether the same may go well in a moment.
    """

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing

    def as_unavailable(self) -> UnavailableError:
        """The error for people."""
        return UnavailableError(str(self))


def is_reachable() -> bool:
    """Whether signed URLs are worth asking for: not right after the storage could not be connected to."""
    return time.monotonic() >= _avoided_until


def open_session(connections: int) -> requests.Session:
    """A session that keeps so many connections; its user closes it."""
    import requests
    from requests.adapters import HTTPAdapter

    _keep_secrets()
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=connections))
    return session


def request(session: requests.Session, method: str, url: str, **arguments: Any) -> requests.Response:
    """Make a request with a signed URL.

    Raises:
        StorageError: It failed, or was refused.
    """
    global _avoided_until
    import requests

    place = urlsplit(url).netloc
    try:
        response = session.request(method, url, timeout=_TIMEOUTS_S, allow_redirects=False, **arguments)
    except requests.ConnectionError as error:
        if "NewConnectionError" in repr(error) or "ConnectTimeout" in repr(error):
            _avoided_until = time.monotonic() + _AVOIDED_S
        raise StorageError(f"the connection to the storage at {place} failed", passing=True) from None
    except requests.RequestException as error:
        raise StorageError(f"the storage at {place} failed ({type(error).__name__})", passing=True) from None
    if response.status_code >= 300:
        response.close()
        reason = f"the storage at {place} answered {response.status_code} {response.reason}"
        raise StorageError(reason, passing=response.status_code in _PASSING)
    return response


def _keep_secrets() -> None:
    log = logging.getLogger("urllib3.connectionpool")
    if _hide_signature not in log.filters:
        log.addFilter(_hide_signature)


def _hide_signature(record: logging.LogRecord) -> bool:
    """Leave out of the debug log what stands behind the path of a signed URL."""
    if isinstance(record.args, tuple) and "X-Amz-Signature" in str(record.args):
        record.args = tuple(_without_query(value) for value in record.args)
    return True


def _without_query(value: Any) -> Any:
    return value.partition("?")[0] + "?..." if isinstance(value, str) and "X-Amz-" in value else value
