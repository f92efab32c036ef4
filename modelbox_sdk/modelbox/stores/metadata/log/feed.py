"""Reading the feed of changes: from memory, from the history, and waiting for more."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from modelbox.columns import empty
from modelbox.records import Action, Change, Event, PendingEvent, datetime_from_us
from modelbox.stores.metadata.log.encoding import Entry, copy_json, us_from_iso
from modelbox.stores.metadata.log.replica import Replica

if TYPE_CHECKING:
    import pyarrow as pa

_IDLE_AFTER_S = 2.0
_IDLE_FACTOR = 4.0


def changes(replica: Replica, since: int, limit: int | None, namespace: str | None) -> list[Change]:
    """The changes after ``since``, from the history and from memory."""
    return [entry.change() for entry in _entries(replica, since, limit, namespace)]


def logged(replica: Replica, since: int, limit: int | None, namespace: str | None) -> list[PendingEvent]:
    """The logged events after ``since``, with the lives that they belong to."""
    return [
        PendingEvent(
            object_id=entry.object_id,
            uid=entry.uid,
            sequence=entry.seq,
            name=entry.payload["name"],
            source=entry.payload["source"],
            wallclock_us=us_from_iso(entry.payload["wallclock"]),
            metadata=copy_json(entry.payload["metadata"]),
        )
        for entry in _entries(replica, since, limit, namespace, Action.LOGGED)
    ]


def _entries(
    replica: Replica, since: int, limit: int | None, namespace: str | None, action: Action | None = None
) -> Iterator[Entry]:
    with replica.held() as state:
        base, recent = state.base, state.tail_after(since)
    stored: list[Entry] = []
    if base is not None and since < base.last_seq and limit != 0:
        stored = base.changes(since, limit, namespace, action)
    wanted = (
        entry
        for entry in recent
        if (namespace is None or entry.namespace == namespace) and (action is None or entry.action == action)
    )
    return itertools.islice(itertools.chain(stored, wanted), limit)


def events(replica: Replica, uid: str, since_us: int | None) -> list[Event]:
    """The events of one life of an object, by wallclock and then by commit."""
    with replica.held() as state:
        base, recent = state.base, state.tail_events(uid)
    stored = base.events(uid) if base is not None else []
    timed = [(us_from_iso(entry.payload["wallclock"]), entry.seq, entry) for entry in itertools.chain(stored, recent)]
    timed.sort(key=lambda item: item[:2])
    return [_event(us, entry) for us, _, entry in timed if since_us is None or us >= since_us]


def snapshot(replica: Replica) -> dict[str, pa.Table]:
    """All tables and changes as Arrow."""
    import pyarrow as pa

    from modelbox.stores.metadata.log import arrow

    with replica.held() as state:
        moment, base, recent = state.moment(), state.base, list(state.tail)
    tables = {}
    for name, small in moment.small.items():
        tables[name] = arrow.rows_table(small.table, (row for _, _, row in small.find({})))
    for name, large in moment.large.items():
        file = base.manifest.tables.get(name) if base else None
        stored = replica.reader.table(file) if file else empty(arrow.schema(large.table))
        tables[name] = arrow.merged_table(large.table, stored, large.overlay)
    history = [replica.reader.table(file) for file in base.manifest.history] if base else []
    tables["changes"] = pa.concat_tables([*history, arrow.entries_table(recent)])
    return tables


class Waiting:
    """Waits for changes: at once for those of this process, by polling for those of others.

    However many threads wait, one of them polls. When nothing has happened for a while it polls less often.
    """

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._polled_by_other = False
        self._active_at = time.monotonic()
        self._closed = False

    def wait(self, since: int, timeout_s: float) -> bool:
        """Wait for a change after ``since``; whether there is one."""
        deadline = time.monotonic() + timeout_s
        polling = False
        advanced = self._replica.advanced
        try:
            while True:
                with self._replica.lock:
                    polling = polling or not self._polled_by_other
                    self._polled_by_other = True
                if polling:
                    self._replica.catch_up()
                with self._replica.held() as state:
                    if state.last_seq > since:
                        self._active_at = time.monotonic()
                        return True
                    remaining = deadline - time.monotonic()
                    if self._closed or remaining <= 0:
                        return False
                    advanced.wait(min(remaining, self._interval_s()) if polling else remaining)
        finally:
            if polling:
                with self._replica.lock:
                    self._polled_by_other = False
                    advanced.notify_all()  # somebody else has to poll now

    def close(self) -> None:
        """Wake everybody up."""
        with self._replica.lock:
            self._closed = True
            self._replica.advanced.notify_all()

    def _interval_s(self) -> float:
        idle_s = time.monotonic() - self._active_at
        return self._replica.files.poll_s * min(_IDLE_FACTOR, 1.0 + idle_s / _IDLE_AFTER_S)


def _event(wallclock_us: int, entry: Entry) -> Event:
    return Event(
        name=entry.payload["name"],
        source=entry.payload["source"],
        wallclock=datetime_from_us(wallclock_us),
        metadata=copy_json(entry.payload["metadata"]),
        object_id=entry.object_id,
        seq=entry.seq,
    )
