"""Which backend is behind a client."""

from __future__ import annotations

import os
from typing import NamedTuple, TypeAlias

from modelbox import settings
from modelbox.backends.base import Backend
from modelbox.errors import InvalidArgumentError

_Path: TypeAlias = "str | os.PathLike[str]"


class Credentials(NamedTuple):
    """What a caller gave to be trusted by a server, and to trust it; see ``ModelBoxClient``."""

    token: str | None = None
    ca_cert: _Path | None = None
    client_cert: _Path | None = None
    client_key: _Path | None = None


def open_backend(place: str, credentials: Credentials, *, offline: bool) -> Backend:
    """The backend for a URI, without calling a server.

    Args:
        place: A store, or the addresses of servers.
        credentials: For a server.
        offline: Whether to take a local store in place of a server.

    Raises:
        InvalidArgumentError: The place cannot be used, or not with these credentials.
    """
    if settings.is_server(place):
        return _open_store(settings.offline_store()) if offline else _connect(place, credentials)
    for name, value in credentials._asdict().items():
        if value is not None:
            raise InvalidArgumentError(f"a {name} is for a server; an embedded store is protected by its storage")
    return _open_store(place)


def _open_store(uri: str) -> Backend:
    from modelbox.backends.inprocess import open_store

    return open_store(uri)


def _connect(uri: str, credentials: Credentials) -> Backend:
    from modelbox.backends.remote import RemoteBackend, read_tls_options

    tls = None
    if uri.startswith("grpcs://"):
        tls = read_tls_options(
            credentials.ca_cert or settings.ca_cert(),
            credentials.client_cert or settings.client_cert(),
            credentials.client_key or settings.client_key(),
        )
    elif credentials.ca_cert or credentials.client_cert or credentials.client_key:
        raise InvalidArgumentError(f"certificates are for TLS, which {uri!r} does not ask for; write grpcs://host:port")
    token = settings.token() if credentials.token is None else credentials.token
    return RemoteBackend(uri, token=token, tls=tls)
