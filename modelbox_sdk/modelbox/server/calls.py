"""From the methods of servicers to the handlers of grpc: who calls, once, errors, and what is told of it.

There are no interceptors here, which would cost each call more than all of this. All handlers take a stream of requests, also
where there is exactly one: the bytes are the same, and a call that never sends its request can then be seen, and ended.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from modelbox.backends.served import ServedBackend
from modelbox.errors import InvalidArgumentError
from modelbox.server.observer import Observer
from modelbox.server.options import ServerOptions
from modelbox.server.statuses import BusyError, set_status
from modelbox.server.watchdog import Watchdog
from modelbox.server.watchers import Watch
from modelbox.server.watching import Hub
from modelbox.wire import service_pb2 as pb
from modelbox.wire.errors import REQUEST_ID_HEADER

Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]
"""The headers of a call."""
Authorise: TypeAlias = Callable[[Metadata], ServedBackend]
"""The backend as the caller may use it. Raises ``UnauthenticatedError`` or ``PermissionDeniedError``."""

Behaviour: TypeAlias = Callable[..., Any]
"""What grpc calls, with the requests as bytes and its context."""

SERVICE = pb.DESCRIPTOR.services_by_name["ModelStore"]

MUTATING = frozenset(
    {
        "CommitUpload",
        "CreateExperiment",
        "CreateModel",
        "CreateModelVersion",
        "DeleteObject",
        "MoveTag",
        "RemoveTag",
        "RewindMetrics",
        "SetExperimentStatus",
        "SetLabels",
        "TrackArtifact",
        "UpdateMetadata",
    }
)
"""What is done once for each request id. Logging has sequences of its own, and content its digests."""


class Call:
    """One call while it is worked on.

    Attributes:
        backend: The backend, as the caller may use it.
        context: grpc's context.
        metadata: The headers.
        request_id: What the client calls the change that it asks for; "" when it does not say.
    """

    __slots__ = ("backend", "context", "metadata", "request_id")

    def __init__(self, backend: ServedBackend, context: grpc.ServicerContext, metadata: Metadata, request_id: str) -> None:
        self.backend = backend
        self.context = context
        self.metadata = metadata
        self.request_id = request_id


def takes_bytes(method: Any) -> Any:
    """Mark a method of a servicer that is given its request as bytes."""
    method.takes_bytes = True
    return method


def watches(method: Any) -> Any:
    """Mark a method of a servicer that returns a ``Watch``, for the hub to answer."""
    method.watches = True
    return method


class Behaviours:
    """Makes grpc's behaviours out of methods of servicers.

    Args:
        authorise: Tells the backend for a caller.
        options: The limits.
        observer: Is told about calls.
    """

    def __init__(self, authorise: Authorise, options: ServerOptions, observer: Observer) -> None:
        self._authorise = authorise
        self._options = options
        self._observer = observer
        self._requested = Watchdog(options.request_timeout_s, crowd=options.threads)
        self._transferring = Watchdog(options.stall_timeout_s, crowd=options.max_streams)

    def start(self) -> None:
        """Begin to look for clients that make no progress."""
        self._requested.start()
        self._transferring.start()

    def stop(self) -> None:
        """Look no more. Idempotent."""
        self._requested.stop()
        self._transferring.stop()

    def unary(self, name: str, method: Callable[[Any, Call], Any]) -> Behaviour:
        """One request, one response."""
        observer, parse, receive, begin = self._observer, parser(name, method), self.receive, self.begin
        mutates = name in MUTATING

        def behaviour(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            with Answering(name, context, observer):
                data = receive(requests, context)
                call = begin(context)
                if mutates and call.request_id:
                    with call.backend.once(call.request_id):
                        response = _encoded(method(parse(data), call))
                else:
                    response = _encoded(method(parse(data), call))
                observer.transferred(name, len(data), len(response))
                return response

        return behaviour

    def server_stream(self, name: str, method: Callable[[Any, Call], Generator[Any]]) -> Behaviour:
        """One request, any number of responses."""
        observer, parse = self._observer, parser(name, method)

        def behaviour(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            with Answering(name, context, observer):
                data = self.receive(requests, context)
                observer.transferred(name, len(data), 0)
                with contextlib.closing(method(parse(data), self.begin(context))) as responses:
                    for response in map(_encoded, responses):
                        with self._transferring(context):
                            yield response  # until grpc has handed it on
                        observer.transferred(name, 0, len(response))

        return behaviour

    def client_stream(self, name: str, method: Callable[[Iterator[Any], Call], Any]) -> Behaviour:
        """Any number of requests, one response."""
        parse = parser(name, method)

        def behaviour(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            with Answering(name, context, self._observer):
                return _encoded(method(map(parse, self._all(name, requests, context)), self.begin(context)))

        return behaviour

    def watch(self, name: str, method: Callable[[Any, Call], Watch], hub: Hub) -> Behaviour:
        """One request, and responses from the hub for as long as the client watches."""
        parse = parser(name, method)

        def behaviour(requests: Iterator[bytes], context: grpc.ServicerContext, send: Callable[[bytes | None], None]) -> None:
            with Answering(name, context, self._observer):  # which is over once the hub has the watcher
                data = self.receive(requests, context)
                call = self.begin(context)
                hub.watch(method(parse(data), call), call.backend, context, send)

        behaviour.experimental_non_blocking = True  # type: ignore[attr-defined]
        return behaviour

    def refusal(self) -> Behaviour:
        """For transfers beyond the most that are allowed."""

        def behaviour(_: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            with Answering("busy", context, self._observer):
                raise BusyError(f"the server is busy with {self._options.max_streams} transfers; try again soon")

        return behaviour

    def begin(self, context: grpc.ServicerContext) -> Call:
        """Find out who calls."""
        metadata = context.invocation_metadata() or ()
        request_id = ""
        for name, value in metadata:
            if name == REQUEST_ID_HEADER:
                request_id = value
        return Call(self._authorise(metadata), context, metadata, request_id)

    def receive(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """The one request of a call."""
        with self._requested(context):
            data = next(requests, None)
        if data is None:
            raise InvalidArgumentError("the call has no request, or one that is larger than the server takes")
        return data

    def _all(self, name: str, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """The requests of a call, to their end.

        A call that is cancelled looks to grpc as if its requests had ended, until it handles the event behind that. Asking once
        more, it has, and raises.
        """
        while True:
            with self._transferring(context):
                data = next(requests, None)
                if data is None:
                    data = next(requests, None)
            if data is None:
                return
            self._observer.transferred(name, len(data), 0)
            yield data


class Answering:
    """Around the work on a call: tells the observer, and turns an exception into the call's status.

    Args:
        name: Of the call.
        context: The call.
        observer: Is told.
    """

    __slots__ = ("_context", "_name", "_observer", "_started")

    def __init__(self, name: str, context: grpc.ServicerContext, observer: Observer) -> None:
        self._name = name
        self._context = context
        self._observer = observer

    def __enter__(self) -> None:
        self._observer.call_started(self._name)
        self._started = time.perf_counter()

    def __exit__(self, _: Any, error: BaseException | None, trace: Any) -> None:
        code, seconds = grpc.StatusCode.OK, time.perf_counter() - self._started
        if error is None:
            self._observer.call_finished(self._name, code, seconds, self._context)
            return
        if isinstance(error, (grpc.RpcError, GeneratorExit)):  # the client is gone; grpc knows these, and keeps quiet
            self._observer.call_finished(self._name, grpc.StatusCode.CANCELLED, seconds, self._context)
            return
        code, details = set_status(self._name, error, self._context)
        self._observer.call_finished(self._name, code, seconds, self._context, details)
        self._context.abort(code, details)


def parser(name: str, method: Any) -> Callable[[bytes], Any]:
    """What makes the request of a method from bytes."""
    if getattr(method, "takes_bytes", False):
        return bytes
    return functools.partial(parse, getattr(pb, SERVICE.methods_by_name[name].input_type.name))


def parse(kind: Any, data: bytes) -> Any:
    """The message in some bytes.

    Its error is ours: grpc would say INTERNAL, and log a traceback.

    Raises:
        InvalidArgumentError: They are no such message.
    """
    try:
        return kind.FromString(data)
    except DecodeError:
        raise InvalidArgumentError(f"{len(data)} bytes cannot be decoded: they are no {kind.DESCRIPTOR.name}") from None


def _encoded(response: Any) -> bytes:
    return response if type(response) is bytes else response.SerializeToString()
