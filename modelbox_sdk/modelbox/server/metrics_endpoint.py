"""Where Prometheus reads the figures of a server."""

from __future__ import annotations

import http.server
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from modelbox.errors import UnavailableError
from modelbox.server.configuration import ServerConfiguration
from modelbox.server.figures import Figures, FiguresCollector
from modelbox.server.network import parse_address

DEFAULT_ADDRESS = ":2112"
_REQUEST_S = 10.0

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
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

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
        if server is not None and self._thread is not None:
            server.shutdown()
            server.server_close()
            self._thread.join()

    def _serve(self, host: str, port: int) -> str:
        from prometheus_client import CollectorRegistry

        registry = CollectorRegistry(auto_describe=False)
        registry.register(FiguresCollector(self._now))
        self._server = _Server(host, port, registry)
        self._thread = threading.Thread(target=self._server.serve_forever, name="modelbox-metrics", daemon=True)
        self._thread.start()
        shown = f"[{host}]" if ":" in host else host or "localhost"
        return f"http://{shown}:{self._server.server_address[1]}/metrics"

    def _now(self) -> Figures:
        figures = self._measure()
        figures.gauges["started",] = self._started
        return figures


class _Server(http.server.ThreadingHTTPServer):
    """An HTTP server on an address; on all interfaces when there is no host."""

    daemon_threads = True

    def __init__(self, host: str, port: int, registry: Any) -> None:
        self.registry = registry
        everywhere, self.address_family = ("::", socket.AF_INET6) if socket.has_dualstack_ipv6() else ("", socket.AF_INET)
        if host:
            self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host or everywhere, port), _Handler)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's looks for the name of this host, which can take seconds

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing for people to read: whoever asked went away."""
        del request
        _log.debug("an answer about metrics to %s was given up", client_address, exc_info=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = _REQUEST_S
    server: _Server

    def do_GET(self) -> None:
        """Answer one request."""
        from prometheus_client.exposition import choose_encoder

        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND, "the metrics are at /metrics")
            return
        encode, content_type = choose_encoder(self.headers.get("accept", ""))
        body = encode(self.server.registry)
        self.send_response(HTTPStatus.OK)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """What this server says that it is."""
        return "modelbox"

    def log_message(self, *arguments: Any) -> None:
        """Nothing: a line every 15 seconds tells nobody anything."""
