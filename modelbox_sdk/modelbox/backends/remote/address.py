"""Where a server is, and how it is spoken to."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from modelbox.errors import InvalidArgumentError

DEFAULT_PORT = 8085
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+(%\w+)?\]")
_EXAMPLE = "write grpc://host:port, or grpc://host1:port,host2:port for several servers of one store; grpcs:// for TLS"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One server, or several of the same store.

    Attributes:
        hosts: ``host:port`` of each.
        secure: Whether TLS is spoken.
    """

    hosts: tuple[str, ...]
    secure: bool

    def __str__(self) -> str:
        return f"{'grpcs' if self.secure else 'grpc'}://{','.join(self.hosts)}"

    @property
    def key(self) -> str:
        """Names the servers in the file system: the same whatever the order, and with TLS or without."""
        return hashlib.sha256(",".join(sorted(self.hosts)).encode()).hexdigest()[:16]

    @property
    def is_local(self) -> bool:
        """Whether all of them are on this machine, as far as the names tell."""
        return all(_is_loopback(host.rpartition(":")[0]) for host in self.hosts)


def parse_address(uri: str) -> ServerAddress:
    """Understand ``grpc://host:port[,host:port...]``, the same with ``grpcs://``, or ``host:port`` alone.

    The port is 8085 where none is given.

    Raises:
        InvalidArgumentError: It is none of these.
    """
    scheme, separator, rest = uri.rpartition("://")
    if separator and scheme not in ("grpc", "grpcs"):
        raise InvalidArgumentError(f"{uri!r} is not the address of a server: {_EXAMPLE}")
    if "@" in rest:  # not shown: what stands before it may be a password
        raise InvalidArgumentError(
            f"the address of a server has no user in it; give the token as an argument, or as $MODELBOX_TOKEN: {_EXAMPLE}"
        )
    hosts = [_parse_host(uri, part.strip()) for part in rest.removesuffix("/").split(",")]
    return ServerAddress(tuple(dict.fromkeys(hosts)), secure=scheme == "grpcs")


def _parse_host(uri: str, text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(DEFAULT_PORT)
    if not _HOST.fullmatch(host):
        raise InvalidArgumentError(f"{uri!r} is not the address of a server, because of {text!r}: {_EXAMPLE}")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise InvalidArgumentError(f"{uri!r} is not the address of a server: the port {port!r} is not one of 1 to 65535")
    return f"{host.lower()}:{int(port)}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TlsOptions:
    """What TLS needs besides the address. Certificates and keys are in PEM.

    Attributes:
        ca_cert: Certificates of who vouches for the server; None for those of the system.
        client_cert: What this client shows to the server, with the chain that it needs.
        client_key: The private key of it.
    """

    ca_cert: bytes | None = None
    client_cert: bytes | None = None
    client_key: bytes | None = None


def read_tls_options(
    ca_cert: str | os.PathLike[str] | None, client_cert: str | os.PathLike[str] | None, client_key: str | os.PathLike[str] | None
) -> TlsOptions:
    """Read the files that TLS needs.

    Raises:
        InvalidArgumentError: One cannot be read, or a certificate comes without its key.
    """
    if (client_cert is None) != (client_key is None):
        raise InvalidArgumentError("client_cert and client_key go together: give both, or neither")
    return TlsOptions(
        ca_cert=_read("ca_cert", ca_cert), client_cert=_read("client_cert", client_cert), client_key=_read("client_key", client_key)
    )


def _read(what: str, path: str | os.PathLike[str] | None) -> bytes | None:
    if path is None:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgumentError(f"{what} {os.fspath(path)!r} cannot be read: {error.strerror}") from error
    if b"-----BEGIN" not in data:
        raise InvalidArgumentError(f"{what} {os.fspath(path)!r} is not in PEM: it has no line that begins with -----BEGIN")
    return data
