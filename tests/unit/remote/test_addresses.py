"""Addresses of servers, and what is asked for with them."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from modelbox import InvalidArgumentError, ModelBoxClient
from modelbox.backends.remote.address import parse_address

SECRET = "mbx_do-not-show-me"


@pytest.mark.parametrize(
    ("uri", "canonical"),
    [
        ("grpc://host:8085", "grpc://host:8085"),
        ("grpc://host", "grpc://host:8085"),
        ("grpc://Host.Example:99/", "grpc://host.example:99"),
        ("grpcs://a:1,b:2", "grpcs://a:1,b:2"),
        ("grpc://a:1, a:1,b", "grpc://a:1,b:8085"),
        ("host:8085", "grpc://host:8085"),
        ("127.0.0.1:8085", "grpc://127.0.0.1:8085"),
        ("grpc://[::1]:8085", "grpc://[::1]:8085"),
        ("[fe80::1]:99", "grpc://[fe80::1]:99"),
    ],
)
def test_addresses(uri: str, canonical: str) -> None:
    assert str(parse_address(uri)) == canonical
    with ModelBoxClient(uri) as client:  # which calls nobody yet
        assert client.health().backend == f"ModelBox server at {canonical}"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("grpc://", "because of ''"),
        ("grpc://:8085", "because of ':8085'"),
        ("grpc://host:", "the port '' is not one of 1 to 65535"),
        ("grpc://host:0", "the port '0' is not"),
        ("grpc://host:65536", "the port '65536' is not"),
        ("grpc://host:http", "the port 'http' is not"),
        ("grpc://a:1,,b:2", "because of ''"),
        ("grpc://ho st:1", "because of 'ho st:1'"),
        ("grpc://host:1/path", "the port '1/path' is not"),
        ("grpc://::1:8085", "because of '::1:8085'"),
    ],
)
def test_no_addresses(uri: str, reason: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        ModelBoxClient(uri)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_spool_of_a_server_is_the_same_however_it_is_written() -> None:
    keys = {parse_address(uri).key for uri in ("grpc://a:1,b:2", "grpcs://B:2,a:1", "a:1,b:2")}
    assert len(keys) == 1
    assert parse_address("grpc://a:1").key not in keys


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidArgumentError, match="has no user in it") as caught:
        ModelBoxClient(f"grpc://me:{SECRET}@host:8085")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("token", ["", " ", f"{SECRET}\n{SECRET}", f"{SECRET}-ä"])
def test_a_token_that_no_header_can_carry_is_not_shown(token: str) -> None:
    with pytest.raises(InvalidArgumentError, match="the token cannot be sent") as caught:
        ModelBoxClient("grpc://localhost:1", token=token)
    assert SECRET not in str(caught.value)


def test_a_token_that_others_could_read_is_warned_of_once() -> None:
    with pytest.warns(RuntimeWarning, match=r"sent to grpc://far.example:1 unencrypted.*use grpcs://") as caught:
        ModelBoxClient("grpc://far.example:1", token=SECRET).close()
    assert SECRET not in str(caught[0].message)
    ModelBoxClient("grpc://far.example:1", token=SECRET).close()  # warnings are errors here


@pytest.mark.parametrize("uri", ["grpcs://far.example:1", "grpc://localhost:1", "grpc://127.0.0.1:1,[::1]:2"])
def test_other_tokens_are_not_warned_of(uri: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ModelBoxClient(uri, token=SECRET).close()


def test_the_token_stands_nowhere_to_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_TOKEN", SECRET)
    with ModelBoxClient("grpc://localhost:1") as client:
        assert SECRET not in repr(client) + repr(client._backend) + str(client.health())


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "file.pem"
    file.write_text("nonsense")
    pem = tmp_path / "pem.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----")
    with pytest.raises(InvalidArgumentError, match="certificates are for TLS"):
        ModelBoxClient("grpc://localhost:1", ca_cert=file)
    with pytest.raises(InvalidArgumentError, match=r"ca_cert '.*missing' cannot be read: No such file"):
        ModelBoxClient("grpcs://localhost:1", ca_cert=tmp_path / "missing")
    with pytest.raises(InvalidArgumentError, match=r"client_key '.*file.pem' is not in PEM"):
        ModelBoxClient("grpcs://localhost:1", client_cert=pem, client_key=file)
    with pytest.raises(InvalidArgumentError, match="client_cert and client_key go together"):
        ModelBoxClient("grpcs://localhost:1", client_cert=file)
    with pytest.raises(InvalidArgumentError, match="a ca_cert is for a server"):
        ModelBoxClient("memory://", ca_cert=file)
    with pytest.raises(InvalidArgumentError, match="a token is for a server"):
        ModelBoxClient("memory://", token="x")


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf"])
def test_a_bound_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MODELBOX_RETRY_S", value)
    with pytest.raises(InvalidArgumentError, match=f"MODELBOX_RETRY_S is '{value}'"):
        ModelBoxClient("grpc://localhost:1")


def test_offline_a_local_store_takes_the_place_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_OFFLINE_STORE", str(tmp_path / "store"))
    with ModelBoxClient("grpc://nowhere.example:1", offline=True, token="x") as client:
        exp = client.create_experiment("e")
        exp.log_metrics({"loss": 0.5})
    with ModelBoxClient(tmp_path / "store", offline=True) as client:
        assert len(client.get_experiment(exp.id).metrics()) == 1
