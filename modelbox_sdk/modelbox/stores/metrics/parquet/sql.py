"""Points of many objects as a view for SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs

from modelbox.points import RESULT_SCHEMA, SCHEMA
from modelbox.records import MetricBatch, Rewind
from modelbox.stores.files import Files
from modelbox.stores.metrics.parquet.folder import PointsFolder
from modelbox.stores.metrics.parquet.reading import not_stored
from modelbox.stores.metrics.parquet.segment import verified

_OBJECT_ID = pa.field("object_id", pa.string())
_SCHEMA = SCHEMA.insert(0, _OBJECT_ID)
_STORED, _PENDING, _REWINDS = "_metrics_stored", "_metrics_pending", "_metrics_rewinds"


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
    paths: list[str] = []
    owners: list[Any] = []
    by_uid: dict[str, list[MetricBatch]] = {}
    for batch in pending:
        by_uid.setdefault(batch.uid, []).append(batch)
    fresh = [_SCHEMA.empty_table()]
    for uid, object_id in objects.items():
        folder = PointsFolder(files, uid)
        snapshot = folder.snapshot()
        paths += (folder.path_of(file) for file in snapshot.alive)
        owners += [pc.field("object_id") == object_id] * len(snapshot.alive)
        for batch in not_stored(by_uid.get(uid, ()), snapshot):
            table = batch.points.select(SCHEMA.names).cast(SCHEMA)
            fresh.append(table.add_column(0, _OBJECT_ID, pa.repeat(pa.scalar(object_id), len(table))))
    scan = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    dataset = ds.FileSystemDataset.from_paths(
        paths,
        schema=_SCHEMA,
        format=ds.ParquetFileFormat(default_fragment_scan_options=scan),
        filesystem=pa_fs.PyFileSystem(_Segments(files)),
        partitions=owners,
    )
    connection.register(_STORED, dataset)
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
        FROM (SELECT * FROM {_STORED} UNION ALL SELECT * FROM {_PENDING}) AS m{hidden}
    """)  # noqa: S608 - constants


def _rewind_table(objects: Mapping[str, str], rewinds: Mapping[str, tuple[Rewind, ...]]) -> pa.Table:
    rows = [(objects[uid], rewind) for uid, found in rewinds.items() if uid in objects for rewind in found]
    return pa.table(
        {
            "object_id": pa.array([object_id for object_id, _ in rows], pa.string()),
            "step": pa.array([rewind.step for _, rewind in rows], pa.int64()),
            "at_us": pa.array([rewind.at_us for _, rewind in rows], pa.int64()),
        }
    )


class _Segments(pa_fs.FileSystemHandler):  # type: ignore[misc]
    """Shows the files of a storage to pyarrow, for reading, each with its footer verified."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def get_type_name(self) -> str:
        return "modelbox"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> list[pa_fs.FileInfo]:
        return [pa_fs.FileInfo(path, pa_fs.FileType.File) for path in paths]

    def open_input_file(self, path: str) -> pa.NativeFile:
        file = self._files.open(path)
        verified(file, self._files.address(path))
        return pa.PythonFile(file, mode="r")

    def open_input_stream(self, path: str) -> pa.NativeFile:
        return self.open_input_file(path)

    def _refused(self, *args: Any) -> Any:
        raise NotImplementedError("segments are only read")

    get_file_info_selector = create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refused
    delete_file = move = copy_file = open_output_stream = open_append_stream = _refused
