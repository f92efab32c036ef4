"""The connection to a server."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from modelbox.backends.remote import forks
from modelbox.backends.remote.address import ServerAddress, TlsOptions
from modelbox.backends.remote.quiet import load_grpc
from modelbox.wire import service_pb2 as pb

if TYPE_CHECKING:
    import grpc

MAX_MESSAGE_BYTES = 64 << 20
_RETIREMENT_S = 60.0
_METHODS = pb.DESCRIPTOR.services_by_name["ModelStore"].methods_by_name

_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),  # a child never shares a connection with its parent
    ("grpc.max_receive_message_length", -1),  # the metadata of an object, say, may have grown in many calls
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Our servers allow a ping each 10 s. A connection that is stalled is dropped after 30 s at the latest.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A server that comes back is found within a second; how often calls are repeated is decided above.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.enable_retries", 0),
)

_unused: list[Any] = []
"""Connections of channels that nobody closed. A finalizer puts them here, because it must not touch grpc."""


class Connection:
    """An open connection to one of the servers, and its calls by their names."""

    def __init__(self, connection: grpc.Channel) -> None:
        self.connection = connection
        self._calls: dict[tuple[str, bool], Callable[..., Any]] = {}

    def call(self, name: str, *, raw: bool) -> Callable[..., Any]:
        """What makes a call; with ``raw`` its responses are bytes."""
        known = self._calls.get((name, raw))
        if known is None:
            known = self._calls[name, raw] = self._make(name, raw=raw)
        return known

    def _make(self, name: str, *, raw: bool) -> Callable[..., Any]:
        method = _METHODS[name]
        unary = not method.client_streaming and not method.server_streaming
        make = self.connection.unary_unary if unary else self.connection.stream_stream
        response: Any = getattr(pb, method.output_type.name)
        found: Callable[..., Any] = make(
            f"/modelbox.ModelStore/{name}",
            request_serializer=_serialise,
            response_deserializer=None if raw else response.FromString,
        )
        return found


class Channel:
    """A connection that is opened when it is first needed, to one server after the other where there are several.

    Args:
        address: The servers.
        tls: Certificates, when the address asks for TLS.
        first: Which of the servers comes first.
    """

    def __init__(self, address: ServerAddress, tls: TlsOptions, *, first: int = 0) -> None:
        self.address = address
        self._tls = tls
        self._host = first
        self._finalizer: weakref.finalize[..., Any] | None = None
        self._begin()
        forks.take_part(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._retired: list[tuple[float, Connection]] = []

    def connection(self) -> Connection:
        """The open connection. To be called, and used, inside of the gate for forks."""
        opened = self._connection
        if opened is None:
            with self._lock:
                opened = self._connection = self._connection or self._connect()
        return opened

    def is_open(self, connection: Connection) -> bool:
        """Whether a connection is still the one to use."""
        return self._connection is connection

    def leave_connection(self, lost: Connection, *, stalled: bool) -> None:
        """Do without a connection that failed, from the next call on: with the next server, or with a new connection if it hangs.

        grpc itself connects again to a server that was lost.
        """
        if not stalled and len(self.address.hosts) == 1:
            return
        with self._lock:
            if self._connection is lost:
                self._host += 1
                self._retire(lost)

    def abandon(self, connection: Connection) -> None:
        """Do without a connection for ever, and never close it, because that would not end."""
        forks.abandon(connection)
        if self._finalizer is not None:
            self._finalizer.detach()
        with self._lock:
            if self._connection is connection:
                self._connection = None

    def close(self) -> None:
        """Release the connection. Idempotent; another call opens one again."""
        with self._lock:
            if self._connection is not None:
                self._retire(self._connection)
            retired, self._retired = self._retired, []
        for _, connection in retired:
            with forks.passing():
                connection.connection.close()

    # -- forks

    def leave(self) -> None:
        pass

    def cut(self) -> None:
        opened, self._connection = self._connection, None
        if opened is not None:
            opened.connection.close()
        while self._retired:
            self._retired.pop()[1].connection.close()
        _close_unused()

    def forget(self) -> None:
        forks.abandon((self._connection, self._retired))
        if self._finalizer is not None:
            self._finalizer.detach()
        self._begin()

    # -- parts; the lock is held

    def _connect(self) -> Connection:
        load_grpc()
        import grpc

        _close_unused()
        now = time.monotonic()
        while self._retired and self._retired[0][0] < now - _RETIREMENT_S:  # calls on it have come to their deadline
            self._retired.pop(0)[1].connection.close()
        host = self.address.hosts[self._host % len(self.address.hosts)]
        if self.address.secure:
            credentials = grpc.ssl_channel_credentials(self._tls.ca_cert, self._tls.client_key, self._tls.client_cert)
            opened = grpc.secure_channel(host, credentials, _OPTIONS)
        else:
            opened = grpc.insecure_channel(host, _OPTIONS)
        forks.register()  # after grpc's own hooks, which it registers with its first channel
        if self._finalizer is not None:
            self._finalizer.detach()
        self._finalizer = weakref.finalize(self, _unused.append, opened)
        self._finalizer.atexit = False
        return Connection(opened)

    def _retire(self, connection: Connection) -> None:
        self._connection = None
        self._retired.append((time.monotonic(), connection))


def _serialise(request: Any) -> bytes:
    return request if type(request) is bytes else request.SerializeToString()


@atexit.register
def _close_unused() -> None:
    while _unused:
        _unused.pop().close()
