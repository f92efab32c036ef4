"""The one reader of the process environment.

==========================  =====================================================================================
variable                    meaning
==========================  =====================================================================================
``MODELBOX_URI``            store that ``ModelBoxClient()`` opens
``MODELBOX_API_ADDR``       ``host:port`` of a server, used when ``MODELBOX_URI`` is not set
``MODELBOX_CONFIG``         file that names a server, used when neither is set; ``modelbox client init-config`` writes it
``MODELBOX_OWNER``          default owner of experiments and models
``MODELBOX_CACHE_DIR``      where ``load_model`` keeps its copies
``MODELBOX_SPOOL_DIR``      where journals wait whose store is not a local folder
``MODELBOX_OFFLINE_STORE``  store that a client with ``offline=True`` opens instead of a server (``./.modelbox``)
``MODELBOX_TOKEN``          proves to a server who is calling
``MODELBOX_CA_CERT``        PEM file of the certificates that vouch for a server, instead of the system's
``MODELBOX_CLIENT_CERT``    PEM file of the certificate that this client shows to a server
``MODELBOX_CLIENT_KEY``     PEM file of its private key
``MODELBOX_RETRY_S``        for so many seconds calls are made again while no server answers (15)
==========================  =====================================================================================

A server's configuration has variables of its own, whose names begin with ``MODELBOX_SERVER_``.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

from modelbox.errors import InvalidArgumentError

DEFAULT_STORE = ".modelbox"
DEFAULT_RETRY_S = 15.0
_HOSTS_AND_PORTS = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):\d+(,([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):\d+)*")


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
        return _with_scheme(address)
    config = _variable("MODELBOX_CONFIG")
    return server_in(config) if config else DEFAULT_STORE


def server_in(config: str) -> str:
    """The server that a client's configuration file names.

    A file counts when somebody names it, by a variable or an option; one that merely lies in the working directory never does, for
    it would lead a run to another place without anybody noticing.

    Raises:
        InvalidArgumentError: It cannot be read, or says something else.
    """
    import tomllib

    path = Path(config).expanduser()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidArgumentError(f"the configuration {path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # also what is not UTF-8
        raise InvalidArgumentError(f"the configuration {path} is not TOML: {error}") from error
    unknown = sorted(content.keys() - {"server_addr"})
    if unknown:
        raise InvalidArgumentError(f"the configuration {path} has the key {unknown[0]!r}; a client's has server_addr only")
    address = content.get("server_addr")
    if not isinstance(address, str) or not address.strip():
        raise InvalidArgumentError(f'the configuration {path} names no server; write server_addr = "host:port"')
    return _with_scheme(address.strip())


def _with_scheme(address: str) -> str:
    return address if "://" in address else f"grpc://{address}"


def is_server(uri: str) -> bool:
    """Whether a URI names a server: ``grpc://...``, ``grpcs://...``, or ``host:port`` alone."""
    return uri.startswith(("grpc://", "grpcs://")) or _HOSTS_AND_PORTS.fullmatch(uri) is not None


def offline_store() -> str:
    """The store that takes the place of a server for clients that are opened with ``offline=True``."""
    return _variable("MODELBOX_OFFLINE_STORE") or DEFAULT_STORE


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


def token() -> str | None:
    """What proves to a server who is calling."""
    return _variable("MODELBOX_TOKEN")


def ca_cert() -> str | None:
    """The file of the certificates that vouch for a server."""
    return _variable("MODELBOX_CA_CERT")


def client_cert() -> str | None:
    """The file of the certificate that is shown to a server."""
    return _variable("MODELBOX_CLIENT_CERT")


def client_key() -> str | None:
    """The file of the private key of that certificate."""
    return _variable("MODELBOX_CLIENT_KEY")


def retry_s() -> float:
    """For how many seconds calls are made again while no server answers.

    Raises:
        InvalidArgumentError: The variable is no number of seconds.
    """
    chosen = _variable("MODELBOX_RETRY_S")
    if chosen is None:
        return DEFAULT_RETRY_S
    try:
        seconds = float(chosen)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise InvalidArgumentError(f"$MODELBOX_RETRY_S is {chosen!r}; it must be a number of seconds, or 0 for no repetition")
    return seconds
