"""What metadata may hold: JSON values, exactly."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from modelbox.errors import InvalidArgumentError
from modelbox.records import JsonValue

_MAX_DEPTH = 100
MAX_JSON_BYTES = 8 << 20
"""What is set in one call is stored twice in one transaction, and sent to all who watch."""


def json_object(value: Any, name: str) -> dict[str, JsonValue]:
    """A copy of a mapping as plain JSON values: tuples become lists, NumPy scalars Python numbers.

    Args:
        value: A mapping with string keys.
        name: What the value is called in messages.

    Raises:
        InvalidArgumentError: Something in it has no exact JSON form; the message says where.
    """
    if not isinstance(value, Mapping):
        raise InvalidArgumentError(f"{name} must be a dict of JSON values, not {type(value).__name__}")
    return {_key(key, name): json_value(item, f"{name}[{key!r}]") for key, item in value.items()}


def refuse_large_json(value: Mapping[str, JsonValue], name: str) -> None:
    """Check that JSON values are at most 8 MiB.

    Raises:
        InvalidArgumentError: They are more.
    """
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > MAX_JSON_BYTES:
        raise InvalidArgumentError(
            f"{name} is {size:,} bytes of JSON; at most {MAX_JSON_BYTES:,} are accepted in one call:"
            " store it as a file, with upload_artifact"
        )


def json_value(value: Any, name: str, _depth: int = 0) -> JsonValue:
    """A copy of one value as plain JSON; see :func:`json_object`."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return valid_text(str.__str__(value), name)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidArgumentError(f"{name} is {value!r}, which JSON cannot hold; use None or a string such as {str(value)!r}")
        return float(value)
    if _depth >= _MAX_DEPTH:
        raise InvalidArgumentError(f"{name} is nested more than {_MAX_DEPTH} deep, or contains itself")
    if isinstance(value, Mapping):
        return {_key(key, name): json_value(item, f"{name}[{key!r}]", _depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item, f"{name}[{i}]", _depth + 1) for i, item in enumerate(value)]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a scalar of NumPy, PyTorch or JAX
        return json_value(value.item(), name, _depth + 1)
    raise InvalidArgumentError(
        f"{name} is a {type(value).__name__}, which JSON cannot hold; use str, int, float, bool, None, list or dict"
    )


def valid_text(text: str, name: str) -> str:
    """The text itself, when it can be stored.

    Raises:
        InvalidArgumentError: It holds a lone surrogate, which UTF-8 cannot express.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{name} is {text!r}, which is not valid Unicode") from None
    return text


def _key(key: Any, name: str) -> str:
    if not isinstance(key, str):
        raise InvalidArgumentError(f"{name} has the key {key!r}; keys must be strings, as in JSON")
    return valid_text(str.__str__(key), f"a key of {name}")
