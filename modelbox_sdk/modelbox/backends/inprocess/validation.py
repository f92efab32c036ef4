"""What arguments must look like. Each refusal says what was wrong, with the value, and what is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelbox.errors import InvalidArgumentError
from modelbox.json_values import valid_text
from modelbox.records import ANY_NAMESPACE, MLFramework, Status

_MAX_NAME_BYTES = 1024


def text(value: Any, what: str) -> str:
    """Any text, also an empty one."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {type(value).__name__}")
    if "\0" in value:
        raise InvalidArgumentError(f"{what} is {value!r}; it must not contain NUL")
    return valid_text(value, what)


def name(value: Any, what: str) -> str:
    """A text that names something: not empty, at most 1,024 bytes of UTF-8."""
    checked = text(value, what)
    if not checked.strip():
        raise InvalidArgumentError(f"{what} is {checked!r}; it must not be empty")
    if len(checked.encode()) > _MAX_NAME_BYTES:
        raise InvalidArgumentError(f"{what} is {len(checked.encode())} bytes long; at most {_MAX_NAME_BYTES} are accepted")
    return checked


def namespace(value: Any) -> str:
    """The name of a namespace."""
    if value == ANY_NAMESPACE:
        raise InvalidArgumentError(f"namespace is {value!r}, which stands for all namespaces where changes are read; name one")
    return name(value, "namespace")


def framework(value: Any) -> str:
    """The canonical name of a framework, or "" for none."""
    value = text(value, "framework")
    if not value:
        return ""
    try:
        return str(MLFramework(value.lower()))
    except ValueError:
        known = ", ".join(MLFramework)
        raise InvalidArgumentError(f"framework is {value!r}; known are {known} (in any case)") from None


def status(value: Any) -> Status:
    """A status of an experiment."""
    try:
        return Status(text(value, "status"))
    except ValueError:
        raise InvalidArgumentError(f"status is {value!r}; known are {', '.join(Status)}") from None


def labels(value: Any, *, removable: bool = False) -> dict[str, str | None]:
    """Labels; with ``removable`` a value may be None."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"labels must be a dict of str to str, not {type(value).__name__}")
    checked: dict[str, str | None] = {}
    for key, item in value.items():
        name(key, "a label")
        if item is None and not removable:
            raise InvalidArgumentError(f"label {key!r} is None; give it a str (None removes a label in set_labels only)")
        checked[key] = None if item is None else text(item, f"label {key!r}")
    return checked


def tags(value: Any) -> tuple[str, ...]:
    """Unique tags, each once, in the order given."""
    if isinstance(value, str) or not isinstance(value, (Sequence, set, frozenset)):
        raise TypeError(f"unique_tags must be a list of str, not {value!r}")
    return tuple(dict.fromkeys(name(tag, "a unique tag") for tag in value))


def limit(value: Any) -> int | None:
    """A number of results, or None for all."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"limit must be an int, not {type(value).__name__}")
    if value < 0:
        raise InvalidArgumentError(f"limit is {value}; it must not be negative")
    return value


_INT64 = range(-(2**63), 2**63)


def step(value: Any, what: str) -> int | None:
    """A 64-bit step, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} must be an int, not {type(value).__name__}")
    number = int(value.__index__())
    if number not in _INT64:
        raise InvalidArgumentError(f"{what} is {number}; it must fit in 64 bits")
    return number


MIN_THINNED = 4
"""The two ends, a minimum and a maximum."""


def max_points(value: Any) -> int | None:
    """How many points to thin a series to, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"max_points must be an int, not {type(value).__name__}")
    if value < MIN_THINNED:
        raise InvalidArgumentError(f"max_points is {value}; at least {MIN_THINNED} are needed: both ends, a minimum and a maximum")
    return value
