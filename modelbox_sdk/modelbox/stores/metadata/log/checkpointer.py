"""Writing checkpoints, in the background."""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import random
import threading
import time
import weakref
import zlib
from typing import TYPE_CHECKING, Any

from modelbox.columns import empty
from modelbox.errors import ModelBoxError
from modelbox.stores.metadata.log import manifest as manifests
from modelbox.stores.metadata.log.checkpoint import Checkpoint
from modelbox.stores.metadata.log.encoding import Entry
from modelbox.stores.metadata.log.manifest import FOLDER, HISTORY, DamagedCheckpointError, Manifest, StoredFile
from modelbox.stores.metadata.log.replica import Replica
from modelbox.stores.metadata.log.state import Moment, State
from modelbox.stores.metadata.log.turns import Turns

if TYPE_CHECKING:
    import pyarrow as pa

EXIT_WAIT_S = 10.0
_ROW_GROUP = 8192
_LARGEST_SEGMENT = 2_000_000
_PATIENCE = 1.25
_OVERDUE = 4.0
"""A checkpoint that is so late is written although another process holds the lock for it: that one may have been stopped."""
_ALIVE_ROWS_PER_TRANSACTION = 50
_log = logging.getLogger("modelbox")
_running: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_parked: list[Any] = []


class Checkpointer:
    """Writes a checkpoint when enough has been committed since the last one, or takes over one that another process wrote.

    Args:
        replica: The store.
        every: A checkpoint is due after so many transactions. In a store with very many rows more are waited for, so that
            writing stays a small part of the work, and reading the tail a small part of opening.
        every_bytes: A checkpoint is due when the transactions since the last one have so many bytes.
    """

    def __init__(self, replica: Replica, every: int, every_bytes: int) -> None:
        self._replica = replica
        self._every = every
        self._every_bytes = every_bytes
        self._thread: threading.Thread | None = None
        self._retry_at = 0
        self._patience = _PATIENCE + random.random()  # noqa: S311 - spreads processes, keeps no secret
        self._turns = Turns(replica.files.local_path("metadata/checkpoints.lock"))
        self._writing = threading.Lock()
        # Held while the thread works; fork waits for it. What pyarrow or an import has locked then would stay locked in the child.
        self._gate = threading.Lock()
        self._closed = False
        _checkpointers.add(self)

    def consider(self, *, committed: bool) -> None:
        """Start writing a checkpoint if one is due.

        The process whose commit made it due begins; the others, who only read that commit, leave it some time.
        """
        with self._replica.held() as state:
            if self._closed or (self._thread is not None and self._thread.is_alive()):
                return
            if not self._is_due(state, 1.0 if committed else self._patience):
                return
            # The thread imports it, by way of pyarrow, and it releases a lock after each fork that it takes before one: imported
            # while a fork waits for the thread, it makes Python complain that the lock was not taken.
            import concurrent.futures.thread  # noqa: F401

            thread = self._thread = threading.Thread(target=self._run, name="modelbox-checkpoint", daemon=True)
            _join_at_exit(thread)
        thread.start()

    def write_now(self) -> None:
        """Write a checkpoint of what is committed now."""
        self._replica.catch_up()
        self._write()

    def forget_after_fork(self) -> None:
        """The thread, if there was one, is not in the child."""
        _parked.append((self._thread, self._writing, self._gate))
        _running.clear()
        self._writing = threading.Lock()
        self._gate = threading.Lock()
        self._thread = None

    def close(self) -> None:
        """Wait for a checkpoint that is being written, but not for long."""
        with self._replica.lock:
            self._closed = True
        self._join(EXIT_WAIT_S)

    def _join(self, timeout_s: float | None) -> None:
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _is_due(self, state: State, patience: float) -> bool:
        if state.number < self._retry_at:
            return False
        alive = sum(map(len, state.small.values()))
        if state.base is not None:
            alive += sum(file.rows for file in state.base.manifest.tables.values())
        every = max(self._every, alive // _ALIVE_ROWS_PER_TRANSACTION)
        return state.tail_count >= every * patience or state.tail_bytes >= self._every_bytes * patience

    def _run(self) -> None:
        with self._gate:
            self._write_if_due()

    def _write_if_due(self) -> None:
        try:
            from modelbox.stores.metadata.log import arrow  # noqa: F401 - takes long, so that another process may be done by then

            with self._turns.alone() as alone:
                self._take_over()
                with self._replica.held() as state:
                    due = not self._closed and self._is_due(state, 1.0 if alone else _OVERDUE)
                if due:
                    self._write()
        except DamagedCheckpointError as error:
            self._replica.replace_damaged(error)
        except (ModelBoxError, MemoryError) as error:
            # The log has everything: the next one may succeed.
            _log.warning("a checkpoint of the metadata could not be written: %s", error)
            with self._replica.held() as state:
                self._retry_at = state.number + self._every

    def _take_over(self) -> None:
        newest = self._replica.newest()
        if newest is not None:
            with self._replica.held() as state:
                state.rebase(newest)

    def _write(self) -> None:
        with self._writing:
            self._take_over()
            self._write_over()

    def _write_over(self) -> None:
        with self._replica.held() as state:
            moment, base, tail = state.moment(), state.base, list(state.tail)
        if moment.number == (base.number if base else 0):
            return
        try:
            manifest = self._write_files(moment, base, tail)
            self._replica.files.create(manifest.path, manifest.encode())
        except FileExistsError:  # another process was faster, with the same content in other files
            self._discard(manifest, base)
            self._take_over()
            return
        finally:
            self._replica.release(moment)
        with self._replica.held() as state:
            state.rebase(Checkpoint(manifest, self._replica.reader))
        manifests.clean(self._replica.files)

    def _discard(self, manifest: Manifest, base: Checkpoint | None) -> None:
        for path in manifest.paths() - (base.manifest.paths() if base else set()):
            self._replica.files.delete(path)

    def _write_files(self, moment: Moment, base: Checkpoint | None, tail: list[Entry]) -> Manifest:
        from modelbox.stores.metadata.log import arrow

        folder = f"{FOLDER}/{moment.number:020d}-{os.urandom(4).hex()}"
        before = base.manifest if base else None
        state = self._store(f"{folder}/state.json", manifests.encode_small(moment.small), sum(map(len, moment.small.values())))
        tables = {}
        for name, small in moment.small.items():
            if len(small):
                rows = arrow.rows_table(small.table, (row for _, _, row in small.find({})))
                tables[name] = self._store_table(f"{folder}/{name}.parquet", rows)
        for name, large in moment.large.items():
            stored = before.tables.get(name) if before else None
            if not large.overlay:
                if stored is not None:
                    tables[name] = stored
                continue
            old = self._replica.reader.table(stored) if stored else empty(arrow.schema(large.table))
            merged = arrow.merged_table(large.table, old, large.overlay)
            if merged.num_rows:
                tables[name] = self._store_table(f"{folder}/{name}.parquet", merged)
        return Manifest(
            number=moment.number,
            last_seq=moment.last_seq,
            last_at_us=moment.last_at_us,
            state=state,
            tables=tables,
            history=self._write_history(before.history if before else [], tail),
        )

    def _write_history(self, before: list[StoredFile], tail: list[Entry]) -> list[StoredFile]:
        """Add the tail to the history. Neighbours of similar size are merged, so that the number of files stays logarithmic."""
        if not tail:
            return before
        import pyarrow as pa

        from modelbox.stores.metadata.log import arrow

        segments, pieces, rows = list(before), [arrow.entries_table(tail)], len(tail)
        while segments and segments[-1].rows <= 2 * rows and segments[-1].rows + rows <= _LARGEST_SEGMENT:
            last = segments.pop()
            pieces.insert(0, self._replica.reader.table(last))
            rows += last.rows
        merged = pa.concat_tables(pieces)
        first_seq, last_seq = merged["seq"][0].as_py(), merged["seq"][-1].as_py()
        path = f"{HISTORY}/changes-{first_seq:020d}-{last_seq:020d}-{os.urandom(4).hex()}.parquet"
        stored = self._store_table(path, merged)
        return [*segments, stored._replace(first_seq=first_seq, last_seq=last_seq)]

    def _store_table(self, path: str, table: pa.Table) -> StoredFile:
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", row_group_size=_ROW_GROUP)
        return self._store(path, sink.getvalue().to_pybytes(), table.num_rows)

    def _store(self, path: str, data: bytes, rows: int) -> StoredFile:
        self._replica.files.write(path, data)
        return StoredFile(path, len(data), f"{zlib.crc32(data):08x}", rows)


def _join_at_exit(thread: threading.Thread) -> None:
    """A thread inside pyarrow when the interpreter ends aborts the process."""
    _register()
    _running.add(thread)


def _register() -> None:
    if next(_registrations) == 0:
        atexit.register(_wait_for_running)


def _wait_for_running() -> None:
    for thread in list(_running):
        thread.join(EXIT_WAIT_S)


_registrations = itertools.count()


_FORK_WAIT_S = 15.0
"""The first checkpoint of a process imports pyarrow, which takes seconds on a machine that has too much to do."""
_checkpointers: weakref.WeakSet[Checkpointer] = weakref.WeakSet()
_held: list[tuple[Checkpointer, threading.Lock]] = []


def _before_fork() -> None:
    deadline = time.monotonic() + _FORK_WAIT_S
    for checkpointer in list(_checkpointers):
        gate = checkpointer._gate
        if gate.acquire(timeout=max(0.0, deadline - time.monotonic())):
            _held.append((checkpointer, gate))


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop()[1].release()


def _after_fork_in_child() -> None:
    while _held:
        _held.pop()[0]._gate = threading.Lock()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
