"""The remote backend: everything that a client can ask for, from a server."""

from modelbox.backends.remote.address import TlsOptions, read_tls_options
from modelbox.backends.remote.backend import RemoteBackend

__all__ = ["RemoteBackend", "TlsOptions", "read_tls_options"]
