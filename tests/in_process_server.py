"""A server of this process, over a store of its own, with a real socket between it and its clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from modelbox.backends.inprocess.opening import open_store
from modelbox.backends.served import ServedBackend
from modelbox.server.grpc_server import ModelBoxServer, build_server
from modelbox.server.options import ServerOptions
from modelbox.wire.service_pb2_grpc import ModelStoreStub


class Served:
    """A running server.

    Attributes:
        backend: What it serves.
        server: The server.
        port: Where it listens.
        stub: Calls it.
    """

    def __init__(self, backend: ServedBackend, server: ModelBoxServer, port: int, channel: grpc.Channel) -> None:
        self.backend = backend
        self.server = server
        self.port = port
        self.channel = channel
        self.stub = ModelStoreStub(channel)


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers: ``serve(authorise=…, observer=…, **options)``."""
    with ExitStack() as stack:

        def start(authorise: Any = None, observer: Any = None, **options: Any) -> Served:
            backend = open_store(str(tmp_path / "store"))
            stack.callback(backend.close)
            server = build_server(
                backend, options=ServerOptions(**options), authorise=authorise and authorise(backend), observer=observer
            )
            port = server.start("127.0.0.1:0")
            stack.callback(server.stop, 2.0)
            channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}"))
            return Served(backend, server, port, channel)

        yield start


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve()
