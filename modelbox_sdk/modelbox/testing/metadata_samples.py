"""Rows, changes and transaction bodies for tests of metadata stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelbox.records import Action, ObjectType
from modelbox.stores.metadata import NewChange, Row, Transaction

AWKWARD_JSON: list[Any] = [
    None,
    True,
    0,
    42,
    42.0,
    -0.0,
    1e-300,
    0.1 + 0.2,
    2**53 + 1,
    2**63,
    -(10**40),
    "",
    "null",
    "Grüße 你好 \U0001f600 \u2028 \"quoted\" back\\slash 'single' %s {} $1\ttab\nline",
    [],
    {},
    [1, 1.0, "1", None, [True, [False]]],
    {"": None, "a.b/c d": {"🙂": [{}]}, "null": None, "nested": {"deep": [[[[1]]]]}},
]
"""Values that stores are known to mangle: numbers that change type, nulls that vanish, texts that need quoting."""


def experiment(ident: str, **columns: Any) -> Row:
    """A row of the table of experiments."""
    return {
        "id": ident,
        "uid": f"uid-{ident}",
        "namespace": "default",
        "name": ident,
        "owner": "ada",
        "status": "running",
        "created_at": 1_700_000_000_000_001,
        "updated_at": 1_700_000_000_000_002,
        "rewinds": [],
    } | columns


def tag(model: str, name: str, version: str) -> Row:
    """A row of the table of tags."""
    return {"model_id": model, "tag": name, "version_id": version}


def datum(ident: str, key: str, value: Any) -> Row:
    """A row of the table of metadata."""
    return {"object_id": ident, "key": key, "value": value}


def created(ident: str, *, namespace: str = "default", **payload: Any) -> NewChange:
    """A change that says that an experiment was created."""
    return NewChange(
        action=Action.CREATED,
        object_type=ObjectType.EXPERIMENT,
        object_id=ident,
        uid=f"uid-{ident}",
        namespace=namespace,
        payload={"id": ident} | payload,
    )


def logged(ident: str, name: str, wallclock_us: int, **metadata: Any) -> NewChange:
    """A change that is an event."""
    return NewChange(
        action=Action.LOGGED,
        object_type=ObjectType.EXPERIMENT,
        object_id=ident,
        uid=f"uid-{ident}",
        namespace="default",
        payload={"name": name, "source": "trainer", "wallclock_us": wallclock_us, "metadata": metadata},
    )


def putting(table: str, *rows: Row) -> Callable[[Transaction], None]:
    """A body that puts rows."""

    def body(transaction: Transaction) -> None:
        for row in rows:
            transaction.put(table, row)

    return body


def deleting(table: str, *key: str) -> Callable[[Transaction], None]:
    """A body that deletes."""
    return lambda transaction: transaction.delete(table, *key)


def together(*bodies: Callable[[Transaction], None]) -> Callable[[Transaction], None]:
    """Several bodies in one transaction."""

    def body(transaction: Transaction) -> None:
        for each in bodies:
            each(transaction)

    return body


def recording(*changes: NewChange) -> Callable[[Transaction], None]:
    """A body that records changes."""

    def body(transaction: Transaction) -> None:
        for change in changes:
            transaction.record(change)

    return body


def ids(rows: list[Row]) -> list[str]:
    """The ids of rows."""
    return [row["id"] for row in rows]


def model(labels: Any) -> Row:
    """A row of the table of models."""
    return {"id": "m", "uid": "u", "namespace": "default", "name": "m", "owner": "ada", "labels": labels}
