"""The proxy that other tests break connections with."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from services.tcp_proxy import TcpProxy


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    """A proxy to a server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    def echo(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    with TcpProxy(f"127.0.0.1:{listener.getsockname()[1]}") as proxy:
        yield proxy
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def connect(proxy: TcpProxy) -> socket.socket:
    host, _, port = proxy.address.partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def until_cut(connection: socket.socket) -> bytes:
    """What comes before the connection breaks."""
    got = b""
    try:
        while data := connection.recv(100):
            got += data
    except ConnectionError:
        pass
    return got


def test_bytes_go_through_and_are_counted(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        connection.sendall(b"hello")
        assert connection.recv(100) == b"hello"
        assert (proxy.sent, proxy.answered, proxy.accepted, proxy.connections) == (5, 5, 1, 1)


@pytest.mark.parametrize("answers", [False, True])
def test_a_connection_is_cut_at_a_byte(proxy: TcpProxy, answers: bool) -> None:
    proxy.cut_after(3, answers=answers)
    with connect(proxy) as connection:
        connection.sendall(b"hello")
        assert until_cut(connection) in (b"", b"hel")
    with connect(proxy) as connection:
        connection.sendall(b"again")
        assert connection.recv(100) == b"again"


def test_what_is_stalled_goes_on_later_and_what_is_refused_does_not(proxy: TcpProxy) -> None:
    proxy.stalled = True
    with connect(proxy) as connection:
        connection.sendall(b"hello")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        proxy.stalled = False
        connection.settimeout(10)
        assert connection.recv(100) == b"hello"
        proxy.reset()
        assert until_cut(connection) == b""
    proxy.refusing = True
    with contextlib.suppress(ConnectionError), connect(proxy) as connection:  # the reset can come before connect() returns
        assert until_cut(connection) == b""
    assert proxy.accepted == 2
    assert proxy.connections == 0
