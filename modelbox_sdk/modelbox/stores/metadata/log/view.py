"""Reading one moment of the store, and a transaction's own writes over it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from modelbox.errors import InvalidArgumentError
from modelbox.records import Action
from modelbox.stores.metadata.base import NewChange, Row, Transaction, View
from modelbox.stores.metadata.log.encoding import (
    Entry,
    Key,
    LoggedTransaction,
    RowWrite,
    copy_row,
    dumps,
    encode_change,
    encode_transaction,
    iso_from_us,
    whole_row,
)
from modelbox.stores.metadata.tables import TABLES, Table

if TYPE_CHECKING:
    from modelbox.stores.metadata.log.state import LargeTable, Moment, SmallTable


class LogView(View):
    """The tables at one moment."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def get(self, table: str, *key: str) -> Row | None:
        _check_key(table, key, whole=True)
        row = self._small_row(table, key) if table in self._moment.small else self._below(table, key[0]).get(key[1:])
        return None if row is None else copy_row(table, row)

    def select(self, table: str, *, newest_first: bool = False, limit: int | None = None, **equals: str) -> list[Row]:
        _check_columns(table, equals)
        if table in self._moment.small:
            rows: Iterator[Row] = self._small_rows(table, equals, newest_first, limit)
        else:
            rows = self._large_rows(table, equals, newest_first)
        return [copy_row(table, row) for row in islice(rows, limit)]

    def _small_row(self, table: str, key: Key) -> Row | None:
        found = self._moment.small[table].get(key)
        return None if found is None else found[1]

    def _small_rows(
        self,
        table: str,
        equals: dict[str, str],
        newest_first: bool,
        limit: int | None,  # noqa: ARG002 - spares a transaction from merging more
    ) -> Iterator[Row]:
        return (row for _, _, row in self._moment.small[table].find(equals, newest_first=newest_first))

    def _below(self, table: str, first: str) -> dict[Key, Row]:
        return self._moment.large[table].below(first)

    def _all(self, table: str) -> Iterable[tuple[str, dict[Key, Row]]]:
        return self._moment.large[table].all()

    def _large_rows(self, table: str, equals: dict[str, str], newest_first: bool) -> Iterator[Row]:
        first_column = TABLES[table].key[0]
        groups = [(equals[first_column], self._below(table, equals[first_column]))] if equals else self._all(table)
        found = [((first, *rest), row) for first, rows in groups for rest, row in rows.items()]
        found.sort(key=lambda pair: pair[0], reverse=newest_first)
        return (row for _, row in found)


class _SmallWrites:
    """What a transaction wrote to a small table: position and row, or None for a deleted one, by key."""

    def __init__(self, table: SmallTable) -> None:
        self.table = table
        self.rows: dict[Key, tuple[int, Row] | None] = {}
        self._next = table.next_position

    def put(self, key: Key, row: Row) -> None:
        old = self.rows[key] if key in self.rows else self.table.get(key)
        if old is None:
            old = (self._next, row)
            self._next += 1
        self.rows[key] = (old[0], row)

    def delete(self, key: Key) -> None:
        if len(key) == len(self.table.table.key):
            self.rows[key] = None
            return
        for whole in [*self.table.keys_below(key), *(own for own in self.rows if own[: len(key)] == key)]:
            self.rows[whole] = None

    def find(self, equals: dict[str, str], newest_first: bool, limit: int | None) -> Iterator[Row]:
        stored = (item for item in self.table.find(equals, newest_first=newest_first) if item[1] not in self.rows)
        found = [(position, row) for position, _, row in islice(stored, limit)]
        own = (pair for pair in self.rows.values() if pair is not None)
        found += [pair for pair in own if all(pair[1][column] == value for column, value in equals.items())]
        found.sort(key=lambda pair: pair[0], reverse=newest_first)
        return (row for _, row in found)


class _LargeWrites:
    """What a transaction wrote to a large table, by the first key column: was all before deleted, and the rows."""

    def __init__(self, table: LargeTable) -> None:
        self._table = table
        self._below: dict[str, tuple[bool, dict[Key, Row | None]]] = {}

    def put(self, key: Key, row: Row) -> None:
        self._below.setdefault(key[0], (False, {}))[1][key[1:]] = row

    def delete(self, key: Key) -> None:
        if len(key) < len(self._table.table.key):
            self._below[key[0]] = (True, {})
        else:
            self._below.setdefault(key[0], (False, {}))[1][key[1:]] = None

    def below(self, first: str) -> dict[Key, Row]:
        cleared, own = self._below.get(first, (False, {}))
        return self._merged({} if cleared else self._table.below(first), own)

    def all(self) -> Iterator[tuple[str, dict[Key, Row]]]:
        seen = set()
        for first, rows in self._table.all():
            seen.add(first)
            cleared, own = self._below.get(first, (False, {}))
            yield first, self._merged({} if cleared else rows, own)
        for first, (_, own) in self._below.items():
            if first not in seen:
                yield first, self._merged({}, own)

    @staticmethod
    def _merged(rows: dict[Key, Row], own: dict[Key, Row | None]) -> dict[Key, Row]:
        for rest, row in own.items():
            if row is None:
                rows.pop(rest, None)
            else:
                rows[rest] = row
        return rows


