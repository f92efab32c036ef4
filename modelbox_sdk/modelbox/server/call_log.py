"""One line in the log for each call that is worth one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import grpc

Headers: TypeAlias = Sequence[tuple[str, str | bytes]]

FAILED = frozenset({"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DATA_LOSS"})
"""The server's fault, or that of its storage."""
REFUSED = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"})
"""An operator may have to do something about it."""
LONG = frozenset(
    {
        "CollectGarbage",
        "DownloadContent",
        "DownloadFile",
        "Query",
        "ReadMetrics",
        "UploadContent",
        "UploadFile",
        "WatchChanges",
        "WatchNamespace",
    }
)
"""Calls that may take as long as they like."""
_REQUEST_ID = "modelbox-request-id"

_log = logging.getLogger("modelbox.server.calls")


class CallLog:
    """Logs failures as warnings, slow and refused calls as info, and all others for debugging.

    Args:
        slow_s: Calls that take longer are slow.
        caller_of: Tells the name of a caller by its headers.
    """

    def __init__(self, *, slow_s: float, caller_of: Callable[[Headers], str]) -> None:
        self._slow_s = slow_s
        self._caller_of = caller_of

    def finished(self, method: str, code: str, seconds: float, context: grpc.ServicerContext, details: str) -> None:
        """A call has ended."""
        level = self._level(method, code, seconds)
        if not _log.isEnabledFor(level):
            return
        headers = context.invocation_metadata() or ()
        _log.log(
            level,
            "%s %s%s",
            method,
            code,
            f": {details}" if details else "",
            extra={
                "method": method,
                "code": code,
                "seconds": round(seconds, 6),
                "caller": self._caller_of(headers),
                "peer": context.peer(),
                "request_id": next((value for name, value in headers if name == _REQUEST_ID), ""),
            },
        )

    def _level(self, method: str, code: str, seconds: float) -> int:
        if code in FAILED:
            return logging.WARNING
        if code in REFUSED or (seconds > self._slow_s and method not in LONG):
            return logging.INFO
        return logging.DEBUG
