"""The points of an object as their writers logged them, for sending them on."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc

from modelbox.columns import integers
from modelbox.records import MetricBatch
from modelbox.stores.files import Files
from modelbox.stores.metrics.order import authored, encoded, int64, logged_us
from modelbox.stores.metrics.parquet.folder import PointsFolder
from modelbox.stores.metrics.parquet.layout import Snapshot, batch_of
from modelbox.stores.metrics.parquet.ordered import LOGGING, merged
from modelbox.stores.metrics.parquet.reading import not_stored
from modelbox.stores.metrics.parquet.segment import Segment

_RUN_BYTES = 32 << 20
_PIECE = 1 << 14
_NEVER = -(1 << 63)

Since = Callable[[str | None], int | None]


def replay(files: Files, uid: str, pending: Sequence[MetricBatch], since: Since) -> Iterator[tuple[str | None, pa.Table]]:
    """The points of one writer after the other, in the order in which it logged them, a part at a time.

    Segments are in another order, so all points are sorted again: in runs that fit into memory, which go to temporary files when
    there are several.

    Args:
        files: The storage.
        uid: The life of the object.
        pending: Batches of the object that may not be stored yet.
        since: Tells for a writer the logged time up to which its points are not wanted.
    """
    known: dict[str | None, int] = {}

    def threshold(writer: str | None) -> int:
        if writer not in known:
            found = since(writer)
            known[writer] = _NEVER if found is None else found
        return known[writer]

    folder = PointsFolder(files, uid)
    with ExitStack() as stack:

        def load(snapshot: Snapshot) -> _Runs:
            runs = _Runs(stack)
            for table in _all_rows(folder, snapshot, pending):
                runs.add(_wanted(table, threshold))
            return runs

        # Before anything is handed out: a file may be merged away at any time, and then all begins anew.
        runs = folder.load(load)
        for table in merged(runs.sources(), LOGGING):
            yield from _by_writer(table)


class _Runs:
    """Points in runs that are in order each: the last one in memory, those before it in files."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._files: list[BinaryIO] = []
        self._tables: list[pa.Table] = []
        self._bytes = 0

    def add(self, table: pa.Table) -> None:
        """Add points in any order."""
        if len(table):
            self._tables.append(table)
            self._bytes += table.nbytes
            if self._bytes > _RUN_BYTES:
                self._spill()

    def sources(self) -> list[Iterator[pa.Table]]:
        """The runs, to be merged."""
        return [*map(_read_run, self._files), iter([self._take()])]

    def _take(self) -> pa.Table:
        table = LOGGING.sort(self._tables)
        self._tables, self._bytes = [], 0
        return table

    def _spill(self) -> None:
        file = self._stack.enter_context(tempfile.TemporaryFile(prefix="modelbox-points-"))  # noqa: SIM115
        table = self._take().combine_chunks()
        with pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=_PIECE)
        self._files.append(cast(BinaryIO, file))
        pa.default_memory_pool().release_unused()


def _read_run(file: BinaryIO) -> Iterator[pa.Table]:
    file.seek(0)
    for batch in pa.ipc.open_stream(file):
        yield pa.Table.from_batches([batch])


def _all_rows(folder: PointsFolder, snapshot: Snapshot, pending: Sequence[MetricBatch]) -> Iterator[pa.Table]:
    """Everything, in no order.

    Raises:
        FileNotFoundError: A segment was merged into another meanwhile.
    """
    for name in snapshot.alive:
        batch = batch_of(name)
        if folder.files.local_path(folder.path) is None:
            stream: BinaryIO = io.BytesIO(folder.contents([name])[name])
        else:
            stream = folder.files.open(folder.path_of(name))
        with stream:
            yield from Segment(stream, folder.address(name)).authored_row_groups(batch.writer if batch else None)
    for fresh in not_stored(pending, snapshot):
        yield authored(encoded(fresh.points), fresh.writer)


def _wanted(table: pa.Table, threshold: Callable[[str | None], int]) -> pa.Table:
    table = table.unify_dictionaries().combine_chunks()
    if len(table) == 0:
        return table
    writers = table["writer"].chunk(0)
    names = writers.dictionary.to_pylist()
    limits = integers([threshold(name) for name in names]).take(writers.indices)
    if limits.null_count:
        limits = pc.fill_null(limits, int64(threshold(None)))
    return table.filter(pc.greater(logged_us(table), limits))


def _by_writer(table: pa.Table) -> Iterator[tuple[str | None, pa.Table]]:
    """The parts of a table that is ordered by writer."""
    if len(table) == 0:
        return
    runs = pc.run_end_encode(table["writer"].cast(pa.string()).combine_chunks())
    runs = runs.chunk(0) if isinstance(runs, pa.ChunkedArray) else runs
    start = 0
    for end, writer in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        yield writer, table.slice(start, end - start).drop_columns("writer")
        start = end
