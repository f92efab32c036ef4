"""``modelbox server start``: the process that an operator sees."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import NoReturn

from modelbox.server import logs
from modelbox.server.configuration import ServerConfiguration, load
from modelbox.server.metrics_endpoint import MetricsEndpoint
from modelbox.server.network import parse_address
from modelbox.server.serving import Serving
from modelbox.server.signals import StopSignals, limit_stop
from modelbox.server.supervisor import Supervisor
from modelbox.server.telemetry import Telemetry

_log = logging.getLogger(logs.ALWAYS)


def serve(config_path: str | Path) -> NoReturn:
    """Serve what a configuration describes until a signal says that it is enough, and end the process.

    It says on stderr where it serves, once it answers. SIGTERM and SIGINT end it within ten seconds, a second one at once.

    Raises:
        ModelBoxError: It cannot start.
    """
    signals = StopSignals()
    signals.watch()
    configuration = load(config_path)
    logs.configure(format=configuration.log_format, level=configuration.log_level)
    _warn(configuration)
    with contextlib.ExitStack() as stack:
        _start(configuration, signals, stack)
        signals.wait()
        _log.info("stopping")
        limit_stop()
    _log.info("stopped")
    end(0)


def end(code: int) -> NoReturn:
    """End the process now.

    Calls that were given up may still have threads; the interpreter would wait for them.
    """
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def _start(configuration: ServerConfiguration, signals: StopSignals, stack: contextlib.ExitStack) -> None:
    service: Supervisor | Serving
    if configuration.workers > 1:
        service = Supervisor(configuration)
        signals.at_once = service.kill
        measure = service.figures
    else:
        telemetry = Telemetry()
        service = Serving(configuration, telemetry)
        measure = telemetry.figures
    stack.callback(service.stop)
    port = service.start()
    endpoint = MetricsEndpoint(configuration, measure)
    where = endpoint.start()
    stack.callback(endpoint.stop)
    signals.ready()
    host, _ = parse_address(configuration.listen_addr)
    shared = f" with {configuration.workers} processes" if configuration.workers > 1 else ""
    _log.info("serving on %s:%d%s%s", f"[{host}]" if ":" in host else host, port, shared, f"; metrics at {where}" if where else "")


def _warn(configuration: ServerConfiguration) -> None:
    if not configuration.tokens_file:
        who = "has a certificate of tls_client_ca" if configuration.tls_client_ca else f"reaches {configuration.listen_addr}"
        _log.warning("there is no tokens_file: whoever %s can read and write everything", who)
    if configuration.role == "blob" and configuration.metadata_storage == "ephemeral":
        _log.warning(
            "a blob server needs the metadata of the server that it helps; metadata_storage is 'ephemeral', its own memory"
        )
    if configuration.metadata_storage != "ephemeral" and configuration.metrics_storage == "inmemory":
        _log.warning("metrics_storage is 'inmemory': metrics are gone when the server stops, and the objects they are of stay")
