"""Loading grpc without what it writes to stderr."""

from __future__ import annotations

import os

_VERBOSITY = "GRPC_VERBOSITY"


def load_grpc() -> None:
    """Import grpc, which would write a line about every lost connection: what matters of it, our errors say.

    It looks at the variable when it is imported, and only then. Whoever sets it gets what they ask for.
    """
    if _VERBOSITY in os.environ:
        import grpc

        return
    os.environ[_VERBOSITY] = "NONE"
    try:
        import grpc  # noqa: F401
    finally:
        os.environ.pop(_VERBOSITY, None)
