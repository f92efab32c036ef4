"""Transfers that go past the server, with signed URLs: who is trusted, and what breaks."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from modelbox.backends.base import SourceFile
from modelbox.backends.remote import storage
from modelbox.backends.remote.backend import RemoteBackend
from modelbox.backends.remote.direct import send_parts
from modelbox.errors import ChecksumError, ConflictError, InvalidArgumentError, NotFoundError
from modelbox.hashing import digest_of
from modelbox.stores.files import ObjectFiles
from modelbox.wire import service_pb2 as pb
from services.server_process import ServerProcess
from services.tcp_proxy import TcpProxy

pytestmark = pytest.mark.s3

MIB = 1 << 20
CONTENT = os.urandom(9 * MIB)
OTHER = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])


@pytest.fixture(scope="module")
def cable(s3_server: str) -> Iterator[TcpProxy]:
    """What clients and the server reach the storage through."""
    with TcpProxy(urlsplit(s3_server).netloc) as cable:
        yield cable


@pytest.fixture(scope="module")
def server(cable: TcpProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    bucket = {"bucket": "modelbox-test", "prefix": os.urandom(8).hex(), "endpoint": f"http://{cable.address}"}
    with ServerProcess(
        tmp_path_factory.mktemp("server"), artifact_storage="s3", artifact_storage_s3=bucket | {"region": "us-east-1"}
    ) as server:
        yield server


@pytest.fixture
def way(server: ServerProcess) -> Iterator[TcpProxy]:
    """What clients reach the server through."""
    with TcpProxy(server.address) as way:
        yield way


@pytest.fixture
def backend(way: TcpProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteBackend]:
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setattr(storage, "_avoided_until", 0.0)
    with closing(RemoteBackend(f"grpc://{way.address}")) as backend:
        yield backend


@pytest.fixture
def owner(backend: RemoteBackend) -> Iterator[str]:
    id = backend.create_experiment(name=os.urandom(8).hex(), namespace="n", owner="o")[0].id
    yield id
    backend.delete(id)
    backend.collect_garbage()


def source(content: bytes, path: str = "file") -> SourceFile:
    return SourceFile(path=path, size=len(content), digest=digest_of(content), content_type="x", open=lambda: io.BytesIO(content))


def begin(backend: RemoteBackend, owner: str, content: bytes) -> pb.DirectUpload:
    file = pb.NewFile(path="file", size=len(content), digest=digest_of(content))
    request = pb.BeginUploadRequest(object_id=owner, name="art", files=[file], direct=True)
    (missing,) = backend._calls.unary("BeginUpload", request).missing
    assert missing.HasField("direct")
    return missing.direct


def finish(backend: RemoteBackend, owner: str, content: bytes, direct: pb.DirectUpload, etags: list[str]) -> None:
    request = pb.FinishDirectUploadRequest(
        object_id=owner, digest=digest_of(content), size=len(content), upload_id=direct.upload_id, etags=etags
    )
    backend._calls.unary("FinishDirectUpload", request)


def test_content_goes_past_the_server(backend: RemoteBackend, owner: str, way: TcpProxy) -> None:
    reported: list[int] = []
    record = backend.put_artifact(owner, "art", [source(CONTENT), source(b"small", "small")], reported.append)
    assert sum(reported) == len(CONTENT) + 5
    with backend.open_file(record.files[0]) as stream:
        assert stream.read() == CONTENT
        stream.seek(5 * MIB)
        assert stream.read(10) == CONTENT[5 * MIB : 5 * MIB + 10]
    again = backend.put_artifact(owner, "again", [source(CONTENT)])
    assert again.files[0].blob == record.files[0].blob
    assert way.sent + way.answered < MIB


def test_other_bytes_than_announced_are_refused_and_never_served(backend: RemoteBackend, owner: str) -> None:
    direct = begin(backend, owner, CONTENT)
    etags = send_parts(source(OTHER), direct, lambda _: None)
    with pytest.raises(ChecksumError):
        finish(backend, owner, CONTENT, direct, etags)
    assert begin(backend, owner, CONTENT).upload_id != direct.upload_id
    file = pb.NewFile(path="file", size=len(CONTENT), digest=digest_of(CONTENT))
    request = pb.CommitUploadRequest(object_id=owner, name="art", files=[file])
    assert not backend._calls.unary("CommitUpload", request).HasField("artifact")
    with pytest.raises((ChecksumError, ConflictError)):
        finish(backend, owner, CONTENT, direct, etags)
    assert backend.collect_garbage(dry_run=True).blobs == 0


def test_nothing_replaces_content_that_others_have(backend: RemoteBackend, owner: str) -> None:
    direct = begin(backend, owner, CONTENT)
    etags = send_parts(source(OTHER), direct, lambda _: None)
    record = backend.put_artifact(owner, "honest", [source(CONTENT)])
    with pytest.raises(ChecksumError):
        finish(backend, owner, CONTENT, direct, etags)
    for url in direct.urls:
        assert requests.put(url, data=OTHER, timeout=30).status_code >= 400
    with backend.open_file(record.files[0]) as stream:
        assert stream.read() == CONTENT


def test_a_finished_upload_may_be_finished_again(backend: RemoteBackend, owner: str) -> None:
    direct = begin(backend, owner, CONTENT)
    etags = send_parts(source(CONTENT), direct, lambda _: None)
    for _ in range(2):
        finish(backend, owner, CONTENT, direct, etags)
    later = begin(backend, owner, OTHER)
    finish(backend, owner, OTHER, later, send_parts(source(OTHER), later, lambda _: None))
    record = backend.put_artifact(owner, "art", [source(CONTENT)])
    with backend.open_file(record.files[0]) as stream:
        assert stream.read() == CONTENT


def test_two_uploads_of_the_same_content_leave_one(backend: RemoteBackend, owner: str) -> None:
    first, second = begin(backend, owner, CONTENT), begin(backend, owner, CONTENT)
    for direct in (first, second):
        finish(backend, owner, CONTENT, direct, send_parts(source(CONTENT), direct, lambda _: None))
    backend.put_artifact(owner, "art", [source(CONTENT)])
    assert backend.collect_garbage(dry_run=True).blobs == 0


def test_what_is_collected_before_it_is_committed_is_sent_again(backend: RemoteBackend, owner: str) -> None:
    direct = begin(backend, owner, CONTENT)
    finish(backend, owner, CONTENT, direct, send_parts(source(CONTENT), direct, lambda _: None))
    assert backend.collect_garbage().blobs == 1
    record = backend.put_artifact(owner, "art", [source(CONTENT)])
    backend.collect_garbage()
    with backend.open_file(record.files[0]) as stream:
        assert stream.read() == CONTENT


def test_uploads_that_cannot_be_finished(backend: RemoteBackend, owner: str) -> None:
    direct = begin(backend, owner, CONTENT)
    with pytest.raises(ConflictError, match="all parts"):
        finish(backend, owner, CONTENT, direct, ["wrong"])
    with pytest.raises(ConflictError, match="all parts"):
        finish(backend, owner, CONTENT, direct, [])
    for upload_id in ("", "x", "0-0123456789abcdef-", f"{direct.upload_id}\n", f"../{direct.upload_id}"):
        with pytest.raises(InvalidArgumentError):
            finish(backend, owner, CONTENT, pb.DirectUpload(upload_id=upload_id), ["wrong"])
    with pytest.raises(NotFoundError):
        finish(backend, "nowhere", CONTENT, direct, ["wrong"])


def test_tampered_and_expired_urls_fail_without_telling_secrets(
    backend: RemoteBackend, owner: str, cable: TcpProxy, s3_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    direct = begin(backend, owner, CONTENT)
    direct.urls[0] = direct.urls[0].replace("partNumber=1", "partNumber=2")
    with pytest.raises(storage.StorageError) as tampered:
        send_parts(source(CONTENT), direct, lambda _: None)
    with closing(ObjectFiles(s3_url)) as files, storage.open_session(1) as session:
        files.write("secret", b"content")
        url = files.sign("secret", "get_object", 1)
        with storage.request(session, "GET", url) as response:
            assert response.content == b"content"
        time.sleep(2.1)
        with pytest.raises(storage.StorageError) as expired:
            storage.request(session, "GET", url)
    for caught in (tampered, expired):
        assert not caught.value.passing
        assert "403" in str(caught.value)
        assert "X-Amz" not in str(caught.getrepr(chain=True, showlocals=False))
    assert "GET" in caplog.text
    of_requests = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("urllib3"))
    assert "X-Amz" not in of_requests


def test_an_upload_whose_connections_to_the_storage_break(backend: RemoteBackend, owner: str, cable: TcpProxy) -> None:
    cable.cut_after(3 * MIB)
    before = cable.sent
    record = backend.put_artifact(owner, "art", [source(CONTENT)])
    assert cable.sent - before > len(CONTENT)
    with backend.open_file(record.files[0]) as stream:
        assert stream.read() == CONTENT


def test_a_download_whose_connections_to_the_storage_break(backend: RemoteBackend, owner: str, cable: TcpProxy) -> None:
    content = os.urandom(24 * MIB)
    record = backend.put_artifact(owner, "art", [source(content)])
    before = cable.answered
    cable.cut_after(10 * MIB, answers=True)
    with backend.open_file(record.files[0]) as stream:
        assert stream.read() == content
    assert len(content) < cable.answered - before < len(content) + 12 * MIB


def test_storage_that_only_the_server_reaches(
    backend: RemoteBackend, owner: str, way: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TcpProxy("127.0.0.1:9") as nowhere, contextlib.suppress(OSError):
        address = nowhere.address
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
    monkeypatch.setenv("no_grpc_proxy", "127.0.0.1")
    record = backend.put_artifact(owner, "art", [source(CONTENT)])
    assert way.sent > len(CONTENT)
    assert not storage.is_reachable()
    with backend.open_file(record.files[0]) as stream:
        assert stream.read() == CONTENT
    assert way.answered > len(CONTENT)
