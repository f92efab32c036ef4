"""Transfers between a client and a server whose connections break, and a server that dies."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pytest

from modelbox.backends.base import SourceFile
from modelbox.backends.remote.backend import RemoteBackend
from modelbox.errors import ChecksumError, NotFoundError, UnavailableError
from modelbox.hashing import digest_of
from modelbox.records import ArtifactRecord
from services.server_process import ServerProcess
from services.tcp_proxy import TcpProxy

MIB = 1 << 20
ON_THE_WAY = 12 * MIB
"""What a connection that breaks may lose: buffers of the kernel, of grpc and of the proxy."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[TcpProxy]:
    with TcpProxy(server.address) as proxy:
        yield proxy


@pytest.fixture
def backend(proxy: TcpProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteBackend]:
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
    with closing(RemoteBackend(f"grpc://{proxy.address}")) as backend:
        yield backend


@pytest.fixture
def owner(backend: RemoteBackend) -> str:
    return backend.create_experiment(name=os.urandom(8).hex(), namespace="n", owner="o")[0].id


def source(content: bytes, path: str = "file", opened: Callable[[], BinaryIO] | None = None) -> SourceFile:
    return SourceFile(
        path=path,
        size=len(content),
        digest=digest_of(content),
        content_type="application/octet-stream",
        open=opened or (lambda: io.BytesIO(content)),
    )


def content_of(backend: RemoteBackend, record: ArtifactRecord) -> bytes:
    (file,) = record.files
    with backend.open_file(file) as stream:
        return stream.read()


class Noticing(io.BytesIO):
    """A source that does something once, when it has been read so far."""

    def __init__(self, content: bytes, at: int, action: Callable[[], object]) -> None:
        super().__init__(content)
        self._at = at
        self._action: Callable[[], object] | None = action

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._action is not None and self.tell() >= self._at:
            action, self._action = self._action, None
            action()
        return super().readinto(buffer)


def test_an_upload_goes_on_where_it_was_cut(backend: RemoteBackend, owner: str, proxy: TcpProxy) -> None:
    content = os.urandom(40 * MIB)
    reported: list[int] = []
    before = proxy.sent
    proxy.cut_after(25 * MIB)
    record = backend.put_artifact(owner, "art", [source(content)], reported.append)
    assert sum(reported) == len(content)
    assert len(content) < proxy.sent - before < len(content) + ON_THE_WAY
    assert content_of(backend, record) == content


def test_an_upload_survives_many_cuts(backend: RemoteBackend, owner: str, proxy: TcpProxy) -> None:
    content = os.urandom(24 * MIB)
    done = threading.Event()

    def cut() -> None:
        while not done.wait(0.15):
            proxy.reset()

    cutting = threading.Thread(target=cut)
    cutting.start()
    try:
        proxy.bytes_per_s = 60 * MIB
        record = backend.put_artifact(owner, "art", [source(content)])
    finally:
        done.set()
        cutting.join()
    proxy.bytes_per_s = None
    assert content_of(backend, record) == content


def test_small_files_that_arrived_are_not_sent_again(backend: RemoteBackend, owner: str, proxy: TcpProxy) -> None:
    contents = [os.urandom(8192) for _ in range(1000)]
    files = [source(content, f"folder/{number}") for number, content in enumerate(contents)]
    before = proxy.sent
    proxy.cut_after(7 * MIB)
    proxy.bytes_per_s = 10 * MIB  # what waits in the server for its disk when the connection breaks has not arrived
    record = backend.put_artifact(owner, "art", files)
    assert 8 * MIB < proxy.sent - before < 13 * MIB
    by_path = {file.path: file for file in record.files}
    assert len(by_path) == 1000
    with backend.open_file(by_path["folder/7"]) as stream:
        assert stream.read() == contents[7]


def test_a_download_goes_on_where_it_was_cut(backend: RemoteBackend, owner: str, proxy: TcpProxy) -> None:
    content = os.urandom(40 * MIB)
    record = backend.put_artifact(owner, "art", [source(content)])
    before = proxy.answered
    proxy.cut_after(25 * MIB, answers=True)
    assert content_of(backend, record) == content
    assert len(content) < proxy.answered - before < len(content) + ON_THE_WAY


def test_reading_here_and_there_while_connections_break(backend: RemoteBackend, owner: str, proxy: TcpProxy) -> None:
    content = os.urandom(5 * MIB)
    record = backend.put_artifact(owner, "art", [source(content)])
    with backend.open_file(record.files[0]) as stream:
        for number, at in enumerate((0, 4 * MIB, 17, 17, 2 * MIB, 2 * MIB + 5000, len(content) - 3, len(content), 1)):
            stream.seek(at)
            assert stream.read(1000) == content[at : at + 1000]
            if number % 3 == 2:
                proxy.reset()
        assert stream.seek(-5, os.SEEK_END) == len(content) - 5
        assert stream.read() == content[-5:]
        assert stream.read() == b""


