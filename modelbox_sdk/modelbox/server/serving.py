"""One process that serves: everything of it, from the configuration to a clean end."""

from __future__ import annotations

import contextlib
import logging
import os
import resource

from modelbox.server.call_log import CallLog, Headers
from modelbox.server.configuration import ServerConfiguration
from modelbox.server.network import format_address, parse_address
from modelbox.server.telemetry import Telemetry

# What grpc itself writes about each broken handshake would let anybody fill the log.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

_log = logging.getLogger("modelbox.server")

_CALLS_END_S = 7.0
_MOST_FILES = 1 << 20


class Serving:
    """A store, and the server of it.

    Args:
        configuration: What to serve, and how.
        telemetry: Is told about calls and storage.
        address: Where to listen, instead of where the configuration says.
        shared: Whether other processes listen on the same port.
    """

    def __init__(
        self, configuration: ServerConfiguration, telemetry: Telemetry, *, address: str = "", shared: bool = False
    ) -> None:
        self._configuration = configuration
        self._telemetry = telemetry
        self._address = format_address(*parse_address(address or configuration.listen_addr))
        self._shared = shared
        self._cleanup = contextlib.ExitStack()

    def start(self) -> int:
        """Open the store and answer calls.

        Returns:
            The port.

        Raises:
            ModelBoxError: The store cannot be opened, a file cannot be used, or the address not be listened on.
        """
        raise_file_limit()
        with contextlib.ExitStack() as stack:
            port = self._start(stack)
            self._cleanup = stack.pop_all()
        return port

    def stop(self) -> None:
        """End: watchers are sent elsewhere, calls in flight are answered, what they wrote is durable. Idempotent."""
        self._cleanup.close()

    def _start(self, stack: contextlib.ExitStack) -> int:
        from modelbox.server.authorisation import Authorisation
        from modelbox.server.opening import open_backend
        from modelbox.server.tls import server_credentials

        configuration = self._configuration
        credentials = server_credentials(configuration)
        backend = open_backend(configuration, self._telemetry.stored)
        stack.callback(backend.close)
        authorise = Authorisation(backend, configuration.tokens_path) if configuration.tokens_file else None
        caller_of = authorise.caller_of if authorise is not None else _nobody
        self._telemetry.call_log = CallLog(slow_s=configuration.slow_call_s, caller_of=caller_of)

        from modelbox.server.grpc_server import build_server
        from modelbox.server.health import offer_standard_services
        from modelbox.server.options import Role, ServerOptions

        options = ServerOptions(
            threads=configuration.threads,
            max_streams=configuration.max_streams,
            max_watchers=configuration.max_watchers,
            max_message_bytes=configuration.max_message_bytes,
            role=Role.BLOB if configuration.role == "blob" else Role.ALL,
            blob_servers=configuration.blob_servers,
            reuse_port=self._shared,
        )
        server = build_server(backend, options=options, authorise=authorise, observer=self._telemetry)
        offer_standard_services(server)
        port = server.start(self._address, credentials)
        stack.callback(server.stop, _CALLS_END_S)
        return port


def _nobody(_: Headers) -> str:
    return ""


def raise_file_limit() -> None:
    """Allow this process as many open files as it may have: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a limit below the one that it tells
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
