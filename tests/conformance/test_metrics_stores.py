"""Every metrics store passes the same suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbox.stores.files import MemoryFiles, ObjectFiles, PosixFiles
from modelbox.stores.metrics import MetricsStore, ParquetMetricsStore
from modelbox.testing.metrics_store import MetricsStoreSuite


class TestParquetInAFolder(MetricsStoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[MetricsStore]:
        self.root = tmp_path / "store"
        store = ParquetMetricsStore(PosixFiles(self.root))
        yield store
        store.close()

    def reopen(self, store: MetricsStore) -> MetricsStore:
        return ParquetMetricsStore(PosixFiles(self.root))


class TestParquetInMemory(MetricsStoreSuite):
    @pytest.fixture
    def store(self) -> Iterator[MetricsStore]:
        store = ParquetMetricsStore(MemoryFiles())
        yield store
        store.close()


@pytest.mark.s3
class TestParquetInObjectStorage(MetricsStoreSuite):
    @pytest.fixture
    def store(self, s3_url: str) -> Iterator[MetricsStore]:
        self.url = s3_url
        store = ParquetMetricsStore(ObjectFiles(s3_url))
        yield store
        store.close()

    def reopen(self, store: MetricsStore) -> MetricsStore:
        return ParquetMetricsStore(ObjectFiles(self.url))
