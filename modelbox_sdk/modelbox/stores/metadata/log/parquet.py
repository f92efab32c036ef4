"""Reading the Parquet files of checkpoints: with DuckDB from a local folder, from Arrow in memory where there is none."""

from __future__ import annotations

import collections
import threading
from typing import TYPE_CHECKING, Any

from modelbox.errors import UnavailableError
from modelbox.stores.files import Files
from modelbox.stores.metadata.log.manifest import DamagedCheckpointError, StoredFile

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_IN_MEMORY = 16
_parked: list[Any] = []


class ParquetReader:
    """Runs queries over immutable Parquet files, each of which is verified when it is used for the first time.

    DuckDB and pyarrow are imported when they are needed first: a quarter of a second each.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._verified: set[str] = set()
        self._loaded: collections.OrderedDict[str, pa.Table] = collections.OrderedDict()

    def rows(self, file: StoredFile, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        """Run a query, in which ``{source}`` stands for the file.

        Raises:
            DamagedCheckpointError: The file is missing, or not what was written.
        """
        import duckdb

        path = self._files.local_path(file.path)
        try:
            with self._cursor() as cursor:
                if path is None:
                    cursor.register("source", self._in_memory(file))
                    source = "source"
                else:
                    self._verify(file)
                    source = "read_parquet('{}')".format(path.replace("'", "''"))
                return cursor.execute(query.format(source=source), parameters).fetchall()
        except duckdb.Error as error:
            self.read(file)  # tells missing and damaged files from everything else
            raise UnavailableError(f"cannot read {self._files.address(file.path)}: {error}") from error

    def read(self, file: StoredFile) -> bytes:
        """The verified content of a file.

        Raises:
            DamagedCheckpointError: The file is missing, or not what was written.
        """
        place = self._files.address(file.path)
        try:
            return file.check(self._files.read(file.path), place)
        except FileNotFoundError as error:
            raise DamagedCheckpointError(f"{place} is missing", file.path) from error

    def table(self, file: StoredFile) -> pa.Table:
        """The whole file as Arrow."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        data = self.read(file)
        try:
            return pq.ParquetFile(pa.BufferReader(data)).read()  # read_table would load pandas
        except pa.ArrowException as error:
            raise DamagedCheckpointError(f"{self._files.address(file.path)} is damaged: {error}", file.path) from error

    def forget_after_fork(self) -> None:
        """Let go of the parent's connection without closing it."""
        _parked.append((self._connection, self._lock, self._loaded))
        self._connection = None
        self._lock = threading.Lock()
        self._loaded = collections.OrderedDict()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            connection, self._connection = self._connection, None
            self._loaded.clear()
        if connection is not None:
            connection.close()

    def _verify(self, file: StoredFile) -> None:
        if file.path not in self._verified:
            self.read(file)
            self._verified.add(file.path)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        with self._lock:
            if self._connection is None:
                self._connection = duckdb.connect(":memory:", config={"threads": "2", "autoinstall_known_extensions": "false"})
                self._connection.execute("set enable_progress_bar = false; set parquet_metadata_cache = true")
            return self._connection.cursor()

    def _in_memory(self, file: StoredFile) -> pa.Table:
        with self._lock:
            table = self._loaded.pop(file.path, None)
        if table is None:
            table = self.table(file)
        with self._lock:
            self._loaded[file.path] = table
            while len(self._loaded) > _IN_MEMORY:
                self._loaded.popitem(last=False)
        return table
