"""A hook of mkdocs: roles of Sphinx in docstrings read as plain code."""

from __future__ import annotations

import re
from typing import Any

_ROLE = re.compile(r":(?:class|meth|func|mod|data|attr):(?=<code>)")


def on_page_content(html: str, **_: Any) -> str:
    """Drop ``:class:`` and its like in front of code."""
    return _ROLE.sub("", html)
