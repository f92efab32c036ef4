"""Addresses that a server listens on."""

from __future__ import annotations

import socket
from typing import Any

from modelbox.errors import InvalidArgumentError, UnavailableError


def parse_address(text: str) -> tuple[str, int]:
    """The host and the port of ``host:port``; of ``:port``, which means all interfaces, the host is empty.

    Raises:
        InvalidArgumentError: It is not an address.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise InvalidArgumentError(f"{text!r} is not host:port; write an IPv6 address as [::1]:port")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise InvalidArgumentError(f"{text!r} is not host:port, such as ':8085' or '127.0.0.1:8085'")
    return host, int(port)


def format_address(host: str, port: int) -> str:
    """What :func:`parse_address` reads; all interfaces when there is no host."""
    host = host or "::"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class PortReservation:
    """Holds a port for the processes that are going to share it.

    The socket is bound and never listens, so it is given no connections. No other server can be on the port, not even one that
    would share it.

    Args:
        address: As :func:`parse_address` reads it; with port 0 the system chooses one.

    Raises:
        UnavailableError: The address cannot be had.
    """

    def __init__(self, address: str) -> None:
        host, port = parse_address(address)
        try:
            self._socket = _bound(host, port)
        except OSError as error:
            raise UnavailableError(f"cannot listen on {address}: {error.strerror or error}") from error
        self.port: int = self._socket.getsockname()[1]
        self.address = format_address(host, self.port)

    def close(self) -> None:
        """Let go of it. Idempotent."""
        self._socket.close()


def _bound(host: str, port: int) -> socket.socket:
    if host:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    else:
        family, where = (socket.AF_INET6, ("::", port)) if socket.has_dualstack_ipv6() else (socket.AF_INET, ("0.0.0.0", port))  # noqa: S104
    if port:
        _open(family, where, share=False).close()  # fails when somebody listens there
    return _open(family, where, share=True)


def _open(family: int, where: Any, *, share: bool) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and where[0] == "::":
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        opened.bind(where)
    except BaseException:
        opened.close()
        raise
    return opened
