"""What a client talks to: one abstract class, in-process or remote."""

from modelbox.backends.base import Backend, SourceFile, Spool

__all__ = ["Backend", "SourceFile", "Spool"]
