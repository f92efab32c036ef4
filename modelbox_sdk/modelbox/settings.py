"""The one reader of the process environment.

======================  ==================================================================
variable                meaning
======================  ==================================================================
``MODELBOX_URI``        store that ``ModelBoxClient()`` opens
``MODELBOX_API_ADDR``   ``host:port`` of a server, used when ``MODELBOX_URI`` is not set
``MODELBOX_OWNER``      default owner of experiments and models
``MODELBOX_CACHE_DIR``  where ``load_model`` keeps its copies
``MODELBOX_SPOOL_DIR``  where journals wait whose store is not a local folder
======================  ==================================================================

A server's configuration has variables of its own, whose names begin with ``MODELBOX_SERVER_``.
"""

from __future__ import annotations

import os
from pathlib import Path

DEFAULT_STORE = ".modelbox"


def _variable(name: str) -> str | None:
    value = os.environ.get(name, "").strip()
    return value or None


def default_uri() -> str:
    """The store that a client opens when it is given none."""
    uri = _variable("MODELBOX_URI")
    if uri:
        return uri
    address = _variable("MODELBOX_API_ADDR")
    if address:
        return address if "://" in address else f"grpc://{address}"
    return DEFAULT_STORE


def server_variables() -> dict[str, str]:
    """The variables that stand in for values of a server's configuration file."""
    return {name: value for name, value in os.environ.items() if name.startswith("MODELBOX_SERVER_")}


def default_owner() -> str:
    """``$MODELBOX_OWNER``, else the login name, else ``unknown`` (a container without accounts)."""
    owner = _variable("MODELBOX_OWNER")
    if owner:
        return owner
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def cache_dir() -> Path:
    """Where verified copies of models are kept between loads."""
    chosen = _variable("MODELBOX_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    base = _variable("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "modelbox"


def spool_dir() -> Path:
    """Where journals wait whose store is not a local folder."""
    chosen = _variable("MODELBOX_SPOOL_DIR")
    if chosen:
        return Path(chosen).expanduser()
    base = _variable("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "modelbox" / "spool"
