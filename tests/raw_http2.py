"""gRPC calls frame by frame, over bare sockets: cheap enough for thousands of them, and able to misbehave.

Only what the tests need of HTTP/2 (RFC 9113) is here: headers without compression, and no flow control of its own. A call that does
not read stops its server by the window of 64 KiB, as any slow reader does.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Self

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK, END_STREAM, END_HEADERS = 1, 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def message(data: bytes) -> bytes:
    """A message as gRPC frames it inside a stream."""
    return struct.pack(">BI", 0, len(data)) + data


def headers(path: str, *more: tuple[str, str]) -> bytes:
    """The headers of a call, each a literal."""
    fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *more,
    ]
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _text(text: str) -> bytes:
    data = text.encode()
    assert len(data) < 127, "longer ones need another form of length"
    return bytes([len(data)]) + data


class RawConnection:
    """A connection.

    Args:
        port: Of a server on this machine.
        opening: What is sent at once.
    """

    def __init__(self, port: int, opening: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._unread = b""
        self.socket.sendall(opening)

    def grant(self, size: int) -> None:
        """Let the server send so many bytes more on all streams together."""
        self.socket.sendall(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", size)))

    def frames(self) -> Iterator[tuple[int, int, bytes]]:
        """Read once from the socket; the frames of calls that are whole now. What the protocol wants is answered."""
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        self._unread += data
        while len(self._unread) >= 9:
            end = 9 + int.from_bytes(self._unread[:3])
            if len(self._unread) < end:
                return
            kind, flags, payload = self._unread[3], self._unread[4], self._unread[9:end]
            self._unread = self._unread[end:]
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.socket.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
            elif kind in (DATA, HEADERS, RST_STREAM):
                yield kind, flags, payload

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RawCall(RawConnection):
    """A call on a connection of its own.

    Args:
        port: Of a server on this machine.
        method: Name of the call.
        request: The serialised request; None sends nothing after the headers, and leaves the call open.
    """

    def __init__(self, port: int, method: str, request: bytes | None) -> None:
        opening = PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, headers(f"/modelbox.ModelStore/{method}"))
        if request is not None:
            opening += frame(DATA, END_STREAM, 1, message(request))
        super().__init__(port, opening)
