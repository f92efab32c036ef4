"""The backend inside the process: the rules of ModelBox over stores."""

from modelbox.backends.inprocess.backend import InProcessBackend
from modelbox.backends.inprocess.opening import open_store

__all__ = ["InProcessBackend", "open_store"]
