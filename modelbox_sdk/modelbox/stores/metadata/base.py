"""What a metadata store does. The rules (identity, unique tags, lineage, deletion) are not here but in the in-process backend."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from modelbox.findings import Fault
from modelbox.records import Action, Change, Event, ObjectType, PendingEvent

if TYPE_CHECKING:
    import pyarrow as pa

Row: TypeAlias = dict[str, Any]
"""A row of a table in ``tables.py``. Callers own the rows they are given, and must not change those that they hand in."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChange:
    """A change that a transaction adds to the feed; the store gives it its ``seq`` and its time.

    For ``Action.LOGGED``, ``payload`` is an event: ``name``, ``source``, ``wallclock_us`` and ``metadata``.
    """

    action: Action
    object_type: ObjectType
    object_id: str
    uid: str
    namespace: str
    payload: Mapping[str, Any]


class View(abc.ABC):
    """The tables at one moment."""

    @abc.abstractmethod
    def get(self, table: str, *key: str) -> Row | None:
        """The row with a key, or None."""

    @abc.abstractmethod
    def select(self, table: str, *, newest_first: bool = False, limit: int | None = None, **equals: str) -> list[Row]:
        """The rows whose columns equal the given values, in the order in which they were first put.

        Args:
            table: Name of the table.
            newest_first: Reverse the order.
            limit: At most so many rows.
            **equals: Columns and their values; for a large table the first column of its key, or nothing for all rows.
                Rows of a large table come in the order of their keys.
        """


class Transaction(View):
    """A view that can be changed; its own changes are visible in it."""

    @property
    @abc.abstractmethod
    def now_us(self) -> int:
        """The time of the transaction, in microseconds since the epoch."""

    @abc.abstractmethod
    def put(self, table: str, row: Row) -> None:
        """Insert a row, or replace the one with its key, which keeps its place in the order."""

    @abc.abstractmethod
    def delete(self, table: str, *key: str) -> None:
        """Delete a row, or with only the first column of the key all rows that have it. Missing rows are no error."""

    @abc.abstractmethod
    def record(self, change: NewChange) -> None:
        """Add a change to the feed."""


class MetadataStore(abc.ABC):
    """Tables with serialisable transactions, and a feed of changes in the order of commits.

    Methods may be called from any thread. They raise ``UnavailableError``, ``PermissionDeniedError`` or ``CorruptStoreError`` when
    the storage fails, and let through what ``body`` raises.
    """

    @abc.abstractmethod
    def transact(self, body: Callable[[Transaction], T]) -> T:
        """Run ``body`` and commit what it put, deleted and recorded, as one; durable on return.

        ``body`` sees all that was committed before. It may be called several times, when another writer was faster, so it must do
        nothing else. When it raises, nothing is committed. When it changes nothing, nothing is written.

        Returns:
            What the last call of ``body`` returned.
        """

    @abc.abstractmethod
    def view(self) -> View:
        """A view of what is committed now. It is to be used at once, by one thread, and not kept."""

    @abc.abstractmethod
    def last_seq(self) -> int:
        """The sequence number of the newest change; 0 in an empty store."""

    @abc.abstractmethod
    def changes(self, *, since: int, limit: int | None = None, namespace: str | None = None) -> list[Change]:
        """The changes with ``seq > since``, in order.

        Args:
            since: The last sequence number already known.
            limit: At most so many.
            namespace: Only of this namespace; None for all.
        """

    @abc.abstractmethod
    def logged(self, *, since: int, limit: int | None = None, namespace: str | None = None) -> list[PendingEvent]:
        """The events among :meth:`changes`, with the lives of their objects; ``sequence`` is their ``seq``."""

    @abc.abstractmethod
    def wait(self, since: int, timeout_s: float) -> bool:
        """Wait until there is a change with ``seq > since``, at most ``timeout_s``; whether there is one."""

    @abc.abstractmethod
    def events(self, uid: str, *, since_us: int | None = None) -> list[Event]:
        """The logged events of one life of an object, in the order of their wallclock, then of their commits.

        Args:
            uid: The life of the object.
            since_us: Only events whose wallclock is this or later.
        """

    @abc.abstractmethod
    def snapshot(self) -> dict[str, pa.Table]:
        """Every table, and ``changes`` (seq, action, object_type, object_id, uid, namespace, at, payload), as Arrow."""

    def check(self) -> Iterator[Fault]:
        """Examine everything, changing nothing; what is not as it should be."""
        return iter(())

    def quarantine(self, fault: Fault, folder: str) -> None:
        """Get a file with a movable fault out of the way, so that the rest can be read, and keep it below a folder."""
        del fault, folder

    def forget_after_fork(self) -> None:
        """Called in a forked child: let go of threads, connections and locks of the parent, without touching them."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release what is held. Idempotent."""
