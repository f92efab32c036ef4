"""Metadata, metrics, events and changes, on a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelbox.backends import arguments, validation
from modelbox.backends.base import Feed
from modelbox.backends.remote.feed import RemoteFeed
from modelbox.backends.remote.shared import MAX_UINT, RemoteBase, in_namespace
from modelbox.records import Change, Event, MetricBatch, PendingEvent
from modelbox.wire import logged, values
from modelbox.wire import service_pb2 as pb

if TYPE_CHECKING:
    import pyarrow as pa

READ_DEADLINE_S = 600.0
_REQUEST_BYTES = 4 << 20


class RemoteLogged(RemoteBase):
    """The part of the remote backend about what is logged on objects."""

    # -- metadata

    def update_metadata(self, id: str, metadata: Mapping[str, Any]) -> None:
        changes = arguments.update_metadata(id, metadata)
        request = pb.UpdateMetadataRequest(parent_id=id, metadata=values.metadata_to_message(changes))
        self._calls.unary("UpdateMetadata", request)

    def metadata(self, id: str) -> dict[str, Any]:
        response = self._calls.unary("ListMetadata", pb.ListMetadataRequest(parent_id=validation.id(id)))
        return values.metadata_from_message(response.metadata)

    # -- metrics

    def append_metrics(self, batches: Sequence[MetricBatch]) -> None:
        from modelbox.wire.points import encode_append, split_batches

        for group in split_batches(batches):
            self._calls.deliver("AppendMetrics", encode_append(group))

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
        request = pb.ReadMetricsRequest(
            object_id=id,
            keys=chosen.keys,
            start_step=chosen.start_step,
            end_step=chosen.end_step,
            max_points=None if chosen.max_points is None else min(chosen.max_points, MAX_UINT),
        )
        return self._calls.repeated(lambda: self._read_points(request))

    def _read_points(self, request: pb.ReadMetricsRequest) -> pa.Table:
        import pyarrow as pa

        from modelbox.points import RESULT_SCHEMA
        from modelbox.wire.points import decode_points

        with self._calls.stream("ReadMetrics", request, deadline_s=READ_DEADLINE_S, raw=True) as responses:
            found = [decode_points(data) for data in responses]
        return pa.concat_tables(found) if found else RESULT_SCHEMA.empty_table()

    def last_batch(self, id: str, writer: str) -> int | None:
        validation.name(writer, "writer")
        request = pb.GetLastBatchRequest(object_id=validation.id(id), writer=writer)
        response = self._calls.unary("GetLastBatch", request)
        return response.sequence if response.HasField("sequence") else None

    # -- events

    def append_events(self, writer: str, events: Sequence[PendingEvent]) -> None:
        for group in _split_events(events):
            self._calls.deliver("AppendEvents", pb.AppendEventsRequest(writer=writer, events=group))

    def last_event(self, writer: str) -> int:
        request = pb.GetLastBatchRequest(writer=validation.name(writer, "writer"))
        sequence: int = self._calls.unary("GetLastBatch", request).sequence
        return sequence

    def events(self, id: str, *, since_us: int | None = None) -> list[Event]:
        request = pb.ListEventsRequest(parent_id=validation.id(id))
        if since_us is not None:
            request.since.CopyFrom(values.timestamp_to_message(since_us))
        return self._list(
            "ListEvents", request, lambda page: page.events, lambda message: logged.event_from_message(message, object_id=id)
        )

    # -- changes

    def last_seq(self) -> int:
        seq: int = self._calls.unary("GetLastChange", pb.GetLastChangeRequest()).seq
        return seq

    def changes(self, *, since: int, limit: int | None = None, namespace: str | None = None) -> list[Change]:
        arguments.changes(since=since, limit=limit, namespace=namespace)
        request = in_namespace(pb.ListChangesRequest(since=min(since, MAX_UINT)), namespace)
        found: list[Change] = []
        while True:
            if limit is not None:
                request.limit = min(limit - len(found), MAX_UINT)
            response = self._calls.unary("ListChanges", request)
            found += map(logged.change_from_message, response.changes)
            request.since = response.position
            if not response.more or (limit is not None and len(found) >= limit):
                return found

    def wait_for_changes(self, since: int, timeout_s: float) -> bool:
        with contextlib.closing(self.follow(since=since, namespace=None)) as feed:
            return bool(feed.read(timeout_s))

    def follow(self, *, since: int, namespace: str | None) -> Feed:
        arguments.changes(since=since, namespace=namespace)
        feed = RemoteFeed(self._new_calls(), in_namespace(pb.WatchChangesRequest(since=min(since, MAX_UINT)), namespace))
        self._feeds.add(feed)
        return feed


def _split_events(events: Sequence[PendingEvent]) -> Iterator[list[pb.NewEvent]]:
    """The messages of events, in lists that fit into a request each."""
    group: list[pb.NewEvent] = []
    total = 0
    for message in map(logged.new_event_to_message, events):
        size = message.ByteSize()
        if group and total + size > _REQUEST_BYTES:
            yield group
            group, total = [], 0
        group.append(message)
        total += size
    if group:
        yield group