def test_many_downloads_at_a_time(backend: RemoteBackend, owner: str) -> None:
    contents = {f"f{number}": os.urandom(3 * MIB + number) for number in range(16)}
    record = backend.put_artifact(owner, "art", [source(content, path) for path, content in contents.items()])

    def right(number: int) -> bool:
        with backend.open_file(record.files[number]) as stream:
            return stream.read() == contents[record.files[number].path]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(right, range(16)))


def test_a_server_that_is_killed_during_an_upload(
    server: ServerProcess, backend: RemoteBackend, owner: str, proxy: TcpProxy
) -> None:
    content = os.urandom(48 * MIB)
    restarting: list[threading.Thread] = []

    def kill() -> None:
        server.kill()
        restarting.append(threading.Thread(target=server.start))
        restarting[0].start()

    before = proxy.sent
    proxy.bytes_per_s = 200 * MIB  # so that what has been read is on the server's disk soon
    once = iter([lambda: Noticing(content, 36 * MIB, kill)])
    record = backend.put_artifact(owner, "art", [source(content, opened=lambda: next(once, lambda: io.BytesIO(content))())])
    restarting[0].join()
    assert content_of(backend, record) == content
    assert proxy.sent - before < len(content) + 2 * ON_THE_WAY


def test_content_that_the_server_has_is_not_sent(backend: RemoteBackend, owner: str, proxy: TcpProxy) -> None:
    content = os.urandom(4 * MIB)
    backend.put_artifact(owner, "one", [source(content)])
    before, reported = proxy.sent, list[int]()
    record = backend.put_artifact(owner, "two", [source(content, "a"), source(content, "b")], reported.append)
    assert proxy.sent - before < 8192
    assert sum(reported) == 2 * len(content)
    assert [file.path for file in record.files] == ["a", "b"]


@pytest.mark.parametrize("fault", ["changed", "shorter", "longer"])
@pytest.mark.parametrize("size", [1000, 3 * MIB])
def test_a_source_that_has_changed_is_refused(backend: RemoteBackend, owner: str, fault: str, size: int) -> None:
    content = os.urandom(size)
    wrong = {"changed": content[:-1] + bytes([content[-1] ^ 1]), "shorter": content[:-1], "longer": content + b"x"}[fault]
    good = source(os.urandom(1000), "good")
    with pytest.raises(ChecksumError):
        backend.put_artifact(owner, "art", [good, source(content, opened=lambda: io.BytesIO(wrong))])
    with pytest.raises(NotFoundError):
        backend.find_artifact(owner, "art")
    record = backend.put_artifact(owner, "art", [source(content)])
    assert content_of(backend, record) == content


def test_a_server_that_does_not_come_back(
    server: ServerProcess, tmp_path: Path, owner: str, backend: RemoteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(4 * MIB)
    record = backend.put_artifact(owner, "art", [source(content)])
    monkeypatch.setenv("MODELBOX_RETRY_S", "1")
    with TcpProxy(server.address) as proxy, closing(RemoteBackend(f"grpc://{proxy.address}")) as impatient:
        impatient.get_object(owner)
        proxy.refusing = True
        proxy.reset()
        with pytest.raises(UnavailableError):
            impatient.put_artifact(owner, "other", [source(os.urandom(4 * MIB))])
        with pytest.raises(UnavailableError):
            impatient.open_file(record.files[0])


def test_transfers_go_to_the_servers_that_take_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
    content = os.urandom(3 * MIB)
    place = {
        "artifact_storage_filesystem": {"base_dir": str(tmp_path / "store")},
        "metadata_storage_integrated": {"path": str(tmp_path / "store")},
    }
    with (
        ServerProcess(tmp_path / "blob", role="blob", **place) as blob,
        TcpProxy(blob.address) as to_blob,
        ServerProcess(tmp_path / "main", blob_servers=[to_blob.address], **place) as main,
        TcpProxy(main.address) as to_main,
        closing(RemoteBackend(f"grpc://{to_main.address}")) as backend,
    ):
        owner = backend.create_experiment(name="e", namespace="n", owner="o")[0].id
        record = backend.put_artifact(owner, "art", [source(content)])
        assert backend.find_artifact(owner, "art") == record
        assert content_of(backend, record) == content
        assert to_main.sent + to_main.answered < MIB
        assert min(to_blob.sent, to_blob.answered) > len(content)
