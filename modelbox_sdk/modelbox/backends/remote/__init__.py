"""The remote backend: everything that a client can ask for, from a server."""

from modelbox.backends.remote.backend import RemoteBackend

__all__ = ["RemoteBackend"]
