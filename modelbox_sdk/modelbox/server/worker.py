"""A process that serves beside others on one port, under a supervisor.

It is a program of its own, started afresh: grpc does not survive a fork. Its parent talks to it over a socket that it inherits.
When that socket closes, the parent is gone, and it ends too.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from multiprocessing.connection import Connection
from typing import NamedTuple

from modelbox.errors import ModelBoxError
from modelbox.server import logs
from modelbox.server.configuration import ServerConfiguration
from modelbox.server.serving import Serving
from modelbox.server.signals import StopSignals
from modelbox.server.telemetry import Telemetry

_log = logging.getLogger("modelbox.server")


class Orders(NamedTuple):
    """What a worker is told first."""

    configuration: ServerConfiguration
    address: str


def main() -> int:
    """Serve until the parent says that it is enough, or is gone."""
    signals = StopSignals()
    signals.watch()
    parent = Connection(int(sys.argv[1]))
    orders: Orders = parent.recv()
    logs.configure(format=orders.configuration.log_format, level=orders.configuration.log_level)
    telemetry = Telemetry()
    serving = Serving(orders.configuration, telemetry, address=orders.address, shared=True)
    try:
        serving.start()
    except ModelBoxError as error:
        parent.send(str(error))
        return 1
    signals.ready()
    parent.send("")
    threading.Thread(target=_answer, args=(parent, telemetry, signals), name="modelbox-parent", daemon=True).start()
    signals.wait()
    signals.limit_stop()
    serving.stop()
    return 0


def _answer(parent: Connection, telemetry: Telemetry, signals: StopSignals) -> None:
    """Give the parent figures whenever it asks."""
    try:
        while True:
            parent.recv()
            parent.send(telemetry.figures())
    except (EOFError, OSError):
        signals.ask()


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # calls that were given up may still have threads; the interpreter would wait for them
