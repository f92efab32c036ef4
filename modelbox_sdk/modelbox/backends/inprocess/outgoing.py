"""What is logged in a store, as it was logged, for sending it on to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from modelbox.backends.inprocess.logged import LoggedRules
from modelbox.records import ObjectRecord, PendingEvent

if TYPE_CHECKING:
    import pyarrow as pa


class OutgoingRules(LoggedRules):
    """The part of the in-process backend that a push reads from."""

    def replay_metrics(
        self, record: ObjectRecord, since: Callable[[str | None], int | None]
    ) -> Iterator[tuple[str | None, pa.Table]]:
        """The points of one life of an object, also those that are still in journals, as :meth:`MetricsStore.replay` gives them."""
        return self._metrics.replay(record.uid, self._pending(record.uid), since)

    def logged_events(self, *, since: int, limit: int, namespace: str) -> list[PendingEvent]:
        """The events after a change, with the lives of the objects that they were logged on; ``sequence`` is their ``seq``."""
        return self._metadata.logged(since=since, limit=limit, namespace=namespace)
