"""Points of many objects as a view for SQL."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs

from modelbox.columns import empty, integers, strings
from modelbox.points import RESULT_SCHEMA, SCHEMA
from modelbox.records import MetricBatch, Rewind
from modelbox.stores.files import Files
from modelbox.stores.metrics.base import STORED_POINTS
from modelbox.stores.metrics.parquet.folder import PointsFolder
from modelbox.stores.metrics.parquet.layout import Snapshot
from modelbox.stores.metrics.parquet.reading import not_stored
from modelbox.stores.metrics.parquet.segment import Segment

_OBJECT_ID = pa.field("object_id", pa.string())
_SCHEMA = SCHEMA.insert(0, _OBJECT_ID)
_FORMAT = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True))
_LOCAL = pa_fs.LocalFileSystem()
_PENDING, _REWINDS = "_metrics_pending", "_metrics_rewinds"


def attach(
    files: Files,
    connection: duckdb.DuckDBPyConnection,
    objects: Mapping[str, str],
    pending: Sequence[MetricBatch],
    rewinds: Mapping[str, tuple[Rewind, ...]],
) -> None:
    """Create the view ``metrics`` over the segments of some objects, and batches that are not stored yet.

    DuckDB scans the files when the view is queried, and hands filters on object, key and step down to them. A file may have been
    merged into another by then; the query fails, and the caller attaches again.
    """
    fragments: list[Any] = []
    fresh = [empty(_SCHEMA)]
    by_uid: dict[str, list[MetricBatch]] = {}
    for batch in pending:
        by_uid.setdefault(batch.uid, []).append(batch)
    for uid, object_id in objects.items():
        found, snapshot = _stored(PointsFolder(files, uid), object_id)
        fragments += found
        for batch in not_stored(by_uid.get(uid, ()), snapshot):
            table = batch.points.select(SCHEMA.names).cast(SCHEMA)
            fresh.append(table.add_column(0, _OBJECT_ID, pa.repeat(strings([object_id])[0], len(table))))
    connection.register(STORED_POINTS, ds.FileSystemDataset(fragments, _SCHEMA, _FORMAT))
    connection.register(_PENDING, pa.concat_tables(fresh))
    hidden = ""
    if any(rewinds.values()):
        hidden = f"""
        ANTI JOIN {_REWINDS} AS r
        ON r.object_id = m.object_id AND m.step > r.step AND epoch_us(m.wallclock) + m.delay <= r.at_us"""
        connection.register(_REWINDS, _rewind_table(objects, rewinds))
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW metrics AS
        SELECT object_id, {", ".join(RESULT_SCHEMA.names)}
        FROM (SELECT * FROM {STORED_POINTS} UNION ALL SELECT * FROM {_PENDING}) AS m{hidden}
    """)  # noqa: S608 - constants


def _rewind_table(objects: Mapping[str, str], rewinds: Mapping[str, tuple[Rewind, ...]]) -> pa.Table:
    rows = [(objects[uid], rewind) for uid, found in rewinds.items() if uid in objects for rewind in found]
    return pa.table(
        {
            "object_id": strings([object_id for object_id, _ in rows]),
            "step": integers([rewind.step for _, rewind in rows]),
            "at_us": integers([rewind.at_us for _, rewind in rows]),
        }
    )


def _stored(folder: PointsFolder, object_id: str) -> tuple[list[Any], Snapshot]:
    """The segments of an object, as pyarrow scans them, and the state of the folder that they are of.

    Local files are opened by path; others are fetched now, compressed as they are. Not by a file system in Python: DuckDB holds the
    GIL while it waits for pyarrow, which waits for the GIL when such a file system raises (seen with duckdb 2.0 and pyarrow 26).
    """
    owner = pc.field("object_id") == pc.scalar(strings([object_id])[0])

    def load(snapshot: Snapshot) -> tuple[list[Any], Snapshot]:
        fragments = []
        if folder.files.local_path(folder.path) is not None:
            for name in snapshot.alive:
                path = folder.path_of(name)
                with folder.files.open(path) as file:
                    Segment(file, folder.address(name)).verify()
                fragments.append(_FORMAT.make_fragment(folder.files.local_path(path), _LOCAL, owner))
            return fragments, snapshot
        for name, content in folder.contents(list(snapshot.alive)).items():
            Segment(io.BytesIO(content), folder.address(name)).verify()
            fragments.append(_FORMAT.make_fragment(pa.BufferReader(content), partition_expression=owner))
        return fragments, snapshot

    return folder.load(load)
