"""The rows and changes of a checkpoint that stay in its files until somebody asks for them."""

from __future__ import annotations

import functools
import itertools
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from modelbox.stores.metadata.base import Row
from modelbox.stores.metadata.log.encoding import Entry, Key
from modelbox.stores.metadata.log.manifest import Manifest
from modelbox.stores.metadata.log.parquet import ParquetReader
from modelbox.stores.metadata.tables import JSON, TABLES, TIME

_CACHED = 64
_CACHED_ROWS = 1000
_ENTRY = 'seq, action, object_type, object_id, uid, namespace, epoch_us("at"), payload'


class Checkpoint:
    """A checkpoint of transaction ``number``, read lazily. May be used from any thread."""

    def __init__(self, manifest: Manifest, reader: ParquetReader) -> None:
        self.manifest = manifest
        self.number = manifest.number
        self.last_seq = manifest.last_seq
        self.last_at_us = manifest.last_at_us
        self._reader = reader
        self._cache: OrderedDict[tuple[str, str], dict[Key, Row]] = OrderedDict()
        self._lock = threading.Lock()

    def rows_below(self, table: str, first: str) -> dict[Key, Row]:
        """The rows of a large table under a first key column, by the rest of the key. Not to be changed."""
        file = self.manifest.tables.get(table)
        if file is None:
            return {}
        with self._lock:
            cached = self._cache.get((table, first))
            if cached is not None:
                self._cache.move_to_end((table, first))
                return cached
        query = f"select {_columns(table)} from {_source(table)} where {TABLES[table].key[0]} = ?"  # noqa: S608 - names of our own
        rows = dict(_keyed(table, self._reader.rows(file, query, [first])))
        if len(rows) <= _CACHED_ROWS:
            with self._lock:
                self._cache[table, first] = rows
                if len(self._cache) > _CACHED:
                    self._cache.popitem(last=False)
        return rows

    def all_rows(self, table: str) -> Iterator[tuple[str, dict[Key, Row]]]:
        """All rows of a large table, grouped by the first key column."""
        file = self.manifest.tables.get(table)
        if file is None:
            return
        first_column = TABLES[table].key[0]
        found = self._reader.rows(file, f"select {_columns(table)} from {_source(table)} order by {first_column}", [])  # noqa: S608
        for first, group in itertools.groupby(_keyed(table, found), key=lambda pair: pair[1][first_column]):
            yield first, dict(group)

    def changes(self, since: int, limit: int | None, namespace: str | None, action: str | None = None) -> list[Entry]:
        """The changes after ``since``, in order; with ``action``, only those that did this."""
        wanted = {name: value for name, value in (("namespace", namespace), ("action", action)) if value is not None}
        only = "".join(f" and {name} = ?" for name in wanted)
        entries: list[Entry] = []
        for segment in self.manifest.history:
            if segment.last_seq > since:
                parameters: list[Any] = [since, *map(str, wanted.values())]
                ending = "" if limit is None else f"limit {limit - len(entries)}"
                query = f"select {_ENTRY} from {{source}} where seq > ?{only} order by seq {ending}"  # noqa: S608
                entries += map(_entry, self._reader.rows(segment, query, parameters))
                if limit is not None and len(entries) >= limit:
                    break
        return entries

    def events(self, uid: str) -> list[Entry]:
        """The logged events of one life of an object, in order of commit."""
        query = f"select {_ENTRY} from {{source}} where uid = ? and action = 'logged' order by seq"  # noqa: S608
        found = (self._reader.rows(segment, query, [uid]) for segment in self.manifest.history)
        return [_entry(row) for rows in found for row in rows]


def _entry(row: tuple[Any, ...]) -> Entry:
    *plain, payload = row
    return Entry._make([*plain, json.loads(payload)])


@functools.cache
def _columns(table: str) -> str:
    columns = TABLES[table].columns.items()
    return ", ".join(f'epoch_us("{name}")' if kind == TIME else f'"{name}"' for name, kind in columns)


def _source(table: str) -> str:
    """What to read a table from, when its file may lack columns that older versions did not have."""
    added = TABLES[table].added
    if not added:
        return "{source}"
    return (
        f"(select * from {{source}} union all by name select {', '.join(f'null::varchar as {name}' for name in added)} where false)"  # noqa: S608
    )


def _keyed(name: str, found: list[tuple[Any, ...]]) -> Iterator[tuple[Key, Row]]:
    table = TABLES[name]
    columns, rest = list(table.columns), table.key[1:]
    parsed = [column for column, kind in table.columns.items() if kind == JSON]
    for values in found:
        row = dict(zip(columns, values, strict=True))
        for column in parsed:
            if row[column] is not None:
                row[column] = json.loads(row[column])
        yield tuple([row[column] for column in rest]), row
