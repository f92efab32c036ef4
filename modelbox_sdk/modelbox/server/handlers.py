"""The table of handlers that grpc looks calls up in, and the threads that they run on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc

from modelbox.server.calls import SERVICE, Behaviours
from modelbox.server.options import Role
from modelbox.server.watching import Hub

TRANSFERS = frozenset(
    {"DownloadContent", "DownloadFile", "FinishDirectUpload", "Query", "ReadMetrics", "UploadContent", "UploadFile"}
)
"""Calls that may take long; they have threads of their own."""

BLOB_CALLS = frozenset(
    {
        "BeginUpload",
        "CommitUpload",
        "DownloadContent",
        "DownloadFile",
        "FinishDirectUpload",
        "GetArtifact",
        "GetServerInfo",
        "ListArtifacts",
        "TrackArtifact",
        "TrackArtifacts",
        "UploadContent",
        "UploadFile",
    }
)
"""What a server for content answers."""


class StreamPool(ThreadPoolExecutor):
    """Threads for transfers, which knows whether one is free. Only grpc's one polling thread submits to it."""

    def __init__(self, most: int) -> None:
        super().__init__(max_workers=most, thread_name_prefix="modelbox-stream")
        self._most = most
        self._active: set[Future[Any]] = set()

    @property
    def is_full(self) -> bool:
        """Whether the next transfer would have to wait."""
        return len(self._active) >= self._most

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a transfer."""
        future: Future[Any] = super().submit(fn, *args, **kwargs)
        self._active.add(future)
        future.add_done_callback(self._active.discard)
        return future


class Handlers:
    """Finds the handler of a call.

    Args:
        servicers: Their methods are named like the calls that they answer.
        behaviours: Makes behaviours of them.
        role: Which calls are answered.
        streams: The threads of transfers.
        hub: Serves watchers.
    """

    def __init__(self, servicers: Sequence[Any], behaviours: Behaviours, role: Role, streams: StreamPool, hub: Hub) -> None:
        self._hub = hub
        self._streams = streams
        self._handlers: dict[str, grpc.RpcMethodHandler] = {}
        self._transfers: dict[str, grpc.RpcMethodHandler] = {}
        self._busy = _handler(behaviours.refusal(), streams=True)
        for name in SERVICE.methods_by_name:
            method = next((getattr(servicer, name) for servicer in servicers if hasattr(servicer, name)), None)
            if method is not None and (role is Role.ALL or name in BLOB_CALLS):
                self._add(name, method, behaviours)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The handler of a call, or None when there is none."""
        method = handler_call_details.method
        if method in self._transfers:
            return self._busy if self._streams.is_full else self._transfers[method]
        return self._handlers.get(method)

    def _add(self, name: str, method: Any, behaviours: Behaviours) -> None:
        descriptor = SERVICE.methods_by_name[name]
        behaviour: Any
        if getattr(method, "watches", False):
            behaviour = behaviours.watch(name, method, self._hub)
        elif descriptor.client_streaming:
            behaviour = behaviours.client_stream(name, method)
        elif descriptor.server_streaming:
            behaviour = behaviours.server_stream(name, method)
        else:
            behaviour = behaviours.unary(name, method)
        handler = _handler(behaviour, streams=descriptor.server_streaming)
        path = f"/{SERVICE.full_name}/{name}"
        if name in TRANSFERS:
            behaviour.experimental_thread_pool = self._streams
            self._transfers[path] = handler
        else:
            self._handlers[path] = handler


def _handler(behaviour: Any, *, streams: bool) -> grpc.RpcMethodHandler:
    """A handler of messages as bytes."""
    make = grpc.stream_stream_rpc_method_handler if streams else grpc.stream_unary_rpc_method_handler
    return make(behaviour)
