"""What arguments must look like. Each refusal says what was wrong, with the value, and what is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from modelbox.errors import InvalidArgumentError, NotFoundError
from modelbox.json_values import json_object, refuse_large_json, valid_text
from modelbox.records import ANY_NAMESPACE, FileRecord, JsonValue, MLFramework, ObjectType, Status

_MAX_NAME_BYTES = 1024
_MAX_ID = 200
"""Much more than any id has."""


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


def namespaces(value: Any) -> str | None:
    """The name of a namespace, or None for all."""
    return None if value is None else namespace(value)


def id(value: Any, *kinds: ObjectType) -> str:
    """What can be the id of an object; of one of some types, if any are given.

    Raises:
        NotFoundError: No object can have it.
    """
    if isinstance(value, str) and 0 < len(value) <= _MAX_ID and value.isprintable():  # a lone surrogate is not
        return value
    raise not_found(value, *kinds)


def not_found(id: Any, *kinds: ObjectType) -> NotFoundError:
    """The error for an object that is not there, or not of one of these types."""
    wanted = " or ".join(str(kind).replace("_", " ") for kind in kinds) or "object"
    shown = repr(id)
    if len(shown) > _MAX_ID:
        shown = f"{shown[:_MAX_ID]}..."
    return NotFoundError(f"there is no {wanted} with the id {shown}; it may have been deleted")


def metadata(value: Any) -> dict[str, JsonValue]:
    """JSON values by key, at most 8 MiB of them."""
    checked = json_object(value, "metadata")
    refuse_large_json(checked, "metadata")
    return checked


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


def labels(value: Any) -> dict[str, str]:
    """Labels; none for None."""
    checked = removable_labels(value)
    for key, item in checked.items():
        if item is None:
            raise InvalidArgumentError(f"label {key!r} is None; give it a str (None removes a label in set_labels only)")
    return cast(dict[str, str], checked)


def removable_labels(value: Any) -> dict[str, str | None]:
    """Labels, and None for those that are to go; none for None."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"labels must be a dict of str to str, not {type(value).__name__}")
    return {name(key, "a label"): None if item is None else text(item, f"label {key!r}") for key, item in value.items()}


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


def keys(value: Any) -> tuple[str, ...]:
    """Keys of metrics; none for all."""
    if isinstance(value, str) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"keys must be str, not {value!r}")
    return tuple(valid_text(key, "a key") for key in value)


def seq(value: Any) -> int:
    """The position of a change in the feed."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"since must be an int, the seq of a change, not {type(value).__name__}")
    if value < 0:
        raise InvalidArgumentError(f"since is {value}; it must be the seq of a change, or 0 for the beginning")
    return value


def stored_blob(file: FileRecord) -> str:
    """The name of the content of a file.

    Raises:
        NotFoundError: It is only tracked.
    """
    if file.blob is None:
        raise NotFoundError(f"file {file.path!r} is only tracked; its content is at {file.uri}, not in the store")
    return file.blob
