"""The command line ``modelbox``: a user of the public API, and of nothing below it."""

from modelbox.cli.program import main

__all__ = ["main"]
