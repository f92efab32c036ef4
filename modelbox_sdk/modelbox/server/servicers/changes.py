"""Reading the feed of changes. Following it is the hub's work."""

from __future__ import annotations

from modelbox.server.calls import Call
from modelbox.server.servicers.defaults import namespace_or_all, optional
from modelbox.wire import service_pb2 as pb
from modelbox.wire.messages import change_to_message

MOST_CHANGES = 1000
_MOST_BYTES = 1 << 20


class ChangeServicer:
    """Reading the feed of changes."""

    def ListChanges(self, request: pb.ListChangesRequest, call: Call) -> pb.ListChangesResponse:
        newest = call.backend.last_seq()  # before the changes: what it covers has then been looked at
        asked = optional(request, "limit")
        limit = MOST_CHANGES if asked is None else min(asked, MOST_CHANGES)
        found = call.backend.changes(since=request.since, limit=limit, namespace=namespace_or_all(request))
        response = pb.ListChangesResponse()
        size = 0
        for change in found:
            message = change_to_message(change)
            size += message.ByteSize()
            if response.changes and size > _MOST_BYTES:
                break
            response.changes.append(message)
        whole = len(response.changes) == len(found) < limit
        last = response.changes[-1].seq if response.changes else request.since
        response.position = max(last, newest) if whole else last
        response.more = not whole and last < newest
        return response

    def GetLastChange(self, request: pb.GetLastChangeRequest, call: Call) -> pb.GetLastChangeResponse:
        del request
        return pb.GetLastChangeResponse(seq=call.backend.last_seq())
