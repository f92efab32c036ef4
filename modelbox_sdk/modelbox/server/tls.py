"""Server-side TLS: credentials from files, which are read again when they change."""

from __future__ import annotations

import logging
import os
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelbox.errors import InvalidArgumentError
from modelbox.oserrors import storage_errors
from modelbox.server.configuration import ServerConfiguration

if TYPE_CHECKING:
    import grpc

_log = logging.getLogger("modelbox.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files.

    Attributes:
        cert: The server's certificate, with those between it and its root.
        key: Its private key.
        client_ca: Who must have signed the certificates of clients; None when clients need none.
    """

    cert: Path
    key: Path
    client_ca: Path | None


def server_credentials(configuration: ServerConfiguration) -> grpc.ServerCredentials | None:
    """The credentials that a configuration names; None when it names none.

    Raises:
        InvalidArgumentError: A file is missing, cannot be read or is not what it should be, or the key is of another certificate.
    """
    if not configuration.tls_cert:
        return None
    import grpc

    files = TlsFiles(
        cert=_file(configuration.tls_cert, "tls_cert"),
        key=_file(configuration.tls_key, "tls_key"),
        client_ca=_file(configuration.tls_client_ca, "tls_client_ca") if configuration.tls_client_ca else None,
    )
    source = _Reloading(files)
    credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
        source.configuration, source.changed, require_client_authentication=files.client_ca is not None
    )
    return credentials


def _file(path: str, key: str) -> Path:
    found = Path(path).expanduser()
    if not found.is_file():
        raise InvalidArgumentError(f"{key} is {path!r}, and there is no such file")
    return found


class _Reloading:
    """What the files say. grpc asks before each handshake, in threads of its own, whether it has changed."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._seen = self._stamps()
        self.configuration = _read(files)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The new configuration, when the files are others than the last time and can be used."""
        with self._lock:
            try:
                stamps = self._stamps()
                if stamps == self._seen:
                    return None
                self._seen = stamps
                found = _read(self._files)
            except (OSError, InvalidArgumentError) as error:
                _log.warning("the certificate has changed and cannot be used; the old one stays: %s", error)
                return None
            _log.info("the certificate has changed and is used from now on")
            return found

    def _stamps(self) -> list[tuple[int, int, int]]:
        named = [path for path in (self._files.cert, self._files.key, self._files.client_ca) if path is not None]
        return [(found.st_mtime_ns, found.st_size, found.st_ino) for found in map(os.stat, named)]


def _read(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    import grpc

    with storage_errors("read", str(files.key)):
        pair = (files.key.read_bytes(), files.cert.read_bytes())
        client_ca = files.client_ca.read_bytes() if files.client_ca else None
    _check(files)
    return grpc.ssl_server_certificate_configuration([pair], client_ca)


def _check(files: TlsFiles) -> None:
    """Say what is wrong with the files, which grpc tells nobody but its own log."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.cert, files.key, password=_no_password)
    except ssl.SSLError as error:
        raise InvalidArgumentError(
            f"tls_cert {files.cert} and tls_key {files.key} are not a certificate and its key in PEM: {error.reason or error}"
        ) from error
    if files.client_ca is None:
        return
    try:
        context.load_verify_locations(files.client_ca)
    except ssl.SSLError as error:
        raise InvalidArgumentError(f"tls_client_ca {files.client_ca} holds no certificates in PEM: {error.reason}") from error


def _no_password() -> str:
    raise InvalidArgumentError("tls_key is encrypted; a server needs a key without a password")
