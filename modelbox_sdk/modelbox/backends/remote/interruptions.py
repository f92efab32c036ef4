"""Calls that end without an answer: what that means, and how long they are made again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from modelbox.backends.remote.address import ServerAddress
from modelbox.errors import InvalidArgumentError, UnavailableError

if TYPE_CHECKING:
    import grpc

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0


class InterruptedCall(Exception):  # noqa: N818 - no error for callers: the call is made again
    """A call has ended without an answer, for a reason that passes.

    Attributes:
        error: What to raise when it is not made again.
        forked: Whether a fork of this process interrupted it.
        late: Whether its deadline has passed.
    """

    def __init__(self, error: UnavailableError, *, forked: bool = False, late: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.forked = forked
        self.late = late


class Repetitions:
    """Waits between attempts, longer and longer, up to a bound.

    Args:
        bound_s: So long after the last progress the last attempt begins; 0 for no repetition, but after a fork.
        first_wait_s: About how long the first wait is.
        sleep: Waits.
    """

    def __init__(
        self, bound_s: float, *, first_wait_s: float = _FIRST_WAIT_S, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._bound_s = bound_s
        self._first_wait_s = first_wait_s
        self._sleep = sleep
        self.progressed()

    def progressed(self) -> None:
        """Something went well: what follows is new trouble."""
        self._deadline = time.monotonic() + self._bound_s
        self._wait_s = self._first_wait_s

    def after(self, interrupted: InterruptedCall) -> None:
        """Wait before the next attempt.

        Raises:
            UnavailableError: It has been long enough.
        """
        if interrupted.forked:
            return
        wait_s = self._wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        if time.monotonic() + wait_s >= self._deadline:
            raise interrupted.error from None
        self._sleep(wait_s)
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)


_CLOSED = "Channel closed!"
"""How grpc says that this process closed the channel: a fork could not wait for the call."""
_REFUSED = ("certificate_verify_failed", "wrong_version_number", "security handshaker")
"""How grpc says that TLS does not come about, which another attempt does not change."""
_BROKEN = ("rst_stream", "stream removed", "socket closed", "connection reset", "broken pipe", "goaway")


def outcome(name: str, error: grpc.RpcError, address: ServerAddress, deadline_s: float | None) -> Exception:
    """What the failure of a call means.

    Returns:
        An error of ours, which is final, or an :class:`InterruptedCall`.
    """
    import grpc

    from modelbox.wire.errors import ERROR_HEADER, error_from

    code, details = error.code(), error.details() or ""
    class_name = next((str(value) for key, value in error.trailing_metadata() or () if key == ERROR_HEADER), "")
    if class_name and code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return error_from(code, details, class_name)
    if details == _CLOSED:
        return interrupted_by_fork(name)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return InterruptedCall(_late(name, address, deadline_s), late=True)
    final = error_from(code, details, class_name)
    if isinstance(final, InvalidArgumentError) or not _is_passing(code, details):
        return final
    unanswered = _unanswered(address, details)
    hopeless = _is_of_certificates(details) and len(address.hosts) == 1
    return unanswered if hopeless else InterruptedCall(unanswered)


def is_process_ending(error: RuntimeError) -> bool:
    """Whether it is Python's reason not to start a thread: from 3.12 on, none starts once the main thread has ended."""
    return "interpreter shutdown" in str(error)


def interrupted_by_fork(name: str) -> InterruptedCall:
    """What a call raises that a fork of this process ended."""
    return InterruptedCall(UnavailableError(f"{name} was interrupted, because this process forked"), forked=True)


def _is_passing(code: grpc.StatusCode, details: str) -> bool:
    """Whether a status that no servicer sent is worth another attempt."""
    import grpc

    codes = grpc.StatusCode
    if code in (codes.INTERNAL, codes.UNKNOWN):
        return any(sign in details.lower() for sign in _BROKEN)
    return code in (codes.UNAVAILABLE, codes.CANCELLED, codes.ABORTED, codes.RESOURCE_EXHAUSTED)


def _unanswered(address: ServerAddress, details: str) -> UnavailableError:
    reason = " ".join(details.rpartition("last error: ")[2].removeprefix("UNKNOWN: ").split()) or "the connection is lost"
    if _is_of_certificates(details):
        remedy = "check ca_cert, client_cert and client_key, and that it speaks TLS"
    elif "socket closed" in details.lower():
        wish = "ask for a client_cert" if address.secure else "speak TLS, so that it has to be grpcs://"
        remedy = f"is it running, and does it {wish}?"
    else:
        remedy = "is it running? `modelbox server start` starts one"
    return UnavailableError(f"no ModelBox server answers at {address} ({reason}); {remedy}")


def _is_of_certificates(details: str) -> bool:
    return any(sign in details.lower() for sign in _REFUSED)


def _late(name: str, address: ServerAddress, deadline_s: float | None) -> UnavailableError:
    bound = "in time" if deadline_s is None else f"within {deadline_s:g} s"
    return UnavailableError(
        f"the ModelBox server at {address} has not answered {name} {bound}: it, or the network, may be overloaded; try again"
    )
