"""Reading the feed of changes, and following it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelbox.records import Change
from modelbox.server.calls import Call, watches
from modelbox.server.servicers.defaults import namespace_or_all, optional
from modelbox.server.watchers import Watch
from modelbox.wire import service_pb2 as pb
from modelbox.wire.logged import change_to_message

_MOST_CHANGES = 1000
_MOST_BYTES = 1 << 20


class ChangeServicer:
    """Reading the feed of changes, and following it."""

    def ListChanges(self, request: pb.ListChangesRequest, call: Call) -> pb.ListChangesResponse:
        newest = call.backend.last_seq()  # before the changes: what it covers has then been looked at
        asked = optional(request, "limit")
        limit = _MOST_CHANGES if asked is None else min(asked, _MOST_CHANGES)
        found = call.backend.changes(since=request.since, limit=limit, namespace=namespace_or_all(request))
        messages = next(_parts(found), [])
        whole = len(messages) == len(found) < limit
        last = messages[-1].seq if messages else request.since
        return pb.ListChangesResponse(
            changes=messages, position=max(last, newest) if whole else last, more=not whole and last < newest
        )

    def GetLastChange(self, request: pb.GetLastChangeRequest, call: Call) -> pb.GetLastChangeResponse:
        del request
        return pb.GetLastChangeResponse(seq=call.backend.last_seq())

    @watches
    def WatchChanges(self, request: pb.WatchChangesRequest, call: Call) -> Watch:
        del call
        return Watch(namespace=namespace_or_all(request), since=request.since, encode=_encode)


def _encode(changes: Sequence[Change], position: int) -> list[bytes]:
    """Responses with changes, each with the position to resume at; the last with the one after all."""
    responses = [pb.WatchChangesResponse(changes=part, position=part[-1].seq) for part in _parts(changes)]
    if not responses:
        responses.append(pb.WatchChangesResponse())
    responses[-1].position = position
    return [response.SerializeToString() for response in responses]


def _parts(changes: Sequence[Change]) -> Iterator[list[pb.Change]]:
    """The messages of changes, as many together as fit into an answer."""
    part: list[pb.Change] = []
    size = 0
    for change in changes:
        message = change_to_message(change)
        size += message.ByteSize()
        if part and size > _MOST_BYTES:
            yield part
            part, size = [], message.ByteSize()
        part.append(message)
    if part:
        yield part
