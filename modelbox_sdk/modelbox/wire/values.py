"""Values on the wire: times, JSON texts, and the numbers that stand for words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from modelbox.errors import InvalidArgumentError
from modelbox.records import Action, MLFramework, ObjectType, Status
from modelbox.wire import service_pb2 as pb

MIN_TIME_US = -62_135_596_800_000_000
"""The beginning of the year 1, which is what a Timestamp and a datetime begin with."""
MAX_TIME_US = 253_402_300_799_999_999
"""The end of the year 9999."""


def timestamp_to_message(us: int) -> Timestamp:
    """A Timestamp from microseconds since 1970."""
    seconds, micros = divmod(us, 1_000_000)
    return Timestamp(seconds=seconds, nanos=micros * 1000)


def timestamp_from_message(message: Timestamp) -> int:
    """Microseconds since 1970.

    Raises:
        InvalidArgumentError: It is not between the years 1 and 9999.
    """
    return valid_time_us(message.seconds * 1_000_000 + message.nanos // 1000)


def valid_time_us(us: int) -> int:
    """The same time.

    Raises:
        InvalidArgumentError: It is not between the years 1 and 9999.
    """
    if not MIN_TIME_US <= us <= MAX_TIME_US:
        raise InvalidArgumentError(f"the time {us} (microseconds since 1970) is not between the years 1 and 9999")
    return us


# -- JSON


def json_text(value: Any) -> str:
    """The JSON text of a value, exactly.

    Raises:
        InvalidArgumentError: It has none.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"a value has no JSON form: {error}") from None


def json_object_from_text(text: str) -> dict[str, Any]:
    """The object in a JSON text; an empty text is an empty object.

    Raises:
        InvalidArgumentError: It is not the text of a JSON object.
    """
    try:
        value = _parse(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"{text[:100]!r} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidArgumentError(f"{text[:100]!r} is not a JSON object")
    return value


def metadata_to_message(metadata: Mapping[str, Any]) -> pb.Metadata:
    """A map of JSON texts.

    Raises:
        InvalidArgumentError: A value has no JSON form.
    """
    return pb.Metadata(metadata={key: json_text(value) for key, value in metadata.items()})


def metadata_from_message(message: pb.Metadata) -> dict[str, Any]:
    """The values, sorted by key. A text that is not JSON, as clients of upstream may send it, is taken as a string."""
    return {key: _value_or_text(text) for key, text in sorted(message.metadata.items())}


def _value_or_text(text: str) -> Any:
    try:
        return _parse(text)
    except (ValueError, RecursionError):
        return text


def _parse(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# -- words

_Word = TypeVar("_Word")

_FRAMEWORKS: dict[MLFramework, pb.MLFramework] = {name: pb.MLFramework.Value(name.name) for name in MLFramework}
_STATUSES: dict[Status, pb.ExperimentStatus] = {
    status: pb.ExperimentStatus.Value(f"EXPERIMENT_STATUS_{status.name}") for status in Status
}
_TYPES: dict[ObjectType, pb.ObjectType] = {kind: pb.ObjectType.Value(f"OBJECT_TYPE_{kind.name}") for kind in ObjectType}
_ACTIONS: dict[Action, pb.ChangeAction] = {action: pb.ChangeAction.Value(f"CHANGE_ACTION_{action.name}") for action in Action}
_FILE_TYPES: dict[str, pb.FileType] = {name.lower(): number for name, number in pb.FileType.items() if number}


def framework_to_enum(framework: str) -> pb.MLFramework:
    """The number of a framework; that of UNKNOWN for "".

    Raises:
        InvalidArgumentError: It is none of ours.
    """
    if not framework:
        return pb.UNKNOWN
    try:
        return _FRAMEWORKS[MLFramework(framework)]
    except ValueError:
        raise InvalidArgumentError(f"framework is {framework!r}; known are {', '.join(MLFramework)}") from None


def framework_from_enum(number: int) -> str:
    """The name of a framework; "" for UNKNOWN, and "other" for one that came after this version."""
    if number == pb.UNKNOWN:
        return ""
    return str(next((name for name, known in _FRAMEWORKS.items() if known == number), MLFramework.OTHER))


def status_to_enum(status: str) -> pb.ExperimentStatus:
    """The number of a status."""
    return _STATUSES[Status(status)]


def status_from_enum(number: int) -> Status:
    """The status with a number.

    Raises:
        InvalidArgumentError: There is none.
    """
    return _named(number, _STATUSES, "a status of an experiment")


def object_type_to_enum(kind: ObjectType | None) -> pb.ObjectType:
    """The number of a type; that of undefined for None."""
    return pb.OBJECT_TYPE_UNDEFINED if kind is None else _TYPES[kind]


def object_type_from_enum(number: int) -> ObjectType | None:
    """The type with a number, or None for undefined.

    Raises:
        InvalidArgumentError: There is none.
    """
    return None if number == pb.OBJECT_TYPE_UNDEFINED else _named(number, _TYPES, "a type of object")


def action_to_enum(action: Action) -> pb.ChangeAction:
    """The number of an action."""
    return _ACTIONS[action]


def action_from_enum(number: int) -> Action:
    """The action with a number.

    Raises:
        InvalidArgumentError: There is none.
    """
    return _named(number, _ACTIONS, "an action")


def file_type_to_enum(file_type: str) -> pb.FileType:
    """The number of a type of file; that of undefined for one that it does not know."""
    return _FILE_TYPES.get(file_type, pb.UNDEFINED)


def file_type_from_enum(number: int) -> str:
    """The name of a type of file in lower case; "" for undefined, and for one that came after this version."""
    return next((name for name, known in _FILE_TYPES.items() if known == number), "")


def _named(number: int, numbers: Mapping[_Word, int], what: str) -> _Word:
    for name, known in numbers.items():
        if known == number:
            return name
    raise InvalidArgumentError(f"{number} is not the number of {what}; those are {', '.join(map(str, numbers.values()))}")
