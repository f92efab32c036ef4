"""Changes that are made once, however often they are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from modelbox.errors import InvalidArgumentError
from modelbox.records import Action
from modelbox.stores.metadata import NewChange, Row, Transaction

T = TypeVar("T")

KEPT_US = 15 * 60 * 1_000_000
"""For so long a request that comes again is known."""
_FORGOTTEN_AT_ONCE = 4
"""More than one, so that the table shrinks again after a busy hour."""
_ID = re.compile(r"[\x20-\x7e]{1,128}")

_current: ContextVar[str | None] = ContextVar("modelbox_request", default=None)


def current_request() -> str | None:
    """The id of the request that this thread works on, if it has one."""
    return _current.get()


@contextmanager
def request(request_id: str) -> Iterator[None]:
    """Work on a request with an id in the block.

    Raises:
        TypeError: The id is no text.
        InvalidArgumentError: It cannot be used.
    """
    if not isinstance(request_id, str):
        raise TypeError(f"a request id must be a str, not {type(request_id).__name__}")
    if not _ID.fullmatch(request_id):
        raise InvalidArgumentError(f"{request_id[:200]!r} cannot be a request id: that is 1 to 128 printable ASCII characters")
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)


def noting(
    body: Callable[[Transaction], T], request_id: str, object_id: str | None, again: Callable[[Transaction, bool], T]
) -> Callable[[Transaction], T]:
    """The body of a transaction that changes something once.

    Args:
        body: What changes it.
        request_id: Names the request.
        object_id: The object that is changed; None when that shows only then.
        again: When it has been done before, the result: given the tables of now, and whether the object existed then.
    """

    def once(transaction: Transaction) -> T:
        known = transaction.get("requests", request_id)
        if known is not None:
            if object_id not in (None, known["object_id"]):
                raise InvalidArgumentError(f"the request id {request_id!r} has been used for another change; give each its own")
            return again(transaction, bool(known["existed"]))
        noted = _NotingTransaction(transaction)
        result = body(noted)
        if noted.change is not None:
            _remember(transaction, request_id, noted.change)
        return result

    return once


def _remember(transaction: Transaction, request_id: str, change: NewChange) -> None:
    now_us = transaction.now_us
    for old in transaction.select("requests", limit=_FORGOTTEN_AT_ONCE):
        if old["at"] < now_us - KEPT_US:
            transaction.delete("requests", old["request_id"])
    existed = int(change.action != Action.CREATED)
    transaction.put("requests", {"request_id": request_id, "object_id": change.object_id, "existed": existed, "at": now_us})


class _NotingTransaction(Transaction):
    """A transaction that keeps the first change that is recorded in it."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.change: NewChange | None = None

    @property
    def now_us(self) -> int:
        return self._transaction.now_us

    def get(self, table: str, *key: str) -> Row | None:
        return self._transaction.get(table, *key)

    def select(self, table: str, *, newest_first: bool = False, limit: int | None = None, **equals: str) -> list[Row]:
        return self._transaction.select(table, newest_first=newest_first, limit=limit, **equals)

    def put(self, table: str, row: Row) -> None:
        self._transaction.put(table, row)

    def delete(self, table: str, *key: str) -> None:
        self._transaction.delete(table, *key)

    def record(self, change: NewChange) -> None:
        self.change = self.change or change
        self._transaction.record(change)
