"""Calls about the whole store."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from modelbox.backends.query_limits import QueryLimits
from modelbox.server.calls import Call
from modelbox.server.options import ServerOptions
from modelbox.wire import service_pb2 as pb
from modelbox.wire.messages import garbage_to_message

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 1 << 14
_CHUNK = 1 << 20


class WholeServicer:
    """Queries, garbage, and what this server is.

    Args:
        options: The limits of the server.
        version: Of modelbox-sdk.
        settle: Called before metrics are read: brings what this process holds of them to where readers look.
    """

    def __init__(self, options: ServerOptions, version: str, settle: Callable[[], None]) -> None:
        self._settle = settle
        self._options = options
        self._version = version

    def Query(self, request: pb.QueryRequest, call: Call) -> Generator[pb.QueryResponse]:
        self._settle()
        options = self._options
        with QueryLimits(seconds=options.query_timeout_s, memory_bytes=options.query_memory_bytes) as limits:
            call.context.add_callback(lambda: limits.end("nobody waits for it any more"))
            table = call.backend.sql(request.sql)
        for chunk in _arrow_stream(table):
            yield pb.QueryResponse(arrow=chunk)

    def CollectGarbage(self, request: pb.CollectGarbageRequest, call: Call) -> pb.CollectGarbageResponse:
        return garbage_to_message(call.backend.collect_garbage(dry_run=request.dry_run))

    def GetServerInfo(self, request: pb.GetServerInfoRequest, call: Call) -> pb.GetServerInfoResponse:
        del request
        return pb.GetServerInfoResponse(
            version=self._version,
            store_id=call.backend.store_id(),
            max_message_bytes=self._options.max_message_bytes,
            blob_servers=self._options.blob_servers,
        )


def _arrow_stream(table: pa.Table) -> Generator[bytes]:
    """An Arrow IPC stream in chunks, made while it is taken."""
    import pyarrow as pa

    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=_ROWS):
            writer.write_batch(batch)
            if sink.tell() >= _CHUNK:
                yield from _drained(sink)
    yield from _drained(sink)


def _drained(sink: io.BytesIO) -> Generator[bytes]:
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]
