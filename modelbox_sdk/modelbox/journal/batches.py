"""From the records of a journal to tables, column by column: copies with a stride, and no Python object for a point."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from modelbox.columns import binaries, strings
from modelbox.journal import layout
from modelbox.journal.decode import Batch, Contents, Run, Series
from modelbox.records import MetricBatch

if TYPE_CHECKING:
    import pyarrow as pa

_HEAD_WORDS = layout.HEAD_SIZE // 8
_LOGGED = _HEAD_WORDS - 1


def build_batches(data: memoryview, contents: Contents, *, writer: str, uid: str | None = None) -> Iterator[MetricBatch]:
    """One batch for each sealed range and object, in the order of logging.

    Args:
        data: The file, from its start.
        contents: What was found in it.
        writer: Whose file it is.
        uid: Only the points of this object.
    """
    for batch in contents.batches:
        yield from _tables(data, batch, contents.series, writer, uid)


def count_points(batch: Batch, series: dict[int, Series]) -> int:
    """Number of points in a batch."""
    return sum(run.records * len(series[number].keys) for (_, number), runs in batch.runs.items() for run in runs)


def _tables(data: memoryview, batch: Batch, series: dict[int, Series], writer: str, uid: str | None) -> Iterator[MetricBatch]:
    groups: dict[tuple[str, str], list[pa.Table]] = {}
    for (kind, number), runs in batch.runs.items():
        found = series[number]
        if uid is None or uid == found.uid:
            build = _scalars if kind <= layout.SCALARS_AT else _others
            groups.setdefault((found.object_id, found.uid), []).append(build(data, kind, found, runs))
    for (object_id, its_uid), tables in groups.items():
        yield MetricBatch(object_id=object_id, uid=its_uid, writer=writer, sequence=batch.sequence, points=_in_logged_order(tables))


def _in_logged_order(tables: list[pa.Table]) -> pa.Table:
    if len(tables) == 1:
        return tables[0]
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.concat_tables(tables).combine_chunks()
    logged = pc.add(table["wallclock"].cast(pa.int64()), table["delay"])
    return table.take(pc.sort_indices(logged))


def _scalars(data: memoryview, kind: int, series: Series, runs: Sequence[Run]) -> pa.Table:
    count = sum(run.records for run in runs)
    stride = runs[0].size // 8
    records = _joined(data, runs)
    words, doubles = records.cast("q"), records.cast("d")
    keys = len(series.keys)
    logged = words[_LOGGED::stride]
    step = words[_HEAD_WORDS::stride]
    if kind == layout.SCALARS:
        values = _matrix(doubles, _HEAD_WORDS + 1, stride, count, keys)
        return _table(series.keys, count, step=_spread(step, keys), wallclock=_spread(logged, keys), delay=None, value=values)
    wallclock = words[_HEAD_WORDS + 1 :: stride]
    delay = memoryview(array("q", (a - b for a, b in zip(logged.tolist(), wallclock.tolist(), strict=True))))
    values = _matrix(doubles, _HEAD_WORDS + 2, stride, count, keys)
    return _table(
        series.keys, count, step=_spread(step, keys), wallclock=_spread(wallclock, keys), delay=_spread(delay, keys), value=values
    )


def _others(data: memoryview, kind: int, series: Series, runs: Sequence[Run]) -> pa.Table:
    import pyarrow as pa

    logged, steps, wallclocks, values = array("q"), array("q"), array("q"), []
    for run in runs:
        for at in range(run.start, run.start + run.records * run.size, run.size):
            words = data[at + layout.HEAD_SIZE - 8 : at + layout.HEAD_SIZE + 24].cast("q")
            logged.append(words[0])
            steps.append(words[1])
            wallclocks.append(words[2])
            start = at + layout.HEAD_SIZE + 24
            values.append(bytes(data[start : start + words[3]]))
    delay = array("q", (a - b for a, b in zip(logged, wallclocks, strict=True)))
    column = binaries(values)
    columns = {"text": column.cast(pa.string())} if kind == layout.TEXT else {"blob": column}
    return _table(series.keys, len(values), step=steps, wallclock=wallclocks, delay=delay, **columns)


def _table(keys: Sequence[str], records: int, *, step: Any, wallclock: Any, delay: Any, **values: Any) -> pa.Table:
    import pyarrow as pa

    from modelbox.points import SCHEMA, TIMESTAMP

    rows = records * len(keys)

    def fixed(kind: pa.DataType, column: Any) -> pa.Array:
        return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(column)])

    names = strings(keys)
    indices = fixed(pa.int32(), array("i", range(len(keys))) * records)
    columns = {
        "key": pa.DictionaryArray.from_arrays(indices, names).dictionary_decode(),
        "step": fixed(pa.int64(), step),
        "wallclock": fixed(TIMESTAMP, wallclock),
        "delay": fixed(pa.int64(), bytes(8 * rows) if delay is None else delay),
    }
    for name, column in values.items():
        columns[name] = column if isinstance(column, pa.Array) else fixed(pa.float64(), column)
    return pa.Table.from_arrays([columns.get(f.name, pa.nulls(rows, f.type)) for f in SCHEMA], schema=SCHEMA)


def _joined(data: memoryview, runs: Sequence[Run]) -> memoryview:
    if len(runs) == 1:
        (run,) = runs
        return data[run.start : run.start + run.records * run.size]
    return memoryview(b"".join([data[run.start : run.start + run.records * run.size] for run in runs]))


def _spread(column: memoryview, times: int) -> bytes | bytearray:
    """Each item as many times as a record has keys."""
    if times == 1:
        return column.tobytes()
    out = bytearray(8 * len(column) * times)
    view = memoryview(out).cast("q")
    if times <= len(column):
        for offset in range(times):
            view[offset::times] = column
    else:
        raw = column.tobytes()
        for row in range(len(column)):
            out[8 * row * times : 8 * (row + 1) * times] = raw[8 * row : 8 * row + 8] * times
    return out


def _matrix(doubles: memoryview[float], first: int, stride: int, count: int, keys: int) -> bytearray:
    """The values without what stands between the rows."""
    out = bytearray(8 * count * keys)
    view = memoryview(out).cast("d")
    if keys <= count:
        for key in range(keys):
            view[key::keys] = doubles[first + key :: stride]
    else:
        for row in range(count):
            view[row * keys : (row + 1) * keys] = doubles[first + row * stride : first + row * stride + keys]
    return out
