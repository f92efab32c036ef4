"""The metrics store of the embedded mode."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from modelbox.errors import ModelBoxError
from modelbox.findings import Fault
from modelbox.records import MetricBatch, MetricQuery, Rewind
from modelbox.stores.files import Files
from modelbox.stores.metrics.base import MetricsStore
from modelbox.stores.metrics.parquet.folder import PointsFolder
from modelbox.stores.metrics.parquet.layout import ROOT, BatchName, batch_file, escaped, unescaped

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from modelbox.stores.metrics.parquet.merging import Merger

_LARGE = 1 << 16
_LOOK_AFTER = 8
"""Batches after which an object's files are worth a look, whether there is something to merge."""


class ParquetMetricsStore(MetricsStore):
    """Points as sorted Parquet segments, a file for each batch, which :meth:`maintain` merges.

    Reading needs pyarrow alone, which starts faster than DuckDB, checks every page, and survives ``fork``. Nothing heavy is
    imported before the first batch or read.

    Args:
        files: The storage.
        take_over_s: Age at which another process's unfinished merge counts as abandoned.
    """

    def __init__(self, files: Files, *, take_over_s: float = 60.0) -> None:
        self._files = files
        self._take_over_s = take_over_s
        self._appended: dict[str, int] = {}
        """Batches appended to each object since its files were last looked at."""
        self._reset()

    def append(self, batches: Sequence[MetricBatch]) -> None:
        import pyarrow as pa

        from modelbox.stores.metrics.order import encoded, in_order
        from modelbox.stores.metrics.parquet.segment import segment_bytes

        for batch in batches:
            if len(batch.points) == 0:
                continue
            content = segment_bytes(in_order([encoded(batch.points)]))
            path = PointsFolder(self._files, batch.uid).path_of(batch_file(BatchName(batch.writer, batch.sequence)))
            # Its name says what is in it, so a file that is there needs no second look; one that comes again after it was
            # merged is dead from the start.
            with contextlib.suppress(FileExistsError):
                self._files.create(path, content)
            self._count(batch.uid, 1)
            if len(batch.points) >= _LARGE:
                # Otherwise what sorting took stays with the process, 40 MB of it.
                pa.default_memory_pool().release_unused()

    def read(self, query: MetricQuery, pending: Sequence[MetricBatch] = ()) -> pa.Table:
        from modelbox.stores.metrics.parquet.reading import read

        return read(self._files, query, [batch for batch in pending if batch.uid == query.uid], self._crowded)

    def attach(
        self,
        connection: duckdb.DuckDBPyConnection,
        objects: Mapping[str, str],
        pending: Sequence[MetricBatch],
        rewinds: Mapping[str, tuple[Rewind, ...]] | None = None,
    ) -> None:
        from modelbox.stores.metrics.parquet.sql import attach

        attach(self._files, connection, objects, pending, rewinds or {})

    def delete(self, uid: str) -> None:
        self._files.delete_tree(f"{ROOT}/{escaped(uid)}")
        with self._lock:
            self._appended.pop(uid, None)

    def last_sequence(self, uid: str, writer: str) -> int | None:
        return PointsFolder(self._files, uid).snapshot().last_sequence(writer)

    def replay(
        self, uid: str, pending: Sequence[MetricBatch], since: Callable[[str | None], int | None]
    ) -> Iterator[tuple[str | None, pa.Table]]:
        from modelbox.stores.metrics.parquet.replaying import replay

        return replay(self._files, uid, [batch for batch in pending if batch.uid == uid], since)

    def uids(self) -> list[str]:
        # Not by folders: some object storages go on listing those that have become empty.
        return sorted({unescaped(info.path.split("/")[1]) for info in self._files.walk(ROOT)})

    def maintain(self) -> None:
        """Merge the segments of objects that have grown many, as far as nobody else is doing it."""
        if not self._maintaining.acquire(blocking=False):
            return
        try:
            with self._lock:
                due = [uid for uid, batches in self._appended.items() if batches >= _LOOK_AFTER]
            failures = [failure for uid in due if (failure := self._merge(uid)) is not None]
        finally:
            self._maintaining.release()
        if failures:
            raise failures[0]

    def check(self) -> Iterator[Fault]:
        from modelbox.stores.metrics.parquet.checking import check

        for uid in self.uids():
            yield from check(self._files, uid)

    def quarantine(self, fault: Fault, folder: str) -> None:
        from modelbox.stores.metrics.parquet.checking import quarantine

        quarantine(self._files, fault, folder)

    def forget_after_fork(self) -> None:
        self._files.forget_after_fork()
        self._appended = {}
        self._reset()

    def close(self) -> None:
        self._appended = {}

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._maintaining = threading.Lock()
        self._merger: Merger | None = None

    def _merge(self, uid: str) -> ModelBoxError | None:
        from modelbox.stores.metrics.parquet.merging import Merger

        if self._merger is None:
            self._merger = Merger(self._take_over_s)
        with self._lock:
            self._appended.pop(uid, None)
        try:
            self._merger.run(PointsFolder(self._files, uid))
        except ModelBoxError as error:
            return error
        return None

    def _count(self, uid: str, batches: int) -> None:
        with self._lock:
            self._appended[uid] = self._appended.get(uid, 0) + batches

    def _crowded(self, uid: str) -> None:
        """Told by a read that an object has more files than it should."""
        self._count(uid, _LOOK_AFTER)
