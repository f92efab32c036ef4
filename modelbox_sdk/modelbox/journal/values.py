"""Which values can be logged, and how each is stored.

The rules are the same for every store: a call whose arguments break one raises before anything of it is written.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from modelbox.errors import InvalidArgumentError
from modelbox.records import us_from_datetime

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_FIRST_US = -62_135_596_800_000_000
_LAST_US = 253_402_300_799_999_999
_ACCEPTED = "a float, anything with __float__, str or bytes"
_MAX_BYTES = 32 << 20
"""Of texts and bytes in one call: a server has to take them as one message, and those who read metrics hold them in memory."""
_MAX_EVENT_TEXT = 64 << 10


class Values(NamedTuple):
    """The values of one call, sorted by how they are stored."""

    scalars: dict[str, float]
    others: dict[str, str | bytes]


def check_values(metrics: Mapping[str, Any]) -> Values:
    """Validate the keys and values of a call.

    Raises:
        TypeError: A key is not a str, or a value is of a type that is not accepted.
        InvalidArgumentError: A key is empty, has NUL or a lone surrogate, a number does not fit a double, or texts and bytes are
            more than 32 MiB.
    """
    values = Values({}, {})
    left = _MAX_BYTES
    for key, value in metrics.items():
        name = check_key(key)
        if type(value) is float:
            values.scalars[name] = value
        elif isinstance(value, str):
            values.others[name] = _encodable(str(value), f"the text of metric {key!r}")
            left = _room_after(left, name, len(value.encode()))
        elif isinstance(value, bytes | bytearray | memoryview):
            left = _room_after(left, name, memoryview(value).nbytes)
            values.others[name] = bytes(value)
        else:
            values.scalars[name] = _number(name, value)
    return values


def _room_after(left: int, key: str, size: int) -> int:
    if size > left:
        raise InvalidArgumentError(
            f"metric {key!r} is {size:,} bytes long; at most {_MAX_BYTES:,} bytes of texts and bytes are accepted in one call:"
            " store it as a file, with upload_artifact"
        )
    return left - size


def check_key(key: object) -> str:
    """A metric's key.

    Raises:
        TypeError: It is not a str.
        InvalidArgumentError: It is empty, has NUL or cannot be encoded as UTF-8.
    """
    if not isinstance(key, str):
        raise TypeError(f"a metric's key must be a str, not {type(key).__name__}: {key!r}")
    if not key:
        raise InvalidArgumentError("a metric's key must not be empty")
    if "\0" in key:
        raise InvalidArgumentError(f"a metric's key must not contain NUL: {key!r}")
    return _encodable(str(key), "a metric's key")


def check_text(text: object, what: str) -> str:
    """A name or a source of an event.

    Raises:
        TypeError: It is not a str.
        InvalidArgumentError: It has NUL, cannot be encoded as UTF-8, or is longer than 65,536 characters.
    """
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}: {text!r}")
    if len(text) > _MAX_EVENT_TEXT:
        raise InvalidArgumentError(f"{what} is {len(text):,} characters long; at most {_MAX_EVENT_TEXT:,} are accepted")
    if "\0" in text:
        raise InvalidArgumentError(f"{what} must not contain NUL: {text!r}")
    return _encodable(str(text), what)


def check_step(step: object) -> int:
    """A step; None is 0, the step of series without steps.

    Raises:
        TypeError: It is not an integer.
        InvalidArgumentError: It does not fit 64 bits.
    """
    if step is None:
        return 0
    if isinstance(step, bool) or not hasattr(step, "__index__"):
        raise TypeError(f"step must be an int, not {type(step).__name__}: {step!r}")
    number = operator.index(step)
    if not _INT64_MIN <= number <= _INT64_MAX:
        raise InvalidArgumentError(f"step {number} does not fit a signed 64-bit integer")
    return number


def check_wallclock(wallclock: object) -> int:
    """A wallclock in microseconds since the epoch, rounded to the nearest.

    Raises:
        TypeError: It is neither a number of seconds nor a datetime.
        InvalidArgumentError: It is not finite, or lies outside of the years 1 to 9999.
    """
    if isinstance(wallclock, datetime):
        try:
            return us_from_datetime(wallclock)
        except OverflowError:
            raise InvalidArgumentError(f"wallclock {wallclock!r} lies outside of the years 1 to 9999 in UTC") from None
    if isinstance(wallclock, bool | complex | str | bytes) or not hasattr(wallclock, "__float__"):
        name = type(wallclock).__name__
        raise TypeError(f"wallclock must be seconds since the epoch (int or float) or a datetime, not {name}: {wallclock!r}")
    if isinstance(wallclock, int):
        us = wallclock * 1_000_000
    else:
        seconds = float(wallclock)
        if not math.isfinite(seconds):
            raise InvalidArgumentError(f"wallclock must be finite, not {seconds!r}")
        # A double near today's epoch holds 0.24 us: the nearest microsecond is the one that was meant.
        us = round(seconds * 1e6) if abs(seconds) < 1e15 else _LAST_US + 1
    if not _FIRST_US <= us <= _LAST_US:
        raise InvalidArgumentError(f"wallclock {wallclock!r} lies outside of the years 1 to 9999")
    return us


def _encodable(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{what} cannot be encoded as UTF-8: {text!r}") from None
    return text


def _number(key: str, value: Any) -> float:
    kind = type(value)
    if getattr(value, "ndim", 0):
        value = _only_element(key, value)
    if isinstance(value, complex) or getattr(getattr(value, "dtype", None), "kind", "") == "c" or not hasattr(value, "__float__"):
        raise _refused(key, kind)
    try:
        return _exactly(key, operator.index(value))
    except TypeError:
        pass  # not an integer, whatever its class has: NumPy's and PyTorch's floats have __index__ too
    try:
        return float(value)
    except InvalidArgumentError:
        raise
    except OverflowError:
        raise InvalidArgumentError(f"metric {key!r}: {value!r} is too large for a double") from None
    except Exception as error:
        raise _refused(key, kind) from error


def _only_element(key: str, array: Any) -> Any:
    shape = tuple(getattr(array, "shape", ()))
    if math.prod(shape) != 1 or not hasattr(array, "item"):
        raise TypeError(f"metric {key!r} must be one value, not {type(array).__name__} of shape {shape}; log its elements or bytes")
    return array.item()


def _exactly(key: str, number: int) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if value != number:
        raise InvalidArgumentError(
            f"metric {key!r}: the integer {number} cannot be held exactly by a double; log float(value) to round it, or str(value)"
        )
    return value


def _refused(key: str, kind: type) -> TypeError:
    return TypeError(f"metric {key!r} must be {_ACCEPTED}, not {kind.__name__}")
