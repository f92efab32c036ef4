"""The bytes of a log: one JSON object for each transaction, sealed with a checksum.

A transaction file, here with line breaks that the real one has not::

    {"format":1, "number":42, "id":"9f3c...", "at":"2026-03-01T12:00:00.000123+00:00",
     "writer":{"host":"gpu7","pid":4711,"user":"ada"}, "first_seq":97,
     "changes":[{"seq":97,"action":"created","object_type":"experiment","object_id":"...","uid":"...","namespace":"default",
                 "payload":{...}}],
     "rows":[{"put":["experiments",{"id":"...","created_at":1772366400000123,...}]}, {"delete":["tags","<model id>","prod"]}],
     "crc32":"5e0c1a77"}

``crc32`` covers every byte before ``,"crc32"``. Times in rows are microseconds since the epoch. A deletion that names only the
first column of a key deletes all rows that have it. The payload of a logged event is as readers of the feed see it: ``name``,
``source``, ``wallclock`` (ISO 8601, UTC, microseconds) and ``metadata``.
"""

from __future__ import annotations

import functools
import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from modelbox.errors import CorruptStoreError, InvalidArgumentError
from modelbox.records import Action, Change, ObjectType, datetime_from_us, us_from_datetime
from modelbox.settings import default_owner
from modelbox.stores.metadata.base import NewChange, Row
from modelbox.stores.metadata.tables import INTEGER, JSON, TABLES, TEXT, TIME, Table

FORMAT = 1
LIMIT_BYTES = 32 << 20
"""A transaction must stay one PUT: above its part size s3fs turns to multipart, which has no exclusive create."""

Key: TypeAlias = tuple[str, ...]

_SEAL = b',"crc32":"%08x"}\n'
_SEAL_SIZE = len(_SEAL % 0)
_INT64 = 1 << 63


class Entry(NamedTuple):
    """A change as the log has it."""

    seq: int
    action: str
    object_type: str
    object_id: str
    uid: str
    namespace: str
    at_us: int
    payload: dict[str, Any]

    def change(self) -> Change:
        """The change as readers see it, with a payload of its own."""
        return Change(
            seq=self.seq,
            action=Action(self.action),
            object_type=ObjectType(self.object_type),
            object_id=self.object_id,
            namespace=self.namespace,
            at=datetime_from_us(self.at_us),
            payload=copy_json(self.payload),
        )


class RowWrite(NamedTuple):
    """A row that is put, or a key (or its first column) that is deleted."""

    table: str
    key: Key
    row: Row | None


@dataclass(frozen=True, slots=True)
class LoggedTransaction:
    """A transaction as the log has it."""

    number: int
    id: str
    at_us: int
    first_seq: int
    entries: list[Entry]
    writes: list[RowWrite]
    size: int


def log_path(number: int) -> str:
    """Where a transaction lies."""
    return f"metadata/log/{number:020d}.json"


def iso_from_us(us: int) -> str:
    """ISO 8601 in UTC, always with six digits of a second."""
    return datetime_from_us(us).isoformat(timespec="microseconds")


def us_from_iso(text: str) -> int:
    """The inverse of :func:`iso_from_us`."""
    return us_from_datetime(datetime.fromisoformat(text))


