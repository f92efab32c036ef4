"""Errors to gRPC statuses and back. The class of an error travels by its name, its message as the status's details."""

from __future__ import annotations

import grpc

from modelbox import errors
from modelbox.errors import ModelBoxError

ERROR_HEADER = "modelbox-error"
"""The trailer with the name of an error's class."""
REQUEST_ID_HEADER = "modelbox-request-id"
"""The header with the id of a request that changes something."""

_MAX_ENCODED = 6 << 10
"""gRPC refuses more than 8 KiB of metadata, and sends details percent-encoded among them."""
_CUT = " (cut)"

_CODES: dict[type[ModelBoxError | TypeError], grpc.StatusCode] = {
    errors.NotFoundError: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExistsError: grpc.StatusCode.ALREADY_EXISTS,
    errors.InvalidArgumentError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.ConflictError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.UnavailableError: grpc.StatusCode.UNAVAILABLE,
    errors.PermissionDeniedError: grpc.StatusCode.PERMISSION_DENIED,
    errors.UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    errors.CorruptStoreError: grpc.StatusCode.DATA_LOSS,
    errors.ChecksumError: grpc.StatusCode.DATA_LOSS,
    errors.ModelBoxError: grpc.StatusCode.INTERNAL,
    TypeError: grpc.StatusCode.INVALID_ARGUMENT,
}
_CLASSES: dict[str, type[ModelBoxError | TypeError]] = {kind.__name__: kind for kind in _CODES}
_KINDS: dict[grpc.StatusCode, type[ModelBoxError]] = {
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExistsError,
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgumentError,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidArgumentError,
    grpc.StatusCode.FAILED_PRECONDITION: errors.ConflictError,
    grpc.StatusCode.ABORTED: errors.ConflictError,
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.UnavailableError,
    grpc.StatusCode.CANCELLED: errors.UnavailableError,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDeniedError,
    grpc.StatusCode.UNAUTHENTICATED: errors.UnauthenticatedError,
    grpc.StatusCode.DATA_LOSS: errors.CorruptStoreError,
}
"""What a status means that no server of ours sent, such as a proxy's or the library's own."""


def status_of(error: Exception) -> tuple[grpc.StatusCode, str, str]:
    """The status, the details and the name of the class that an error crosses the wire with.

    An error that is not meant for callers crosses without its message, which may hold what is not for them.
    """
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind], _fitting(str(error)), kind.__name__
    return grpc.StatusCode.INTERNAL, "the server failed; its log says why", ModelBoxError.__name__


def error_from(code: grpc.StatusCode, details: str | None, class_name: str | None = None) -> ModelBoxError | TypeError:
    """The error that a status stands for: that of the class with the name, when it is one of ours.

    Args:
        code: The status.
        details: Its message.
        class_name: What the trailer ``modelbox-error`` says; None or empty when there is none.
    """
    message = details or f"the call failed with {code.name}"
    if class_name in _CLASSES:
        return _CLASSES[class_name](message)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return errors.InvalidArgumentError(f"this server does not offer that ({message})")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        too_large = "larger than max" in message
        return errors.InvalidArgumentError(message) if too_large else errors.UnavailableError(message)
    return _KINDS.get(code, ModelBoxError)(message)


def _fitting(message: str) -> str:
    """The message, cut at its end when it would not fit into a status."""
    data = message.encode(errors="replace")
    if _encoded_size(data) <= _MAX_ENCODED:
        return data.decode()
    low, high = 0, len(data)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _encoded_size(data[:middle]) <= _MAX_ENCODED - len(_CUT) * 3 else (low, middle - 1)
    return data[:low].decode(errors="ignore") + _CUT


def _encoded_size(data: bytes) -> int:
    """Its size in gRPC's percent-encoding, which keeps printable ASCII but for the percent sign."""
    plain = sum(0x20 <= byte <= 0x7E and byte != 0x25 for byte in data)
    return 3 * len(data) - 2 * plain
