"""Where Prometheus reads the figures of a server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any
from wsgiref.simple_server import WSGIServer

from modelbox.errors import UnavailableError
from modelbox.server.configuration import ServerConfiguration
from modelbox.server.figures import Figures, FiguresCollector
from modelbox.server.network import parse_address

DEFAULT_ADDRESS = ":2112"

_log = logging.getLogger("modelbox.server")


class MetricsEndpoint:
    """Serves ``/metrics`` over HTTP, in threads of its own.

    Args:
        configuration: Where.
        measure: Takes the figures of now.
    """

    def __init__(self, configuration: ServerConfiguration, measure: Callable[[], Figures]) -> None:
        self._address = configuration.metrics_addr
        self._measure = measure
        self._started = time.time()
        self._server: WSGIServer | None = None
        self._thread: Any = None

    def start(self) -> str:
        """Begin to serve; where, or "" when the configuration wants none.

        When the configuration does not say where, and another server has the usual place, there are none.

        Raises:
            UnavailableError: The address cannot be listened on.
        """
        address = DEFAULT_ADDRESS if self._address is None else self._address
        if not address:
            return ""
        host, port = parse_address(address)
        try:
            return self._serve(host, port)
        except OSError as error:
            problem = f"cannot serve metrics on {address}: {error.strerror or error}"
            if self._address is not None:
                raise UnavailableError(f"{problem}; set metrics_addr to another address, or to ''") from error
            _log.warning("%s; there are none until metrics_addr says where", problem)
            return ""

    def stop(self) -> None:
        """Serve no more. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            self._thread.join()

    def _serve(self, host: str, port: int) -> str:
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry(auto_describe=False)
        registry.register(FiguresCollector(self._now))
        self._server, self._thread = start_http_server(port, host or "0.0.0.0", registry)  # noqa: S104 - as it is configured
        return f"http://{host or 'localhost'}:{self._server.server_port}/metrics"

    def _now(self) -> Figures:
        figures = self._measure()
        figures.gauges["started",] = self._started
        return figures
