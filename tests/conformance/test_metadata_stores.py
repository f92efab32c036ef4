"""Every metadata store passes the same exam, with checkpoints at every turn and without any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from modelbox.stores.files import Files, MemoryFiles, ObjectFiles, PosixFiles
from modelbox.stores.metadata import MetadataStore, Transaction
from modelbox.stores.metadata.log import LogMetadataStore
from modelbox.testing.metadata_store import MetadataStoreSuite

T = TypeVar("T")


class CheckpointingStore(LogMetadataStore):
    """Reads everything from checkpoints: there is a new one before any call returns."""

    def transact(self, body: Callable[[Transaction], T]) -> T:
        result = super().transact(body)
        self.checkpoint()
        return result


class LogStoreSuite(MetadataStoreSuite):
    checkpoint_every = 1000
    kind: type[LogMetadataStore] = LogMetadataStore

    @pytest.fixture
    def files(self) -> Files:
        raise NotImplementedError

    @pytest.fixture
    def store(self, files: Files) -> Iterator[MetadataStore]:
        store = self.kind(files, checkpoint_every=self.checkpoint_every)
        yield store
        store.close()

    @pytest.fixture
    def second(self, files: Files) -> Iterator[MetadataStore | None]:
        store = self.kind(files, checkpoint_every=self.checkpoint_every)
        yield store
        store.close()


class TestFolder(LogStoreSuite):
    @pytest.fixture
    def files(self, tmp_path: Path) -> Files:
        return PosixFiles(tmp_path / "it's a store")


class TestFolderWithManyCheckpoints(TestFolder):
    checkpoint_every = 2


class TestFolderFromCheckpoints(TestFolder):
    kind = CheckpointingStore


class TestMemory(LogStoreSuite):
    @pytest.fixture
    def files(self) -> Files:
        return MemoryFiles()


class TestMemoryWithManyCheckpoints(TestMemory):
    checkpoint_every = 2


class TestMemoryFromCheckpoints(TestMemory):
    kind = CheckpointingStore


@pytest.mark.s3
class TestS3(LogStoreSuite):
    threads = 4
    increments = 2

    @pytest.fixture
    def files(self, s3_url: str) -> Iterator[Files]:
        files = ObjectFiles(s3_url)
        yield files
        files.close()


@pytest.mark.s3
class TestS3WithManyCheckpoints(TestS3):
    checkpoint_every = 5
