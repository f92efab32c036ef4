"""Reading the points of one object."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from modelbox.errors import UnavailableError
from modelbox.records import MetricBatch, MetricQuery, Rewind
from modelbox.stores.files import Files
from modelbox.stores.metrics.order import as_result, encoded, in_order, logged_us
from modelbox.stores.metrics.parquet.folder import PointsFolder
from modelbox.stores.metrics.parquet.layout import BatchName, Snapshot
from modelbox.stores.metrics.parquet.merging import due
from modelbox.stores.metrics.parquet.segment import Segment, select
from modelbox.stores.metrics.thinning import thin

_ATTEMPTS = 20
"""Times that a read starts because files were merged while it was on its way."""
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
    loaded: dict[str, pa.Table] = {}
    for _ in range(_ATTEMPTS):
        snapshot = folder.snapshot()
        try:
            for file in list(snapshot.alive):
                if file not in loaded:
                    loaded.update(_load(folder, [name for name in snapshot.alive if name not in loaded], query))
        except FileNotFoundError:
            continue
        return [loaded[file] for file in snapshot.alive], snapshot
    raise UnavailableError(f"cannot read {folder.files.address(folder.path)}: it is merged faster than it is read; try again")


def _load(folder: PointsFolder, names: list[str], query: MetricQuery) -> dict[str, pa.Table]:
    """The rows of the first of some segments."""
    keys = frozenset(query.keys)
    if folder.files.local_path(folder.path) is not None:
        with folder.files.open(folder.path_of(names[0])) as file:
            return {names[0]: Segment(file, folder.address(names[0])).read(keys, query.start_step, query.end_step)}
    names = names[:_FETCHED_AT_ONCE]
    contents = folder.files.read_many([folder.path_of(name) for name in names])
    found = {}
    for name in names:
        content = contents.pop(folder.path_of(name), None)
        if content is None:
            raise FileNotFoundError(folder.address(name))
        found[name] = Segment(pa.BufferReader(content), folder.address(name)).read(keys, query.start_step, query.end_step)
    return found


def _without(table: pa.Table, rewinds: Sequence[Rewind]) -> pa.Table:
    """The rows that no rewind hides."""
    for rewind in rewinds:
        hidden = pc.and_(pc.greater(table["step"], rewind.step), pc.less_equal(logged_us(table), rewind.at_us))
        table = table.filter(pc.invert(hidden))
    return table
