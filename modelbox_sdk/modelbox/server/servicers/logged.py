"""Metrics and events."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from typing import TypeVar

from modelbox.backends.served import ServedBackend
from modelbox.records import MetricBatch, PendingEvent
from modelbox.server.calls import Call, takes_bytes
from modelbox.server.servicers.defaults import optional
from modelbox.server.servicers.paging import page_of_events
from modelbox.wire import service_pb2 as pb
from modelbox.wire.logged import event_to_message, new_event_from_message
from modelbox.wire.values import timestamp_from_message

Logged = TypeVar("Logged", MetricBatch, PendingEvent)


class LoggedServicer:
    """Metrics and events.

    Args:
        settle: Called before metrics are read: brings what this process holds of them to where readers look.
    """

    def __init__(self, settle: Callable[[], None]) -> None:
        self._settle = settle

    # -- metrics

    @takes_bytes
    def AppendMetrics(self, request: bytes, call: Call) -> pb.AppendMetricsResponse:
        from modelbox.wire.points import decode_append

        call.backend.append_metrics(_of_present_lives(call.backend, decode_append(request)))
        return pb.AppendMetricsResponse()

    def ReadMetrics(self, request: pb.ReadMetricsRequest, call: Call) -> Generator[bytes]:
        from modelbox.wire.points import encode_points, split_points

        self._settle()
        points = call.backend.read_metrics(
            request.object_id,
            keys=list(request.keys),
            start_step=optional(request, "start_step"),
            end_step=optional(request, "end_step"),
            max_points=optional(request, "max_points"),
        )
        for part in split_points(points):
            yield encode_points(part)

    def GetLastBatch(self, request: pb.GetLastBatchRequest, call: Call) -> pb.GetLastBatchResponse:
        if not request.object_id:
            return pb.GetLastBatchResponse(sequence=call.backend.last_event(request.writer))
        return pb.GetLastBatchResponse(sequence=call.backend.last_batch(request.object_id, request.writer))

    # -- events

    def AppendEvents(self, request: pb.AppendEventsRequest, call: Call) -> pb.AppendEventsResponse:
        events = [new_event_from_message(event) for event in request.events]
        call.backend.append_events(request.writer, _of_present_lives(call.backend, events))
        return pb.AppendEventsResponse()

    def ListEvents(self, request: pb.ListEventsRequest, call: Call) -> pb.ListEventsResponse:
        since_us = timestamp_from_message(request.since) if request.HasField("since") else None
        found = call.backend.events(request.parent_id, since_us=since_us)
        page, token = page_of_events(found, request.page_size, request.page_token)
        return pb.ListEventsResponse(events=map(event_to_message, page), next_page_token=token)


def _of_present_lives(backend: ServedBackend, logged: list[Logged]) -> list[Logged]:
    """The same, with the present life of the object where none is named."""
    return [one if one.uid else dataclasses.replace(one, uid=backend.get_object(one.object_id).uid) for one in logged]
