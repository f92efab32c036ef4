"""Packages that only some commands need."""

from __future__ import annotations

from importlib.util import find_spec

from modelbox.errors import ModelBoxError


def require(what: str, *modules: str, extra: str) -> None:
    """Check that modules can be imported.

    Args:
        what: What needs them.
        *modules: Top-level modules.
        extra: The extra of ``modelbox-sdk`` that brings them.

    Raises:
        ModelBoxError: One is missing; the message says how to install it.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ModelBoxError(f"{what} needs {', '.join(missing)}, not installed here: pip install 'modelbox-sdk[{extra}]'")