def dumps(value: Any) -> str:
    """Compact JSON.

    Raises:
        InvalidArgumentError: The value is not JSON, or has text that is not Unicode.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        if not text.isascii():
            text.encode()  # lone surrogates: neither UTF-8 nor a database can hold them
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"cannot store {_shortened(value)}: it is not a JSON value ({error})") from error
    return text


def copy_json(value: Any) -> Any:
    """A copy that shares no list or dict."""
    kind = type(value)
    if kind is dict:
        return {key: copy_json(item) for key, item in value.items()}
    if kind is list:
        return [copy_json(item) for item in value]
    return value


@functools.cache
def json_columns(table: str) -> tuple[str, ...]:
    """The columns of a table whose values may be lists or dicts."""
    return tuple(name for name, kind in TABLES[table].columns.items() if kind == JSON)


def copy_row(table: str, row: Row) -> Row:
    """A copy of a row for a caller to keep."""
    copy = dict(row)
    for column in json_columns(table):
        copy[column] = copy_json(copy[column])
    return copy


def whole_row(table: Table, given: Row) -> Row:
    """A row with every column, in the table's order.

    Raises:
        InvalidArgumentError: A value is not of its column's type, a column is unknown, or the key is incomplete.
    """
    row = {column: given.get(column) for column in table.columns}
    if len(given) > len(row) or not given.keys() <= row.keys():
        raise InvalidArgumentError(f"table {table.name} has no column {sorted(given.keys() - row.keys())}")
    for column, kind in table.columns.items():
        value = row[column]
        if value is None:
            if column in table.key:
                raise InvalidArgumentError(f"a row of table {table.name} lacks {column}, which is part of its key")
        elif kind == TEXT:
            if type(value) is not str:
                raise InvalidArgumentError(f"{table.name}.{column} must be text, not {_shortened(value)}")
        elif kind in (INTEGER, TIME) and (type(value) is not int or not -_INT64 <= value < _INT64):
            raise InvalidArgumentError(f"{table.name}.{column} must be a 64-bit integer, not {_shortened(value)}")
    return row


def seal(body: bytes) -> bytes:
    """Close a JSON object, given without its last brace, with the checksum of its bytes."""
    return body + _SEAL % zlib.crc32(body)


def unseal(data: bytes, place: str) -> dict[str, Any]:
    """Read a sealed JSON object.

    Raises:
        CorruptStoreError: The bytes are not what was written, or of a newer format.
    """
    body = data[:-_SEAL_SIZE]
    if data[-_SEAL_SIZE:] != _SEAL % zlib.crc32(body):
        raise CorruptStoreError(f"{place} is damaged: its checksum does not match; restore it from a backup")
    try:
        content = json.loads(body + b"}")
        version = content["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptStoreError(f"{place} is damaged: {error}") from error
    if version != FORMAT:
        raise CorruptStoreError(f"{place} has format {version!r}, this ModelBox knows {FORMAT}; upgrade modelbox-sdk")
    return content  # type: ignore[no-any-return]


@functools.cache
def _writer(pid: int) -> str:
    return dumps({"host": os.uname().nodename, "pid": pid, "user": default_owner()})


def encode_transaction(number: int, ident: str, at_us: int, first_seq: int, changes: Iterable[str], writes: Iterable[str]) -> bytes:
    """The content of a transaction file.

    Raises:
        InvalidArgumentError: It is too large to be stored as one object.
    """
    head = f'{{"format":{FORMAT},"number":{number},"id":"{ident}","at":"{iso_from_us(at_us)}","writer":{_writer(os.getpid())}'
    body = f'{head},"first_seq":{first_seq},"changes":[{",".join(changes)}],"rows":[{",".join(writes)}]'.encode()
    if len(body) + _SEAL_SIZE > LIMIT_BYTES:
        raise InvalidArgumentError(
            f"the transaction has {len(body):,} bytes, more than the {LIMIT_BYTES:,} that can be stored as one; write it in parts"
        )
    return seal(body)


def encode_change(seq: int, change: NewChange, payload: str) -> str:
    """A change as it stands in a transaction file."""
    rest = dumps(
        {
            "action": Action(change.action).value,
            "object_type": ObjectType(change.object_type).value,
            "object_id": change.object_id,
            "uid": change.uid,
            "namespace": change.namespace,
        }
    )
    return f'{{"seq":{seq},{rest[1:-1]},"payload":{payload}}}'


def decode_transaction(data: bytes, number: int, place: str) -> LoggedTransaction:
    """Read a transaction file.

    Raises:
        CorruptStoreError: It is damaged, or not this transaction.
    """
    content = unseal(data, place)
    try:
        if content["number"] != number:
            raise ValueError(f"it is transaction {content['number']}")
        at_us, first_seq = us_from_iso(content["at"]), int(content["first_seq"])
        entries = [
            Entry(
                found["seq"],
                Action(found["action"]).value,
                ObjectType(found["object_type"]).value,
                found["object_id"],
                found["uid"],
                found["namespace"],
                at_us,
                found["payload"],
            )
            for found in content["changes"]
        ]
        if any(entry.seq != first_seq + i for i, entry in enumerate(entries)):
            raise ValueError("its changes are not numbered consecutively")
        writes = [_decode_write(found) for found in content["rows"]]
        return LoggedTransaction(number, content["id"], at_us, first_seq, entries, writes, len(data))
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptStoreError(f"{place} is damaged: {error}") from error


def _decode_write(found: dict[str, Any]) -> RowWrite:
    if "put" in found:
        name, given = found["put"]
        table = TABLES[name]
        row = whole_row(table, given)
        return RowWrite(name, tuple(row[column] for column in table.key), row)
    name, *key = found["delete"]
    return RowWrite(TABLES[name].name, tuple(key), None)


def _shortened(value: Any) -> str:
    text = ascii(value) if not isinstance(value, (dict, list)) or len(value) < 100 else f"a {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:200]}..."
