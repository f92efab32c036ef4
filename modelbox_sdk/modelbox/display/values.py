"""Values as people read them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from modelbox.display.markup import Markup, given, spaced, tag, text

LONGEST = 200
"""Characters of a value that are shown; the rest is behind an ellipsis."""
_LONGEST_POINT = 30


def scalar(value: float | None) -> str:
    """A metric value with six significant digits."""
    if value is None:
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return "NaN" if math.isnan(value) else f"{value:.6g}"


def point(value: float | str | bytes) -> Markup:
    """A logged value of any type."""
    if isinstance(value, bytes):
        return tag("i", f"{len(value):,} bytes")
    return given(shortened(value, _LONGEST_POINT)) if isinstance(value, str) else text(scalar(value))


def moment(at: datetime) -> Markup:
    """A time to the second; its microseconds are in the tooltip."""
    return tag("time", f"{at:%Y-%m-%d %H:%M:%S} UTC", datetime=at.isoformat(), title=at.isoformat())


def json_text(value: Any) -> Markup:
    """A JSON value; a string without its quotes."""
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return given(shortened(shown))


def labels(found: Mapping[str, str]) -> Markup:
    """Labels on one line."""
    return spaced(tag("span", given(f"{key}={value}"), class_="tag") for key, value in sorted(found.items()))


def code(value: str) -> Markup:
    """An id or an address."""
    return tag("code", shortened(value))


def digest(value: str) -> Markup:
    """A digest, short; the whole of it is in the tooltip."""
    algorithm, colon, rest = value.partition(":")
    short = f"{algorithm}{colon}{rest[:12]}…" if len(rest) > 16 else value
    return tag("code", short, title=value)


def shortened(value: str, longest: int = LONGEST) -> str:
    """At most so many characters, and an ellipsis where there were more."""
    return value if len(value) <= longest else f"{value[:longest]}…"
