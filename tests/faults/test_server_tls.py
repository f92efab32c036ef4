"""Servers that speak TLS, with certificates that are right, wrong and renewed."""

from __future__ import annotations

import shutil
import socket
import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509

import modelbox
from modelbox import InvalidArgumentError
from modelbox.server.configuration import ServerConfiguration
from modelbox.server.tls import server_credentials
from services.certificates import Authority, Issued
from services.server_process import ServerProcess

WAIT_S = 20.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("server")


def tls(issued: Issued, **more: Any) -> dict[str, Any]:
    return {"tls_cert": str(issued.cert), "tls_key": str(issued.key), **more}


def shown_by(server: ServerProcess) -> int:
    """The serial number of the certificate that a server shows to a new connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), WAIT_S) as plain, context.wrap_socket(plain) as secured:
        found = secured.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found).serial_number


def serial(issued: Issued) -> int:
    return x509.load_pem_x509_certificate(issued.cert.read_bytes()).serial_number


def test_clients_that_trust_the_authority_connect(
    tmp_path: Path, authority: Authority, issued: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELBOX_RETRY_S", "0.1")
    other = Authority(tmp_path, "other")
    with ServerProcess(tmp_path, **tls(issued)) as server:
        uri = f"grpcs://{server.address}"
        with modelbox.ModelBoxClient(uri, ca_cert=authority.cert) as client:
            assert client.create_experiment("run").id
        for address, trusted in ((uri, {}), (uri, {"ca_cert": other.cert}), (server.uri, {})):
            with modelbox.ModelBoxClient(address, **trusted) as stranger, pytest.raises(modelbox.UnavailableError):
                stranger.list_experiments()


def test_clients_show_certificates_too(
    tmp_path: Path, authority: Authority, issued: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELBOX_RETRY_S", "0.1")
    clients = Authority(tmp_path, "clients")
    known, unknown = clients.issue("known"), authority.issue("unknown")
    with ServerProcess(tmp_path, workers=2, **tls(issued, tls_client_ca=str(clients.cert))) as server:
        assert "whoever has a certificate of tls_client_ca can read and write" in server.log.read_text()
        trusted: dict[str, Any] = {"uri": f"grpcs://{server.address}", "ca_cert": authority.cert}
        with modelbox.ModelBoxClient(**trusted, client_cert=known.cert, client_key=known.key) as client:
            assert client.create_experiment("run").id
        for shown in ({}, {"client_cert": unknown.cert, "client_key": unknown.key}):
            with modelbox.ModelBoxClient(**trusted, **shown) as stranger, pytest.raises(modelbox.UnavailableError):
                stranger.list_experiments()


def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path, authority: Authority) -> None:
    first, second = authority.issue("first"), authority.issue("second")
    current = Issued(tmp_path / "current.pem", tmp_path / "current.key")
    shutil.copy(first.cert, current.cert)
    shutil.copy(first.key, current.key)
    with ServerProcess(tmp_path, **tls(current)) as server:
        assert shown_by(server) == serial(first)
        shutil.copy(second.cert, current.cert)  # half of it: a key of another certificate
        assert shown_by(server) == serial(first)
        shutil.copy(second.key, current.key)
        assert shown_by(server) == serial(second)
        current.cert.unlink()
        assert shown_by(server) == serial(second)
        assert "cannot be used; the old one stays" in server.log.read_text()


@pytest.mark.parametrize(
    ("key", "place", "told"),
    [
        ("tls_cert", "missing.pem", "tls_cert is"),
        ("tls_key", "missing.key", "tls_key is"),
        ("tls_client_ca", "missing.pem", "tls_client_ca is"),
        ("tls_cert", "text", "are not a certificate and its key in PEM"),
        ("tls_key", "other.key", "are not a certificate and its key in PEM"),
        ("tls_key", "secret.key", "tls_key is encrypted"),
        ("tls_client_ca", "text", "holds no certificates in PEM"),
    ],
)
def test_wrong_files_are_told(tmp_path: Path, authority: Authority, issued: Issued, key: str, place: str, told: str) -> None:
    (tmp_path / "text").write_text("no certificate")
    shutil.copy(authority.issue("other").key, tmp_path / "other.key")
    shutil.copy(authority.issue("secret", password=b"secret").key, tmp_path / "secret.key")
    files = tls(issued, tls_client_ca=str(authority.cert)) | {key: str(tmp_path / place)}
    with pytest.raises(InvalidArgumentError, match=told) as caught:
        server_credentials(ServerConfiguration(**files))
    assert place in str(caught.value) or "encrypted" in told


def test_without_certificates_there_is_no_tls() -> None:
    assert server_credentials(ServerConfiguration()) is None


def test_right_files_make_credentials(issued: Issued) -> None:
    assert isinstance(server_credentials(ServerConfiguration(**tls(issued))), grpc.ServerCredentials)
