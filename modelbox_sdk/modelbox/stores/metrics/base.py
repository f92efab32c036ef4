"""What a metrics store does."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from modelbox.findings import Fault
from modelbox.records import MetricBatch, MetricQuery, Rewind

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


STORED_POINTS = "_metrics_stored"
"""What :meth:`MetricsStore.attach` calls the stored points inside the database; an engine's error about them names it."""


class MetricsStore(abc.ABC):
    """Batches of points, by the life (uid) of the object they hang on.

    Methods may be called from any thread. They raise ``UnavailableError``, ``PermissionDeniedError`` or ``CorruptStoreError``
    when the storage fails.
    """

    @abc.abstractmethod
    def append(self, batches: Sequence[MetricBatch]) -> None:
        """Store batches durably. A batch whose (writer, sequence, uid) is stored already changes nothing.

        Raises:
            UnavailableError: Some of the batches may not be stored; appending all of them again is safe.
        """

    @abc.abstractmethod
    def read(self, query: MetricQuery, pending: Sequence[MetricBatch] = ()) -> pa.Table:
        """The points that a query asks for.

        Args:
            query: Which points.
            pending: Batches that may not be stored yet; those that are stored count once.

        Returns:
            Columns ``points.RESULT_SCHEMA``, ordered by key, step, and then the time at which they were logged.
        """

    @abc.abstractmethod
    def attach(
        self,
        connection: duckdb.DuckDBPyConnection,
        objects: Mapping[str, str],
        pending: Sequence[MetricBatch],
        rewinds: Mapping[str, tuple[Rewind, ...]] | None = None,
    ) -> None:
        """Create a view ``metrics`` (object_id, key, step, wallclock, value, text, blob) for SQL, in place of one that is there.

        The points may be read only when the view is queried. A query then fails, with an error of DuckDB's, when the storage does,
        or when what was attached has been rearranged since; attaching again mends the latter.

        Args:
            connection: An in-memory database of the caller's.
            objects: The uids of all objects that exist, with their ids; points of others are left out.
            pending: As for :meth:`read`.
            rewinds: Hidden ranges of the objects that have any, by uid.
        """

    @abc.abstractmethod
    def delete(self, uid: str) -> None:
        """Free the points of a life of an object that has been deleted."""

    @abc.abstractmethod
    def last_sequence(self, uid: str, writer: str) -> int | None:
        """The greatest sequence of the stored batches of a writer on a life of an object; None when there is none."""

    @abc.abstractmethod
    def replay(
        self, uid: str, pending: Sequence[MetricBatch], since: Callable[[str | None], int | None]
    ) -> Iterator[tuple[str | None, pa.Table]]:
        """The points of one writer after the other, in the order in which it logged them, in parts that fit into memory.

        Args:
            uid: The life of an object.
            pending: As for :meth:`read`.
            since: Tells for a writer the logged time, in microseconds, up to which its points are not wanted; None for all of them.
                A writer of None stands for those that the store has not kept.

        Yields:
            A writer and points of it (``points.SCHEMA``, the keys as a dictionary).
        """

    @abc.abstractmethod
    def uids(self) -> list[str]:
        """The lives of objects that have stored points."""

    def check(self) -> Iterator[Fault]:
        """Examine all points, changing nothing; what is not as it should be."""
        return iter(())

    def quarantine(self, fault: Fault, folder: str) -> None:
        """Get a file with a movable fault out of the way, so that the rest can be read, and keep it below a folder."""
        del fault, folder

    def maintain(self) -> None:
        """Do background work that is due, such as merging small files. Called from a background thread; may do nothing."""

    def forget_after_fork(self) -> None:
        """Called in a forked child: let go of threads, connections and locks of the parent, without touching them."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release what is held. Idempotent."""
