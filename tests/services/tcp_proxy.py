"""A TCP proxy that delays, throttles, stalls, refuses and cuts, as it is told while it runs.

::

    with TcpProxy("127.0.0.1:8085") as proxy:
        client = ModelBoxClient(f"grpc://{proxy.address}")
        proxy.cut_after(1 << 20)     # one connection is reset when so many more bytes have gone to the server
        proxy.stalled = True         # connections stay open and carry nothing
        proxy.refusing = True        # new ones are reset at once
        proxy.reset()                # all that are open are reset now
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

_PIECE = 64 << 10
_TICK_S = 0.05


class TcpProxy:
    """Listens on a free port of loopback, and forwards each connection to a target.

    Attributes:
        address: ``host:port`` to connect to.
        target: Where connections lead; may be changed, as when a server comes back on another port.
        delay_s: How long each piece is held up before it goes on.
        bytes_per_s: How fast each direction of a connection is; None for as fast as it goes.
        stalled: Whether connections carry nothing.
        refusing: Whether new connections are reset.
        sent: Bytes that have gone to the target, of all connections.
        answered: Bytes that have come back.
        accepted: Connections so far.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None
        self.stalled = False
        self.refusing = False
        self.sent = 0
        self.answered = 0
        self.accepted = 0
        self._cuts: dict[bool, int | None] = {True: None, False: None}
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._accepting.start()

    def cut_after(self, count: int, *, answers: bool = False) -> None:
        """Reset the connection that carries the byte after so many more, to the target or, with ``answers``, back."""
        with self._lock:
            self._cuts[not answers] = (self.answered if answers else self.sent) + count

    def reset(self) -> None:
        """Reset all open connections."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.reset()

    @property
    def connections(self) -> int:
        """Connections that are open."""
        with self._lock:
            return len(self._links)

    def close(self) -> None:
        """Stop listening, and reset what is open."""
        self._closed = True
        self._accepting.join()
        self._listener.close()
        self.reset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._listener, selectors.EVENT_READ)
            while not self._closed:
                if waiting.select(_TICK_S):
                    with contextlib.suppress(OSError):
                        self._connect(self._listener.accept()[0])

    def _connect(self, client: socket.socket) -> None:
        self.accepted += 1
        host, _, port = self.target.rpartition(":")
        if self.refusing:
            _abort(client)
            return
        try:
            server = socket.create_connection((host, int(port)), timeout=5)
        except OSError:
            _abort(client)
            return
        server.settimeout(None)
        link = _Link(self, client, server)
        with self._lock:
            self._links.add(link)
        link.start()

    def _forget(self, link: _Link) -> None:
        with self._lock:
            self._links.discard(link)

    def _count(self, length: int, forward: bool) -> int:
        """Count bytes that are about to go on; how many of them may."""
        with self._lock:
            at = self.sent if forward else self.answered
            limit = self._cuts[forward]
            allowed = length if limit is None else min(length, limit - at)
            if allowed < length:
                self._cuts[forward] = None
            if forward:
                self.sent += allowed
            else:
                self.answered += allowed
            return allowed


class _Link:
    """One connection and the one that it is forwarded to."""

    def __init__(self, proxy: TcpProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._ends = (client, server)
        self._broken = False
        self._ended = 0
        for end in self._ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        client, server = self._ends
        for source, sink, forward in ((client, server, True), (server, client, False)):
            threading.Thread(target=self._pump, args=(source, sink, forward), name="proxy-pump", daemon=True).start()

    def reset(self) -> None:
        self._broken = True
        for end in self._ends:
            _abort(end)
        self._proxy._forget(self)

    def _pump(self, source: socket.socket, sink: socket.socket, forward: bool) -> None:
        proxy = self._proxy
        try:
            while data := source.recv(_PIECE):
                if proxy.delay_s:
                    time.sleep(proxy.delay_s)
                if proxy.bytes_per_s:
                    time.sleep(len(data) / proxy.bytes_per_s)
                while proxy.stalled and not self._broken:
                    time.sleep(_TICK_S)
                allowed = proxy._count(len(data), forward)
                sink.sendall(data[:allowed])
                if allowed < len(data):
                    self.reset()
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.reset()
        else:
            self._end()

    def _end(self) -> None:
        """Close when both directions have ended."""
        self._ended += 1
        if self._ended == len(self._ends):
            for end in self._ends:
                end.close()
            self._proxy._forget(self)


def _abort(end: socket.socket) -> None:
    """Close with a reset, so that the other side learns of it at once."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads from it
    end.close()
