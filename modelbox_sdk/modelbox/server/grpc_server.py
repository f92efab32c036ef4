"""A server of one process: what listens, what answers, and how it ends."""

from __future__ import annotations

import importlib.metadata
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from modelbox.backends.base import Backend
from modelbox.backends.served import ServedBackend
from modelbox.errors import UnavailableError
from modelbox.journal import adopt_abandoned
from modelbox.server.calls import Authorise, Behaviours
from modelbox.server.handlers import Handlers, StreamPool
from modelbox.server.observer import Observer
from modelbox.server.options import ServerOptions
from modelbox.server.servicers.changes import ChangeServicer
from modelbox.server.servicers.content import ContentServicer
from modelbox.server.servicers.logged import LoggedServicer
from modelbox.server.servicers.models import ModelServicer
from modelbox.server.servicers.objects import ObjectServicer
from modelbox.server.servicers.upstream import UpstreamServicer
from modelbox.server.servicers.upstream_files import UpstreamFileServicer
from modelbox.server.servicers.whole import WholeServicer
from modelbox.server.watching import Hub

_log = logging.getLogger("modelbox.server")

_PENDING = 20_000
"""Calls that grpc keeps while all threads are busy. By default it refuses some of 1,000 watchers that come back at once."""
_HANDSHAKE_MS = 20_000
_MIN_PING_MS = 10_000
_PING_MS = 60_000
_PONG_MS = 20_000
_POOLS_END_S = 1.0


def build_server(
    backend: ServedBackend,
    *,
    options: ServerOptions | None = None,
    authorise: Authorise | None = None,
    observer: Observer | None = None,
    version: str | None = None,
) -> ModelBoxServer:
    """A server of a backend, which is not started yet.

    Args:
        backend: What it serves; it is not closed with the server.
        options: Its limits.
        authorise: Tells the backend as a caller may use it; without it, everybody may do everything.
        observer: Is told about calls.
        version: What it says that it is; the version of modelbox-sdk when it is not given.
    """
    options = options or ServerOptions()
    version = version or importlib.metadata.version("modelbox-sdk")
    upstream = UpstreamServicer(backend)
    servicers = [
        ObjectServicer(backend),
        ModelServicer(),
        LoggedServicer(upstream.settle),
        ContentServicer(),
        ChangeServicer(),
        WholeServicer(options, version, upstream.settle),
        upstream,
        UpstreamFileServicer(),
    ]
    server = ModelBoxServer(backend, servicers, options, authorise or (lambda _: backend), observer or Observer())
    server.at_end(upstream.close)
    return server


class ModelBoxServer:
    """A server of one process. See :func:`build_server`.

    Attributes:
        grpc: grpc's server, for further services such as health; they are added before it is started.
    """

    def __init__(
        self, backend: ServedBackend, servicers: Sequence[Any], options: ServerOptions, authorise: Authorise, observer: Observer
    ) -> None:
        self._maintenance = _Maintenance(backend, options.maintain_every_s)
        self._streams = StreamPool(options.max_streams)
        self._threads = ThreadPoolExecutor(options.threads, thread_name_prefix="modelbox-call")
        self._behaviours = Behaviours(authorise, options, observer)
        self._hub = Hub(backend, options, observer.watchers_changed)
        handlers = Handlers(servicers, self._behaviours, options.role, self._streams, self._hub)
        self.grpc = grpc.server(self._threads, handlers=[handlers], options=_channel_arguments(options))
        self._at_stop: list[Callable[[], None]] = []
        self._at_end: list[Callable[[], None]] = []

    def at_stop(self, action: Callable[[], None]) -> None:
        """Do something when the server begins to stop, such as telling its health."""
        self._at_stop.append(action)

    def at_end(self, action: Callable[[], None]) -> None:
        """Do something when the last call has ended."""
        self._at_end.append(action)

    def start(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """Listen and answer.

        Args:
            address: Such as ``0.0.0.0:8085``; with port 0 the system chooses one.
            credentials: For TLS; without them everything is sent in clear.

        Returns:
            The port.

        Raises:
            UnavailableError: The address cannot be listened on.
        """
        try:
            port: int = self.grpc.add_secure_port(address, credentials) if credentials else self.grpc.add_insecure_port(address)
        except RuntimeError as error:
            raise UnavailableError(
                f"cannot listen on {address}: the port is taken, or the address is not of this machine"
            ) from error
        self._behaviours.start()
        self._maintenance.start()
        self._hub.start()
        self.grpc.start()
        return port

    def stop(self, grace_s: float = 8.0) -> None:
        """Take no more calls, end the watchers, let calls in flight finish, and cancel those that have not by then."""
        for action in self._at_stop:
            action()
        deadline = time.monotonic() + grace_s
        ended = self.grpc.stop(grace_s)
        self._hub.stop()
        ended.wait(max(0.0, deadline - time.monotonic()) + _POOLS_END_S)
        self._maintenance.stop()
        self._behaviours.stop()
        for pool in (self._threads, self._streams):
            pool.shutdown(wait=False, cancel_futures=True)
        for action in self._at_end:
            action()


class _Maintenance:
    """Gives the backend time for its work in the background, and delivers what processes left in the store that died."""

    def __init__(self, backend: Backend, every_s: float) -> None:
        self._backend = backend
        self._every_s = every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelbox-maintenance", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        # What takes long to import is imported now, when calls are answered already, and not by the first client with metrics.
        import modelbox.wire.points  # noqa: F401

        while True:
            try:
                self._deliver_left_journals()
                self._backend.maintain()
            except Exception:  # noqa: BLE001 - whatever it is, the next time may go well
                _log.exception("work in the background failed; it is tried again")
            if self._stopped.wait(self._every_s):
                return

    def _deliver_left_journals(self) -> None:
        """Deliver what servers that were killed, and embedded clients of the same folder, had acknowledged."""
        spool = self._backend.spool()
        if spool.shared and spool.folder is not None:
            adopt_abandoned(spool.folder, self._backend)


def _channel_arguments(options: ServerOptions) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", options.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", int(options.reuse_port)),
        ("grpc.server.max_pending_requests", _PENDING),
        ("grpc.server.max_pending_requests_hard_limit", 2 * _PENDING),
        # A connection on which nothing is said is closed. grpc would wait for two minutes.
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        # A client that vanished without a word is noticed.
        ("grpc.keepalive_time_ms", _PING_MS),
        ("grpc.keepalive_timeout_ms", _PONG_MS),
        ("grpc.http2.min_ping_interval_without_data_ms", _MIN_PING_MS),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
