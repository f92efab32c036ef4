"""The status with which a call ends when its work raises."""

from __future__ import annotations

import logging
import os

import grpc

from modelbox.errors import ModelBoxError, UnavailableError
from modelbox.wire.errors import ERROR_HEADER, status_of

_log = logging.getLogger("modelbox.server")


class BusyError(UnavailableError):
    """The server has as much to do as it may."""


def set_status(name: str, error: BaseException, context: grpc.ServicerContext) -> tuple[grpc.StatusCode, str]:
    """The status that tells a client of an error; its trailer is set."""
    if isinstance(error, (ModelBoxError, TypeError)):
        code, details, class_name = status_of(error)
        if isinstance(error, BusyError):
            code = grpc.StatusCode.RESOURCE_EXHAUSTED
        context.set_trailing_metadata(((ERROR_HEADER, class_name),))
        return code, details
    request_id = os.urandom(8).hex()
    _log.error("%s failed", name, exc_info=error, extra={"request_id": request_id, "method": name})
    return grpc.StatusCode.INTERNAL, f"the server failed to answer {name}; its log says why, under the request id {request_id}"
