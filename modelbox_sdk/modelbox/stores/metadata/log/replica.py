"""This process's copy of the store, kept up with the log."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from modelbox.errors import CorruptStoreError
from modelbox.stores.files import Files
from modelbox.stores.metadata.log import manifest as manifests
from modelbox.stores.metadata.log.checkpoint import Checkpoint
from modelbox.stores.metadata.log.encoding import LoggedTransaction, decode_transaction, log_path
from modelbox.stores.metadata.log.manifest import DamagedCheckpointError
from modelbox.stores.metadata.log.parquet import ParquetReader
from modelbox.stores.metadata.log.state import Moment, State

_READ_AHEAD = 64
_FAR_BEHIND = 2000
_log = logging.getLogger("modelbox")
_parked: list[Any] = []


class Replica:
    """The fold of the log up to its tail. May be used from any thread.

    Files are read and decoded without a lock; only taking a transaction in holds one.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self.reader = ParquetReader(files)
        self._damaged: set[str] = set()
        self._new_locks()

    def _new_locks(self) -> None:
        self.lock = threading.RLock()
        self.advanced = threading.Condition(self.lock)
        """Notified when there are new changes."""
        self._opening = threading.Lock()
        self._state: State | None = None

    def _opened(self) -> State:
        """The state, which is read from the store when it is used first. Locks are taken in this order: opening, lock."""
        state = self._state
        if state is None:
            with self._opening:
                state = self._state
                if state is None:
                    state = self._state = self._load()
        return state

    @contextlib.contextmanager
    def held(self) -> Iterator[State]:
        """The state, under its lock."""
        self._opened()
        with self.lock:
            yield self._opened()

    def catch_up(self) -> bool:
        """Take in all transactions that were committed before this call; whether there were any that were not known."""
        was_open = self._state is not None
        return self._follow(self._opened()) or not was_open

    def number(self) -> int:
        """The last transaction that is known."""
        with self.held() as state:
            return state.number

    def moment(self) -> Moment:
        """The tables now."""
        with self.held() as state:
            return state.moment()

    def release(self, moment: Moment) -> None:
        """Say that a moment is not read any more, which spares a copy."""
        with self.held() as state:
            state.release(moment)

    def apply(self, transaction: LoggedTransaction) -> None:
        """Take in a transaction of this process, unless another thread has read it from the log already."""
        self._apply(self._opened(), [transaction])

    def replace_damaged(self, error: DamagedCheckpointError) -> None:
        """Do without a file of a checkpoint that is missing or damaged, from now on."""
        with self._opening:
            state = self._state
            if state is None or (state.base is not None and error.path in state.base.manifest.paths()):
                self._damaged.add(error.path)
                loaded = self._load()
                old, new = state and state.base, loaded.base
                if new is None or (old is not None and new.number <= old.number):
                    _log.warning("%s; going back to an older checkpoint, or to the log", error)
                with self.lock:
                    self._state = loaded
                    self.advanced.notify_all()

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole, as far as is known."""
        for number in reversed(manifests.numbers(self.files)):
            try:
                manifest = manifests.read_manifest(self.files, number)
            except DamagedCheckpointError as error:
                _log.warning("%s; using an older checkpoint", error)
                continue
            if not self._damaged & {*manifest.paths(), manifest.path}:
                return Checkpoint(manifest, self.reader)
        return None

    def forget_after_fork(self) -> None:
        """Start anew: the parent's locks may be held by threads that do not exist here."""
        _parked.append((self.lock, self.advanced, self._opening, self._state))
        self.reader.forget_after_fork()
        self._new_locks()

    def close(self) -> None:
        """Release what is held."""
        self.reader.close()

    def _load(self) -> State:
        while True:
            checkpoint = self.newest()
            try:
                small = manifests.load_small(self.files, checkpoint.manifest) if checkpoint else None
            except DamagedCheckpointError as error:
                _log.warning("%s; going back to an older checkpoint, or to the log", error)
                self._damaged.add(error.path)
                continue
            state = State(checkpoint, small)
            self._follow(state, replaceable=False)
            return self._complete(state)

    def _complete(self, state: State) -> State:
        """A log that ends before a checkpoint is not whole, and its numbers must not be used again."""
        known = manifests.numbers(self.files)
        if known and state.number < known[-1]:
            missing = self.files.address(log_path(state.number + 1))
            raise CorruptStoreError(
                f"{missing} is missing: the log ends before transaction {known[-1]}, whose checkpoint cannot be used either;"
                " restore the store from a backup"
            )
        return state

    def _follow(self, state: State, *, replaceable: bool = True) -> bool:
        ahead, followed, any_new = 1, 0, False
        while True:
            found = self._read(state.number + 1, ahead)
            if found:
                self._apply(state, found)
                any_new = True
            if len(found) < ahead:
                return any_new
            followed += len(found)
            ahead = min(ahead * 2, _READ_AHEAD)
            if replaceable and followed > _FAR_BEHIND:
                checkpoint = self.newest()
                followed = 0
                if checkpoint is not None and checkpoint.number > state.number:
                    state = self._leap(state)

    def _leap(self, behind: State) -> State:
        """Go on from a newer checkpoint, instead of reading thousands of transactions one by one."""
        with self._opening:
            if self._state is behind:
                loaded = self._load()
                with self.lock:
                    self._state = loaded
                    self.advanced.notify_all()
        return self._opened()

    def _read(self, first: int, count: int) -> list[LoggedTransaction]:
        if count == 1:
            path = log_path(first)
            if not self.files.may_exist(path):
                return []
            try:
                contents = {path: self.files.read(path)}
            except FileNotFoundError:
                return []
        else:
            contents = self.files.read_many([log_path(first + i) for i in range(count)])
        found = []
        for number in range(first, first + count):
            data = contents.get(log_path(number))
            if data is None:
                break
            found.append(self._decode(data, number))
        return found

    def _decode(self, data: bytes, number: int) -> LoggedTransaction:
        try:
            return decode_transaction(data, number, "")
        except CorruptStoreError:  # the full address takes longer to make than a transaction to read
            return decode_transaction(data, number, self.files.address(log_path(number)))

    def _apply(self, state: State, transactions: Iterable[LoggedTransaction]) -> None:
        with self.lock:
            seq = state.last_seq
            for transaction in transactions:
                if transaction.number == state.number + 1:
                    state.apply(transaction, self.files.url)
            if state.last_seq > seq:
                self.advanced.notify_all()