class LogTransaction(LogView, Transaction):
    """Collects writes as JSON, the form in which they are stored, so that every reader sees the very same rows."""

    def __init__(self, moment: Moment, now_us: int) -> None:
        super().__init__(moment)
        self._now_us = now_us
        self._small: dict[str, _SmallWrites] = {}
        self._large: dict[str, _LargeWrites] = {}
        self._writes: list[RowWrite] = []
        self._encoded_writes: list[str] = []
        self._entries: list[Entry] = []
        self._encoded_changes: list[str] = []

    @property
    def now_us(self) -> int:
        return self._now_us

    @property
    def number(self) -> int:
        """The number under which it is to be committed."""
        return self._moment.number + 1

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self._writes and not self._entries

    def put(self, table: str, row: Row) -> None:
        text = dumps(row)
        whole = whole_row(_table(table), json.loads(text))
        key = tuple(whole[column] for column in TABLES[table].key)
        self._encoded_writes.append(f'{{"put":["{table}",{text}]}}')
        self._writes.append(RowWrite(table, key, whole))
        self._own(table).put(key, whole)

    def delete(self, table: str, *key: str) -> None:
        _check_key(table, key, whole=False)
        self._encoded_writes.append(f'{{"delete":{dumps([table, *key])}}}')
        self._writes.append(RowWrite(table, key, None))
        self._own(table).delete(key)

    def record(self, change: NewChange) -> None:
        payload = change.payload
        if change.action == Action.LOGGED:
            payload = {
                "name": payload["name"],
                "source": payload["source"],
                "wallclock": _wallclock(payload["wallclock_us"]),
                "metadata": dict(payload["metadata"]),
            }
        text = dumps(dict(payload))
        seq = self._moment.last_seq + 1 + len(self._entries)
        encoded = encode_change(seq, change, text)
        entry = Entry(
            seq,
            str(change.action),
            str(change.object_type),
            change.object_id,
            change.uid,
            change.namespace,
            self._now_us,
            json.loads(text),
        )
        self._encoded_changes.append(encoded)
        self._entries.append(entry)

    def encode(self, ident: str) -> tuple[bytes, LoggedTransaction]:
        """The file of this transaction, and what a reader of that file gets."""
        number, first_seq = self.number, self._moment.last_seq + 1
        data = encode_transaction(number, ident, self._now_us, first_seq, self._encoded_changes, self._encoded_writes)
        logged = LoggedTransaction(number, ident, self._now_us, first_seq, self._entries, self._writes, len(data))
        return data, logged

    def _own(self, table: str) -> _SmallWrites | _LargeWrites:
        if table in self._moment.small:
            if table not in self._small:
                self._small[table] = _SmallWrites(self._moment.small[table])
            return self._small[table]
        if table not in self._large:
            self._large[table] = _LargeWrites(self._moment.large[table])
        return self._large[table]

    def _small_row(self, table: str, key: Key) -> Row | None:
        own = self._small.get(table)
        if own is None or key not in own.rows:
            return super()._small_row(table, key)
        found = own.rows[key]
        return None if found is None else found[1]

    def _small_rows(self, table: str, equals: dict[str, str], newest_first: bool, limit: int | None) -> Iterator[Row]:
        own = self._small.get(table)
        if own is None:
            return super()._small_rows(table, equals, newest_first, limit)
        return own.find(equals, newest_first, limit)

    def _below(self, table: str, first: str) -> dict[Key, Row]:
        own = self._large.get(table)
        return super()._below(table, first) if own is None else own.below(first)

    def _all(self, table: str) -> Iterable[tuple[str, dict[Key, Row]]]:
        own = self._large.get(table)
        return super()._all(table) if own is None else own.all()


def _table(name: str) -> Table:
    try:
        return TABLES[name]
    except KeyError:
        raise InvalidArgumentError(f"there is no table {name!r}; there are {', '.join(TABLES)}") from None


def _check_key(name: str, key: Key, *, whole: bool) -> None:
    columns = _table(name).key
    if len(key) != len(columns) and (whole or len(key) != 1):
        raise InvalidArgumentError(f"the key of table {name} is {', '.join(columns)}; {len(key)} values were given")
    for column, value in zip(columns, key, strict=False):
        if not isinstance(value, str):
            raise InvalidArgumentError(f"{name}.{column} must be text, not {value!r}")


def _check_columns(name: str, equals: dict[str, str]) -> None:
    table = _table(name)
    for column in equals:
        if column not in table.columns:
            raise InvalidArgumentError(f"table {name} has no column {column!r}")
        if table.large and column != table.key[0]:
            raise InvalidArgumentError(f"table {name} is large: it can only be read by {table.key[0]}, not by {column}")


def _wallclock(us: int) -> str:
    try:
        return iso_from_us(us)
    except OverflowError:
        raise InvalidArgumentError(f"wallclock {us} µs is not between the years 1 and 9999") from None
