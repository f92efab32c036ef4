"""The fold of the log, in memory."""

from __future__ import annotations

import bisect
import itertools
import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from modelbox.errors import CorruptStoreError
from modelbox.records import Action
from modelbox.stores.metadata.base import Row
from modelbox.stores.metadata.log.encoding import Entry, Key, LoggedTransaction, RowWrite, log_path
from modelbox.stores.metadata.tables import TABLES, Table

if TYPE_CHECKING:
    from modelbox.stores.metadata.log.checkpoint import Checkpoint

Found: TypeAlias = tuple[int, Key, Row]
"""Position in the order of creation, key, and the row itself, which is not to be changed."""


class SmallTable:
    """All rows of a table, in the order in which they were first put, with an index for each lookup column."""

    __slots__ = ("_indexes", "_next", "_rows", "_unsorted", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self._rows: dict[Key, tuple[int, Row]] = {}
        self._indexes: dict[str, dict[str, dict[Key, int]]] = {column: {} for column in table.lookups}
        # Buckets that rows entered by an update, so that their dict is not in the order of creation.
        self._unsorted: set[tuple[str, str]] = set()
        self._next = 0

    def copy(self) -> SmallTable:
        """A copy that shares rows, which are never changed in place."""
        copy = SmallTable(self.table)
        copy._rows = dict(self._rows)
        copy._indexes = {c: {value: dict(bucket) for value, bucket in index.items()} for c, index in self._indexes.items()}
        copy._unsorted = set(self._unsorted)
        copy._next = self._next
        return copy

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def next_position(self) -> int:
        """The position of the next new row."""
        return self._next

    def get(self, key: Key) -> tuple[int, Row] | None:
        """Position and row of a key."""
        return self._rows.get(key)

    def find(self, equals: dict[str, str], *, newest_first: bool = False) -> Iterator[Found]:
        """The rows whose columns have the given values, in order of creation."""
        indexed = [(column, value) for column, value in equals.items() if column in self._indexes]
        if not indexed:
            items = self._rows.items()
            return (
                (position, key, row)
                for key, (position, row) in (reversed(items) if newest_first else iter(items))
                if all(row[c] == v for c, v in equals.items())
            )
        column, value = min(indexed, key=lambda pair: len(self._indexes[pair[0]].get(pair[1], ())))
        bucket = self._indexes[column].get(value, {})
        keys: Iterable[Key]
        if (column, value) in self._unsorted:
            keys = sorted(bucket, key=bucket.__getitem__, reverse=newest_first)
        else:
            keys = reversed(bucket) if newest_first else bucket
        rest = {c: v for c, v in equals.items() if c != column}
        found = ((bucket[key], key, self._rows[key][1]) for key in keys)
        return (item for item in found if all(item[2][c] == v for c, v in rest.items())) if rest else found

    def put(self, key: Key, row: Row) -> None:
        """Insert a row, or replace one in its place."""
        old = self._rows.get(key)
        if old is None:
            position, before = self._next, None
            self._next += 1
        else:
            position, before = old
        self._rows[key] = (position, row)
        for column, index in self._indexes.items():
            value = row[column]
            if before is not None:
                if before[column] == value:
                    continue
                self._unindex(column, before[column], key)
            if value is not None:
                bucket = index.setdefault(value, {})
                if bucket and before is not None:
                    self._unsorted.add((column, value))
                bucket[key] = position

    def delete(self, key: Key) -> None:
        """Delete a row, or all rows whose keys begin so; missing rows are no error."""
        if len(key) == len(self.table.key):
            found = self._rows.pop(key, None)
            if found is not None:
                for column in self._indexes:
                    self._unindex(column, found[1][column], key)
            return
        for whole in self.keys_below(key):
            self.delete(whole)

    def keys_below(self, prefix: Key) -> list[Key]:
        """The keys that begin with a prefix."""
        equals = dict(zip(self.table.key, prefix, strict=False))
        return [key for _, key, _ in self.find(equals)]

    def _unindex(self, column: str, value: str | None, key: Key) -> None:
        if value is None:
            return
        bucket = self._indexes[column][value]
        del bucket[key]
        if not bucket:
            del self._indexes[column][value]
            self._unsorted.discard((column, value))


class Below(NamedTuple):
    """What was written under one first key column of a large table since its checkpoint."""

    cleared: int
    """The transaction that deleted all that was there before; 0 when none did."""
    rows: dict[Key, tuple[int, Row | None]]
    """By the rest of the key: the transaction, and the row or None when it was deleted."""


class LargeTable:
    """What was written to a table since a checkpoint, over the rows of the checkpoint, which stay where they are."""

    __slots__ = ("base", "overlay", "table")

    def __init__(self, table: Table, base: Checkpoint | None, overlay: dict[str, Below] | None = None) -> None:
        self.table = table
        self.base = base
        self.overlay = {} if overlay is None else overlay

    def copy(self) -> LargeTable:
        return LargeTable(self.table, self.base, dict(self.overlay))

    def below(self, first: str) -> dict[Key, Row]:
        """The rows under a first key column, by the rest of the key, in no order."""
        own = self.overlay.get(first)
        rows: dict[Key, Row] = {}
        if self.base is not None and (own is None or not own.cleared):
            rows = dict(self.base.rows_below(self.table.name, first))
        if own is not None:
            _overlay(rows, own)
        return rows

    def all(self) -> Iterator[tuple[str, dict[Key, Row]]]:
        """All rows, by the first key column, in no order."""
        seen = set()
        if self.base is not None:
            for first, rows in self.base.all_rows(self.table.name):
                own = self.overlay.get(first)
                if own is not None:
                    seen.add(first)
                    rows = {} if own.cleared else rows
                    _overlay(rows, own)
                yield first, rows
        for first, own in self.overlay.items():
            if first not in seen:
                rows = {}
                _overlay(rows, own)
                yield first, rows

    def apply(self, number: int, writes: list[RowWrite]) -> None:
        """Take in what a transaction wrote. What readers of a copy may hold is replaced, not changed."""
        fresh: dict[str, Below] = {}
        for _, key, row in writes:
            first, rest = key[0], key[1:]
            if row is None and (not rest or len(key) < len(self.table.key)):
                fresh[first] = Below(number, {})
                continue
            if first not in fresh:
                old = self.overlay.get(first, Below(0, {}))
                fresh[first] = Below(old.cleared, dict(old.rows))
            fresh[first].rows[rest] = (number, row)
        self.overlay.update(fresh)

    def rebase(self, base: Checkpoint) -> LargeTable:
        """The same rows over a newer checkpoint."""
        overlay = {}
        for first, own in self.overlay.items():
            rows = {rest: entry for rest, entry in own.rows.items() if entry[0] > base.number}
            cleared = own.cleared if own.cleared > base.number else 0
            if rows or cleared:
                overlay[first] = Below(cleared, rows)
        return LargeTable(self.table, base, overlay)


def _overlay(rows: dict[Key, Row], own: Below) -> None:
    for rest, (_, row) in own.rows.items():
        if row is None:
            rows.pop(rest, None)
        else:
            rows[rest] = row


class Moment:
    """The tables as they are now; they stay so, because the state copies a table before it changes it under a moment."""

    __slots__ = ("__weakref__", "large", "last_at_us", "last_seq", "number", "small")

    def __init__(self, state: State) -> None:
        self.number = state.number
        self.last_seq = state.last_seq
        self.last_at_us = state.last_at_us
        self.small = dict(state.small)
        self.large = dict(state.large)


class State:
    """Everything that a store knows. Its user holds a lock around every call."""

    def __init__(self, base: Checkpoint | None = None, small: dict[str, SmallTable] | None = None) -> None:
        self.base = base
        self.number = base.number if base else 0
        self.last_seq = base.last_seq if base else 0
        self.last_at_us = base.last_at_us if base else 0
        self.small = small or {name: SmallTable(table) for name, table in TABLES.items() if not table.large}
        self.large = {name: LargeTable(table, base) for name, table in TABLES.items() if table.large}
        self.tail: list[Entry] = []
        self.tail_bytes = 0
        self._sizes: list[int] = []
        self._events: dict[str, list[Entry]] = {}
        self._moments: weakref.WeakSet[Moment] = weakref.WeakSet()

    @property
    def base_seq(self) -> int:
        """The last change that is in the checkpoint and not in memory."""
        return self.base.last_seq if self.base else 0

    @property
    def tail_count(self) -> int:
        """Transactions since the checkpoint."""
        return self.number - (self.base.number if self.base else 0)

    def moment(self) -> Moment:
        """The tables now, to be read without the lock. Drop it with :meth:`release`, or by forgetting it."""
        moment = Moment(self)
        self._moments.add(moment)
        return moment

    def release(self, moment: Moment) -> None:
        """Say that a moment is not read any more, which spares a copy."""
        self._moments.discard(moment)

    def apply(self, transaction: LoggedTransaction, url: str) -> None:
        """Take in the next transaction."""
        if transaction.number != self.number + 1 or transaction.first_seq != self.last_seq + 1:
            raise CorruptStoreError(
                f"{url}/{log_path(transaction.number)} does not follow the transaction before it:"
                f" its first change is {transaction.first_seq}, the last one was {self.last_seq}"
            )
        for name in {write.table for write in transaction.writes}:
            self._own(name)
        for name, group in itertools.groupby(transaction.writes, key=lambda write: write.table):
            if name in self.small:
                table = self.small[name]
                for _, key, row in group:
                    if row is None:
                        table.delete(key)
                    else:
                        table.put(key, row)
            else:
                self.large[name].apply(transaction.number, list(group))
        for entry in transaction.entries:
            self.tail.append(entry)
            if entry.action == Action.LOGGED:
                self._events.setdefault(entry.uid, []).append(entry)
        self.number = transaction.number
        self.last_seq += len(transaction.entries)
        self.last_at_us = transaction.at_us
        self.tail_bytes += transaction.size
        self._sizes.append(transaction.size)

    def rebase(self, base: Checkpoint) -> None:
        """Forget what a newer checkpoint, of a transaction that is already here, has too."""
        old = self.base.number if self.base else 0
        if base.number <= old or base.number > self.number:
            return
        self.large = {name: table.rebase(base) for name, table in self.large.items()}
        self.tail = self.tail[bisect.bisect_right(self.tail, base.last_seq, key=lambda entry: entry.seq) :]
        self._sizes = self._sizes[base.number - old :]
        self.tail_bytes = sum(self._sizes)
        self._events = {}
        for entry in self.tail:
            if entry.action == Action.LOGGED:
                self._events.setdefault(entry.uid, []).append(entry)
        self.base = base

    def tail_after(self, seq: int) -> list[Entry]:
        """The changes in memory after a sequence number."""
        return self.tail[max(0, seq - self.base_seq) :]

    def tail_events(self, uid: str) -> list[Entry]:
        """The events in memory of one life of an object."""
        return list(self._events.get(uid, ()))

    def _own(self, name: str) -> None:
        if name in self.small:
            if any(moment.small[name] is self.small[name] for moment in self._moments):
                self.small[name] = self.small[name].copy()
        elif any(moment.large[name] is self.large[name] for moment in self._moments):
            self.large[name] = self.large[name].copy()
