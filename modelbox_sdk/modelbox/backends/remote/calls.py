"""Making calls: deadlines, repetitions, streams."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from modelbox.backends.remote import forks
from modelbox.backends.remote.channel import Channel, Connection
from modelbox.backends.remote.interruptions import InterruptedCall, Repetitions, interrupted_by_fork, is_process_ending, outcome
from modelbox.backends.remote.quiet import load_grpc
from modelbox.errors import UnavailableError

T = TypeVar("T")
DEADLINE_S = 30.0
_DELIVERY_S = 10.0
_LONGEST_DELIVERY_S = 160.0


class Stream(Iterator[Any]):
    """The responses of a call that goes on for a while. It is a context manager, and must be closed.

    ``next`` raises :class:`InterruptedCall` when the connection is lost or the process forks: begin again where it stopped.
    """

    def __init__(self, name: str, call: Any, failure: Callable[[Any], Exception]) -> None:
        self._name = name
        self._call = call
        self._failure = failure
        self._forked = False
        forks.take_part(self)

    def __next__(self) -> Any:
        import grpc

        if self._forked:
            raise interrupted_by_fork(self._name)
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise (interrupted_by_fork(self._name) if self._forked else self._failure(error)) from None

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the call, if it has not ended. Idempotent, and may be called by any thread."""
        if not self._forked:
            self._call.cancel()

    def leave(self) -> None:
        """Before a fork."""
        self._forked = True
        self._call.cancel()

    def cut(self) -> None:
        """Before a fork; it has been cancelled."""

    def forget(self) -> None:
        """In a forked child."""
        self._forked = True
        forks.abandon(self._call)


class Calls:
    """The calls of the service, over one channel.

    Args:
        channel: Where to.
        token: Proves who is calling.
        retry_s: For so long a call is made again while no server answers.
    """

    def __init__(self, channel: Channel, *, token: str | None, retry_s: float) -> None:
        self.channel = channel
        self.retry_s = retry_s
        self._headers = (("authorization", f"Bearer {token}"),) if token else ()
        self._delivery_s = _DELIVERY_S

    def unary(self, name: str, request: Any, *, deadline_s: float = DEADLINE_S, retry: bool = True) -> Any:
        """Make a call with one request and one response.

        Each attempt has the same request id: a server that made the change before its answer got lost does not make it again.

        Args:
            name: Of the call.
            request: Its message, or the bytes of it.
            deadline_s: For each attempt.
            retry: Whether the call is made again while no server answers.

        Raises:
            ModelBoxError: What the server says, or ``UnavailableError`` when none answers.
            TypeError: What the server says.
        """
        headers = self._new_headers()
        return self.repeated(lambda: self._attempt(name, request, headers, deadline_s), self.retry_s if retry else 0.0)

    def deliver(self, name: str, request: Any) -> None:
        """Make a call for a journal, which repeats it: one attempt, whose deadline grows when it was too early.

        It begins short, because others wait for what a journal has begun.
        """
        started = time.monotonic()
        try:
            self._attempt(name, request, self._new_headers(), self._delivery_s)
        except InterruptedCall as interrupted:
            if interrupted.late:
                self._delivery_s = min(2 * self._delivery_s, _LONGEST_DELIVERY_S)
            raise interrupted.error from None
        if time.monotonic() - started < _DELIVERY_S / 2:
            self._delivery_s = _DELIVERY_S

    def repeated(self, work: Callable[[], T], bound_s: float | None = None) -> T:
        """Do something until no :class:`InterruptedCall` ends it.

        Raises:
            UnavailableError: That has gone on for too long.
        """
        repetitions = Repetitions(self.retry_s if bound_s is None else bound_s)
        while True:
            try:
                return work()
            except InterruptedCall as interrupted:
                repetitions.after(interrupted)

    def stream(self, name: str, requests: Any, *, deadline_s: float | None, raw: bool = False) -> Stream:
        """Begin a call with many requests or responses; one attempt.

        Args:
            name: Of the call.
            requests: The message, or an iterator of messages; each may be bytes.
            deadline_s: For all of it; None for none.
            raw: Give the responses as bytes.
        """
        given = requests if isinstance(requests, Iterator) else iter((requests,))
        ended = forks.entering()
        try:
            connection = self.channel.connection()
            try:
                call = connection.call(name, raw=raw)(given, timeout=deadline_s, metadata=self._new_headers())
            except RuntimeError as error:
                if not is_process_ending(error):
                    raise
                self.channel.abandon(connection)  # it has begun the call, without a thread that would ever end it
                raise InterruptedCall(UnavailableError(f"{name} is not begun: this process ends")) from error
            if not call.add_callback(ended):
                ended()
        except BaseException:
            ended()
            raise
        return Stream(name, call, lambda error: self._failure(name, error, connection, deadline_s))

    def _attempt(self, name: str, request: Any, headers: Any, deadline_s: float) -> Any:
        import grpc

        with forks.passing():
            connection = self.channel.connection()
            try:
                return connection.call(name, raw=False)(request, timeout=deadline_s, metadata=headers)
            except grpc.RpcError as error:
                raise self._failure(name, error, connection, deadline_s) from None
            except ValueError as error:  # how grpc refuses a channel that is closed
                if self.channel.is_open(connection):
                    raise
                raise interrupted_by_fork(name) from error

    def _failure(self, name: str, error: Any, connection: Connection, deadline_s: float | None) -> Exception:
        found = outcome(name, error, self.channel.address, deadline_s)
        if isinstance(found, InterruptedCall) and not found.forked:
            self.channel.leave_connection(connection, stalled=found.late)
        return found

    def _new_headers(self) -> tuple[tuple[str, str], ...]:
        load_grpc()
        from modelbox.wire.errors import REQUEST_ID_HEADER

        return (*self._headers, (REQUEST_ID_HEADER, os.urandom(16).hex()))
