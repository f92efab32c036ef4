"""Every backend: the embedded one on each storage that it runs on, and a server in another process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from modelbox import ModelBoxClient
from modelbox.testing.backend import BackendSuite, SharedBackendSuite
from services.server_farm import ServerFarm


def opener(uri: str, stack: ExitStack) -> Callable[..., ModelBoxClient]:
    return lambda **arguments: stack.enter_context(ModelBoxClient(uri, **arguments))


class TestMemory(BackendSuite):
    @pytest.fixture
    def client(self) -> Iterator[ModelBoxClient]:
        with ModelBoxClient("memory://") as client:
            yield client


class TestFolder(SharedBackendSuite):
    @pytest.fixture
    def open_client(self, tmp_path: Path) -> Iterator[Callable[..., ModelBoxClient]]:
        with ExitStack() as stack:
            yield opener(str(tmp_path / "store"), stack)


@pytest.mark.s3
class TestS3(SharedBackendSuite):
    visible_s = 10.0

    @pytest.fixture
    def open_client(self, s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
        monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
        with ExitStack() as stack:
            yield opener(s3_url, stack)


class TestServer(SharedBackendSuite):
    @pytest.fixture
    def open_client(
        self, server_farm: ServerFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Callable[..., ModelBoxClient]]:
        monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
        uri = server_farm.open(tmp_path / "store")
        with ExitStack() as stack:
            stack.callback(server_farm.close, uri)
            yield opener(uri, stack)


class TestServerWithRights(BackendSuite):
    """The same when the rights of each caller are looked at, and are all there are."""

    @pytest.fixture
    def client(self, server_farm: ServerFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelBoxClient]:
        monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
        uri = server_farm.open(tmp_path / "store", with_rights=True)
        with ModelBoxClient(uri) as client:
            yield client
        server_farm.close(uri)
