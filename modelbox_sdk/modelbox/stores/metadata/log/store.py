"""Metadata as numbered files, one for each transaction, in a folder or in object storage."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from modelbox.errors import ModelBoxError, UnavailableError
from modelbox.findings import Fault
from modelbox.records import Change, Event, PendingEvent
from modelbox.stores.files import Files
from modelbox.stores.metadata.base import MetadataStore, Row, Transaction, View
from modelbox.stores.metadata.log import feed
from modelbox.stores.metadata.log.checkpointer import Checkpointer
from modelbox.stores.metadata.log.encoding import decode_transaction, log_path
from modelbox.stores.metadata.log.manifest import DamagedCheckpointError
from modelbox.stores.metadata.log.replica import Replica
from modelbox.stores.metadata.log.turns import Turns
from modelbox.stores.metadata.log.view import LogTransaction, LogView

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

CHECKPOINT_EVERY = 1000
CHECKPOINT_BYTES = 16 << 20
CLOCK_SKEW_US = 10_000_000
"""Clocks that differ by less than this still give times that grow from transaction to transaction."""
_LONGEST_RACE_S = 60.0
_CONTENDED_S = 0.5
_parked: list[Any] = []


class LogMetadataStore(MetadataStore):
    """A metadata store that any number of processes share without a server.

    Opening reads the newest checkpoint and the transactions after it; nothing is read before the first call. Every transaction
    is serialisable: it is committed by creating the file with the next number, which only one writer can do.

    Args:
        files: Where the store lies. It is not closed with the store.
        checkpoint_every: Transactions between checkpoints.
        checkpoint_bytes: Bytes of transactions between checkpoints, when these are fewer.
    """

    def __init__(self, files: Files, *, checkpoint_every: int = CHECKPOINT_EVERY, checkpoint_bytes: int = CHECKPOINT_BYTES) -> None:
        self._files = files
        self._replica = Replica(files)
        self._checkpointer = Checkpointer(self._replica, checkpoint_every, checkpoint_bytes)
        self._turns = Turns(files.local_path("metadata/lock"))
        self._waiting = feed.Waiting(self._replica)
        self._committing = threading.Lock()
        self._contended_until = 0.0
        self._closed = False

    def transact(self, body: Callable[[Transaction], T]) -> T:
        self._check_open()
        with self._committing, contextlib.ExitStack() as held:
            queued = False
            deadline = time.monotonic() + _LONGEST_RACE_S
            while True:
                if not queued and time.monotonic() < self._contended_until:
                    queued = self._queue(held) >= 0
                self._catch_up()
                try:
                    transaction, result = self._run(body)
                except DamagedCheckpointError as error:
                    self._replica.replace_damaged(error)
                    continue
                if transaction.is_empty:
                    return result
                if not queued:
                    queued = True
                    if self._queue(held) >= transaction.number:
                        continue
                if self._commit(transaction):
                    return result
                if time.monotonic() > deadline:
                    raise UnavailableError(
                        f"cannot commit to {self._files.url}: other writers were faster for {_LONGEST_RACE_S:.0f} s; try again"
                    )

    def view(self) -> View:
        self._check_open()
        self._catch_up()
        return _CommittedView(self._replica)

    def last_seq(self) -> int:
        self._check_open()
        self._catch_up()
        with self._replica.held() as state:
            return state.last_seq

    def changes(self, *, since: int, limit: int | None = None, namespace: str | None = None) -> list[Change]:
        self._check_open()
        self._catch_up()
        return _healing(self._replica, lambda: feed.changes(self._replica, since, limit, namespace))

    def logged(self, *, since: int, limit: int | None = None, namespace: str | None = None) -> list[PendingEvent]:
        self._check_open()
        self._catch_up()
        return _healing(self._replica, lambda: feed.logged(self._replica, since, limit, namespace))

    def wait(self, since: int, timeout_s: float) -> bool:
        self._check_open()
        found = self._waiting.wait(since, timeout_s)
        self._checkpointer.consider(committed=False)
        return found

    def events(self, uid: str, *, since_us: int | None = None) -> list[Event]:
        self._check_open()
        self._catch_up()
        return _healing(self._replica, lambda: feed.events(self._replica, uid, since_us))

    def snapshot(self) -> dict[str, pa.Table]:
        self._check_open()
        self._catch_up()
        return _healing(self._replica, lambda: feed.snapshot(self._replica))

    def checkpoint(self) -> None:
        """Write a checkpoint now, which spares the next process that opens the store from reading the log since the last one."""
        self._check_open()
        _healing(self._replica, self._checkpointer.write_now)

    def check(self) -> Iterator[Fault]:
        from modelbox.stores.metadata.log.checking import check

        self._check_open()
        return check(self._files, self._replica.reader)

    def quarantine(self, fault: Fault, folder: str) -> None:
        from modelbox.stores.metadata.log.checking import quarantine

        quarantine(self._files, fault, folder)

    def forget_after_fork(self) -> None:
        _parked.append(self._committing)
        self._committing = threading.Lock()
        self._replica.forget_after_fork()
        self._checkpointer.forget_after_fork()
        self._waiting = feed.Waiting(self._replica)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._waiting.close()
            self._checkpointer.close()
            self._replica.close()

    def _check_open(self) -> None:
        if self._closed:
            raise UnavailableError(f"the store at {self._files.url} is closed; open it again")

    def _catch_up(self) -> None:
        if self._replica.catch_up():
            self._checkpointer.consider(committed=False)

    def _run(self, body: Callable[[Transaction], T]) -> tuple[LogTransaction, T]:
        moment = self._replica.moment()
        try:
            transaction = LogTransaction(moment, _later(moment.last_at_us))
            return transaction, body(transaction)
        finally:
            self._replica.release(moment)

    def _queue(self, held: contextlib.ExitStack) -> int:
        """Wait for this process's turn; the number of the last transaction by then."""
        before = self._replica.number()
        held.enter_context(self._turns.turn())
        self._replica.catch_up()
        after = self._replica.number()
        if after > before:
            self._contended_until = time.monotonic() + _CONTENDED_S
            self._turns.trust()
        return after

    def _commit(self, transaction: LogTransaction) -> bool:
        """Create the file; whether this writer was the first."""
        ident = os.urandom(8).hex()
        data, logged = transaction.encode(ident)
        path = log_path(logged.number)
        try:
            self._files.create(path, data)
        except FileExistsError:
            if not self._is_own(path, logged.number, ident):
                self._contended_until = time.monotonic() + _CONTENDED_S
                return False
        except UnavailableError:
            # The storage may have taken it nevertheless, and only its answer was lost.
            owner = self._owner_after_failure(path, logged.number)
            if owner is None:
                raise
            if owner != ident:
                return False
        self._replica.apply(logged)
        self._checkpointer.consider(committed=True)
        return True

    def _is_own(self, path: str, number: int, ident: str) -> bool:
        try:
            return self._owner(path, number) == ident
        except FileNotFoundError:  # a network file system whose listing lags
            time.sleep(self._files.poll_s)
            return False

    def _owner_after_failure(self, path: str, number: int) -> str | None:
        try:
            return self._owner(path, number)
        except (ModelBoxError, FileNotFoundError):
            return None

    def _owner(self, path: str, number: int) -> str:
        return decode_transaction(self._files.read(path), number, self._files.address(path)).id


class _CommittedView(View):
    """What is committed now. When the checkpoint below it turns out to be damaged, it goes on with what replaces it."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._view = LogView(replica.moment())

    def get(self, table: str, *key: str) -> Row | None:
        return self._healing(lambda view: view.get(table, *key))

    def select(self, table: str, *, newest_first: bool = False, limit: int | None = None, **equals: str) -> list[Row]:
        return self._healing(lambda view: view.select(table, newest_first=newest_first, limit=limit, **equals))

    def _healing(self, read: Callable[[LogView], T]) -> T:
        while True:
            try:
                return read(self._view)
            except DamagedCheckpointError as error:
                self._replica.replace_damaged(error)
                self._view = LogView(self._replica.moment())


def _healing(replica: Replica, read: Callable[[], T]) -> T:
    while True:
        try:
            return read()
        except DamagedCheckpointError as error:
            replica.replace_damaged(error)


def _later(last_us: int) -> int:
    """The time of the next transaction.

    Times grow while clocks agree within some seconds. A machine whose clock is far ahead stamps its own transactions with it, and
    no one else's: the order of transactions is their number, never their time.
    """
    now = time.time_ns() // 1000
    return last_us + 1 if now <= last_us <= now + CLOCK_SKEW_US else now
