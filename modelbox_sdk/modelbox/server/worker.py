"""A process that serves beside others on one port, under a supervisor.

It is a program of its own, started afresh: grpc does not survive a fork. It listens to its parent only, over a socket that it
inherits, and to no signals: a terminal and an init system send those to all processes of a server, the parent among them. When the
socket closes, the parent is gone, and it ends too.
"""

from __future__ import annotations

import logging
import os
import sys
from multiprocessing.connection import Connection
from typing import NamedTuple

from modelbox.errors import ModelBoxError
from modelbox.server import logs, signals
from modelbox.server.configuration import ServerConfiguration
from modelbox.server.serving import Serving
from modelbox.server.telemetry import Telemetry

STOP = -1
"""What a worker is told last. Before that, each number asks for its figures, and comes back with them."""


class Orders(NamedTuple):
    """What a worker is told first."""

    configuration: ServerConfiguration
    address: str


def main() -> int:
    """Serve until the parent says that it is enough, or is gone."""
    signals.block()
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
    try:
        parent.send("")
        while (asked := parent.recv()) != STOP:
            parent.send((asked, telemetry.figures()))
    except (EOFError, OSError):
        logging.getLogger("modelbox.server").warning("the supervisor is gone; this worker stops")
    signals.limit_stop()
    serving.stop()
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # calls that were given up may still have threads; the interpreter would wait for them
