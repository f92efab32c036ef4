"""Sending points in batches that name themselves the same way each time, so that the target stores each point once.

A batch of the points that one writer logged on one object ends between two logged times, and the last of its own is its sequence.
So the sequence of the last batch that the target has says which points it has.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from modelbox.backends.base import Backend
from modelbox.backends.inprocess import InProcessBackend
from modelbox.columns import integers
from modelbox.points import SCHEMA
from modelbox.pushing.exclusion import Cuts
from modelbox.pushing.patience import patiently
from modelbox.pushing.report import Tally
from modelbox.records import MetricBatch, ObjectRecord

_BATCH_BYTES = 4 << 20
_ROW_BYTES = 40
_BATCHES_A_CALL = 64


class PointSender:
    """Sends points, those of several small objects in one call.

    Args:
        local: The store.
        target: Where to.
        cuts: Where batches end that may be under way.
        tally: Where to count.
    """

    def __init__(self, local: InProcessBackend, target: Backend, cuts: Cuts, tally: Tally) -> None:
        self._local = local
        self._target = target
        self._cuts = cuts
        self._tally = tally
        self._waiting: dict[tuple[str, str], MetricBatch] = {}
        self._bytes = 0

    def send(self, record: ObjectRecord, uid: str) -> int:
        """Send the points of an object that the target lacks; how many there were.

        Args:
            record: The object, in the store.
            uid: Its life on the target.
        """
        sent = 0
        for writer, batch in self._batches(record):
            sent += len(batch)
            self._add(MetricBatch(object_id=record.id, uid=uid, writer=writer, sequence=_logged(batch, -1), points=batch))
        return sent

    def flush(self) -> None:
        """Send what waits for company."""
        if not self._waiting:
            return
        batches = list(self._waiting.values())
        with self._cuts.sending({name: batch.sequence for name, batch in self._waiting.items()}):
            patiently(self._target, lambda: self._target.append_metrics(batches))
        self._tally.points += sum(len(batch.points) for batch in batches)
        self._waiting, self._bytes = {}, 0

    def _add(self, batch: MetricBatch) -> None:
        # One batch of a writer a call: should a target store only some of a call, what it has of each is without a gap.
        name = (batch.object_id, batch.writer)
        if name in self._waiting or len(self._waiting) >= _BATCHES_A_CALL:
            self.flush()
        self._waiting[name] = batch
        self._bytes += _size(batch.points)
        if self._bytes >= _BATCH_BYTES:
            self.flush()

    def _batches(self, record: ObjectRecord) -> Iterator[tuple[str, pa.Table]]:
        """The batches that the target lacks, with their writers as the target knows them."""

        def since(writer: str | None) -> int | None:
            return self._target.last_batch(record.id, self._name(writer))

        cutter: _Cutter | None = None
        current = ""
        for writer, table in self._local.replay_metrics(record, since):
            name = self._name(writer)
            if cutter is None or name != current:
                if cutter is not None:
                    yield from ((current, batch) for batch in cutter.finish())
                cutter, current = _Cutter(self._cuts.get(record.id, name)), name
            yield from ((current, batch) for batch in cutter.add(table))
        if cutter is not None:
            yield from ((current, batch) for batch in cutter.finish())

    def _name(self, writer: str | None) -> str:
        return f"push/{writer}" if writer is not None else f"push//{self._local.store_id()}"


class _Cutter:
    """Cuts the points of one writer into batches, always at the same places.

    Args:
        first_end: Logged time at which a batch has to end.
    """

    def __init__(self, first_end: int | None) -> None:
        self._first_end = first_end
        self._rest = pa.Table.from_batches([], SCHEMA)

    def add(self, table: pa.Table) -> Iterator[pa.Table]:
        """Points that follow; the batches that are complete with them."""
        plain = table.set_column(0, SCHEMA.field("key"), table["key"].cast(pa.string()))
        self._rest = pa.concat_tables([self._rest, plain.cast(SCHEMA)])
        while (end := self._next_end()) is not None:
            yield self._rest.slice(0, end)
            self._rest = self._rest.slice(end)

    def finish(self) -> Iterator[pa.Table]:
        """The rest."""
        if len(self._rest):
            yield self._rest

    def _next_end(self) -> int | None:
        """The number of rows of the next batch, when it is known where it ends."""
        rows = len(self._rest)
        if rows == 0:
            return None
        if self._first_end is not None:
            end = _rows_up_to(self._rest, self._first_end)
            if end == rows:
                return None
            self._first_end = None
            if end:
                return end
        sizes = pc.cumulative_sum(_row_sizes(self._rest))
        fit = _count(pc.less(sizes, integers([_BATCH_BYTES])[0]))
        if fit == rows:
            return None
        end = _rows_up_to(self._rest, _logged(self._rest, fit))
        return end if end < rows else None


def _logged_us(table: pa.Table) -> pa.ChunkedArray:
    return pc.add(table["wallclock"].cast(pa.int64()), table["delay"])


def _logged(table: pa.Table, row: int) -> int:
    one = table.slice(row if row >= 0 else len(table) + row, 1)
    logged: int = _logged_us(one)[0].as_py()
    return logged


def _rows_up_to(table: pa.Table, logged_us: int) -> int:
    """The number of rows logged no later than a moment, of rows in the order of logging."""
    return _count(pc.less_equal(_logged_us(table), integers([logged_us])[0]))


def _count(mask: pa.ChunkedArray) -> int:
    return pc.sum(mask).as_py() or 0


def _row_sizes(table: pa.Table) -> pa.ChunkedArray:
    """Bytes of each row, about; the same for the same row."""
    zero, base = integers([0, _ROW_BYTES])
    sizes = base
    for name in ("key", "text", "blob"):
        lengths = pc.binary_length(table[name]).cast(pa.int64())
        sizes = pc.add(pc.fill_null(lengths, zero), sizes)
    return sizes


def _size(table: pa.Table) -> int:
    return pc.sum(_row_sizes(table)).as_py() or 0
