"""What hangs on every object: metadata, metrics, events; and the feed of changes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelbox.backends import arguments, validation
from modelbox.backends.inprocess import rows
from modelbox.backends.inprocess.shared import StoreRules
from modelbox.journal import scan_pending
from modelbox.oserrors import storage_errors
from modelbox.records import Action, Change, Event, MetricBatch, MetricQuery, PendingEvent
from modelbox.stores.metadata import NewChange, Transaction

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger("modelbox")


class LoggedRules(StoreRules):
    """The part of the in-process backend about what is logged on objects."""

    # -- metadata

    def update_metadata(self, id: str, metadata: Mapping[str, Any]) -> None:
        changes = arguments.update_metadata(id, metadata)

        def body(transaction: Transaction) -> None:
            kind, row = self._require(transaction, id)
            if changes:
                self._put_metadata(transaction, id, changes)
                self._put(transaction, Action.UPDATED, kind, row, metadata=changes)

        def again(transaction: Transaction, existed: bool) -> None:
            del existed
            self._require(transaction, id)

        self._transact(body, id, again)

    def metadata(self, id: str) -> dict[str, Any]:
        view = self._metadata.view()
        self._require(view, id)
        return {row["key"]: row["value"] for row in view.select("metadata", object_id=id)}

    # -- metrics

    def append_metrics(self, batches: Sequence[MetricBatch]) -> None:
        arguments.append_metrics(batches)
        view = self._metadata.view()
        alive: dict[tuple[str, str], bool] = {}
        for batch in batches:
            life = (batch.object_id, batch.uid)
            if life not in alive:
                found = rows.find(view, batch.object_id)
                alive[life] = found is not None and found[1]["uid"] == batch.uid
        self._metrics.append([batch for batch in batches if alive[batch.object_id, batch.uid]])

    def read_metrics(
        self,
        id: str,
        *,
        keys: Sequence[str] = (),
        start_step: int | None = None,
        end_step: int | None = None,
        max_points: int | None = None,
    ) -> pa.Table:
        chosen = arguments.read_metrics(id, keys=keys, start_step=start_step, end_step=end_step, max_points=max_points)
        record = self.get_object(id)
        query = MetricQuery(
            uid=record.uid,
            keys=chosen.keys,
            start_step=chosen.start_step,
            end_step=chosen.end_step,
            max_points=chosen.max_points,
            rewinds=record.rewinds,
        )
        # Journals first: one that is delivered and removed between the two looks is then among the stored points.
        return self._metrics.read(query, self._pending(record.uid))

    def last_batch(self, id: str, writer: str) -> int | None:
        validation.name(writer, "writer")
        _, row = self._require(self._metadata.view(), id)
        return self._metrics.last_sequence(row["uid"], writer)

    def _pending(self, uid: str | None = None) -> list[MetricBatch]:
        """Points still in journals that this backend's readers must see."""
        spool = self.spool()
        if not spool.shared or spool.folder is None:
            return []
        with storage_errors("read", str(spool.folder)):
            found = scan_pending(spool.folder, uid)
        for damage in found.damage:
            _log.warning("%s; everything else is read, and modelbox doctor lists the file", damage)
        return found.batches

    # -- events

    def append_events(self, writer: str, events: Sequence[PendingEvent]) -> None:
        arguments.append_events(writer, events)

        def body(transaction: Transaction) -> None:
            stored = transaction.get("writers", writer)
            last = stored["sequence"] if stored else 0
            new = [event for event in events if event.sequence > last]
            if not new:
                return
            transaction.put("writers", {"writer": writer, "sequence": max(event.sequence for event in new)})
            for event in new:
                found = rows.find(transaction, event.object_id)
                if found is not None and found[1]["uid"] == event.uid:
                    transaction.record(_logged(event, *found))

        self._metadata.transact(body)

    def events(self, id: str, *, since_us: int | None = None) -> list[Event]:
        _, row = self._require(self._metadata.view(), id)
        return self._metadata.events(row["uid"], since_us=since_us)

    def last_event(self, writer: str) -> int:
        row = self._metadata.view().get("writers", validation.name(writer, "writer"))
        return int(row["sequence"]) if row else 0

    # -- changes

    def last_seq(self) -> int:
        return self._metadata.last_seq()

    def changes(self, *, since: int, limit: int | None = None, namespace: str | None = None) -> list[Change]:
        arguments.changes(since=since, limit=limit, namespace=namespace)
        return self._metadata.changes(since=since, limit=limit, namespace=namespace)

    def wait_for_changes(self, since: int, timeout_s: float) -> bool:
        return self._metadata.wait(validation.seq(since), timeout_s)


def _logged(event: PendingEvent, kind: Any, row: Mapping[str, Any]) -> NewChange:
    return NewChange(
        action=Action.LOGGED,
        object_type=kind,
        object_id=event.object_id,
        uid=event.uid,
        namespace=row["namespace"],
        payload={
            "name": event.name,
            "source": event.source,
            "wallclock_us": event.wallclock_us,
            "metadata": dict(event.metadata),
        },
    )
