"""Reading the points of one object."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from modelbox.records import MetricBatch, MetricQuery, Rewind
from modelbox.stores.files import Files
from modelbox.stores.metrics.order import as_result, encoded, in_order, int64, logged_us
from modelbox.stores.metrics.parquet.folder import PointsFolder
from modelbox.stores.metrics.parquet.layout import BatchName, Snapshot
from modelbox.stores.metrics.parquet.merging import due
from modelbox.stores.metrics.parquet.segment import Segment, select
from modelbox.stores.metrics.thinning import thin

_FETCHED_AT_ONCE = 16


def read(files: Files, query: MetricQuery, pending: Sequence[MetricBatch], crowded: Callable[[str], None]) -> pa.Table:
    """The points that a query asks for.

    Args:
        files: The storage.
        query: Which points.
        pending: Batches of the object that may not be stored yet.
        crowded: Told the uid when there is something to merge.
    """
    stored, snapshot = _stored(PointsFolder(files, query.uid), query)
    if snapshot.pending or snapshot.dead or due(snapshot):
        crowded(query.uid)
    fresh = not_stored(pending, snapshot)
    parts = [*stored, *(select(encoded(batch.points), frozenset(query.keys), query.start_step, query.end_step) for batch in fresh)]
    parts = [part for table in parts if len(part := _without(table, query.rewinds))]
    table = parts[0] if len(parts) == 1 and not fresh else in_order(parts)
    if query.max_points is not None:
        table = thin(table.unify_dictionaries(), query.max_points)
    return as_result(table)


def not_stored(pending: Sequence[MetricBatch], snapshot: Snapshot) -> list[MetricBatch]:
    """Those of an object's batches that a snapshot does not hold, each once."""
    named = {BatchName(batch.writer, batch.sequence): batch for batch in pending}
    return [batch for name, batch in named.items() if len(batch.points) and not snapshot.stores(name)]


def _stored(folder: PointsFolder, query: MetricQuery) -> tuple[list[pa.Table], Snapshot]:
    """The rows of each segment, and the state of the folder that they are of."""
    known: dict[str, pa.Table] = {}  # over all attempts, for a file never changes

    def load(snapshot: Snapshot) -> tuple[list[pa.Table], Snapshot]:
        while missing := [name for name in snapshot.alive if name not in known]:
            known.update(_rows(folder, missing, query))
        return [known[name] for name in snapshot.alive], snapshot

    return folder.load(load)


def _rows(folder: PointsFolder, names: list[str], query: MetricQuery) -> dict[str, pa.Table]:
    """The rows of the first of some segments.

    Raises:
        FileNotFoundError: One of them is not there.
    """
    keys = frozenset(query.keys)
    if folder.files.local_path(folder.path) is not None:
        with folder.files.open(folder.path_of(names[0])) as file:
            return {names[0]: Segment(file, folder.address(names[0])).read(keys, query.start_step, query.end_step)}
    return {
        name: Segment(io.BytesIO(content), folder.address(name)).read(keys, query.start_step, query.end_step)
        for name, content in folder.contents(names[:_FETCHED_AT_ONCE]).items()
    }


def _without(table: pa.Table, rewinds: Sequence[Rewind]) -> pa.Table:
    """The rows that no rewind hides."""
    for rewind in rewinds:
        hidden = pc.and_(pc.greater(table["step"], int64(rewind.step)), pc.less_equal(logged_us(table), int64(rewind.at_us)))
        table = table.filter(pc.invert(hidden))
    return table
