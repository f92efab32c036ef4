"""Addresses that a server listens on."""

from __future__ import annotations

from modelbox.errors import InvalidArgumentError


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
