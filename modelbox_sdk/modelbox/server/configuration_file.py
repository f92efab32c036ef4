"""Reading a TOML file into frozen dataclasses, so that every mistake is told with its key, file and line."""

from __future__ import annotations

import dataclasses
import difflib
import logging
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from modelbox.errors import InvalidArgumentError, ModelBoxError
from modelbox.oserrors import storage_errors

T = TypeVar("T")
Where: typing.TypeAlias = tuple[str, ...]
PREFIX = "MODELBOX_SERVER_"

_log = logging.getLogger("modelbox.server")
_CLOSE = 0.8
_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list of texts"}


def key(
    default: Any,
    *,
    choices: tuple[str, ...] = (),
    lowest: float | None = None,
    highest: float | None = None,
    check: Callable[[str], None] | None = None,
    secret: bool = False,
) -> Any:
    """A field of a dataclass that is a key of the file.

    Args:
        default: Its value when it is not given.
        choices: The texts that it can be; any when empty.
        lowest: The least number.
        highest: The greatest number.
        check: Raises what is wrong with a text, or with each of a list.
        secret: Whether its value is never to be shown.
    """
    rules = {"choices": choices, "lowest": lowest, "highest": highest, "check": check, "secret": secret}
    return dataclasses.field(default=default, repr=not secret, metadata=rules)


class ConfigurationFile:
    """A TOML file, and the variables of the environment that stand in for its values.

    Args:
        path: The file.
        variables: The variables whose names begin with ``MODELBOX_SERVER_``.

    Raises:
        InvalidArgumentError: The file is not there, or is not TOML.
    """

    def __init__(self, path: Path, variables: Mapping[str, str]) -> None:
        self.path = path
        self._variables = variables
        self._top: set[str] = set()
        self._text = _read(path)
        try:
            self._values = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            raise InvalidArgumentError(f"{path} is not TOML: {error}") from error

    def read(self, cls: type[T]) -> T:
        """What the file and the environment say, as a dataclass whose fields :func:`key` made, or that are such dataclasses.

        Raises:
            InvalidArgumentError: A key is unknown, or a value is wrong.
        """
        self._top = {field.name for field in dataclasses.fields(typing.cast(Any, cls))}
        self._warn_of_variables(cls)
        return self._table(cls, self._values, ())

    def missing(self, *where: str) -> InvalidArgumentError:
        """The error that a key is not given, or empty."""
        line = f", line {line_of(self._text, where)}" if self._has(where) else ""
        return InvalidArgumentError(f"{self.path}{line}: {'.'.join(where)} is missing; give it there, or in {variable(where)}")

    def error(self, where: Where, message: str) -> InvalidArgumentError:
        """An error about the value of a key, which names where the value stands."""
        if variable(where) in self._variables:
            return InvalidArgumentError(f"{variable(where)} in the environment: {message}")
        if not self._has(where):
            return InvalidArgumentError(f"{self.path}: {message}")
        return InvalidArgumentError(f"{self.path}, line {line_of(self._text, where)}: {message}")

    def _table(self, cls: type[T], values: Mapping[str, Any], where: Where) -> T:
        fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, cls))}
        for name in values:
            if name not in fields:
                raise self._unknown((*where, name), list(fields))
        types_of = typing.get_type_hints(cls)
        given = {}
        for name, field in fields.items():
            at = (*where, name)
            if dataclasses.is_dataclass(types_of[name]):
                given[name] = self._nested(typing.cast(Any, types_of[name]), values.get(name, {}), at)
            elif variable(at) in self._variables:
                given[name] = self._checked(_from_text(self._variables[variable(at)], types_of[name]), types_of[name], field, at)
            elif name in values:
                given[name] = self._checked(values[name], types_of[name], field, at)
        return cls(**given)

    def _nested(self, cls: type[T], values: Any, where: Where) -> T:
        if not isinstance(values, Mapping):
            raise self.error(where, f"{where[-1]} is a table; write [{where[-1]}], and its keys below")
        return self._table(cls, values, where)

    def _checked(self, value: Any, hint: Any, field: dataclasses.Field[Any], where: Where) -> Any:
        wanted = _plain(hint)
        name = ".".join(where)
        is_shown = isinstance(value, str | int | float) and not field.metadata["secret"]
        shown = f", not {value!r}" if is_shown else ""
        if wanted is float and type(value) is int:
            value = float(value)
        if wanted is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = tuple(value)
        if type(value) is not wanted:
            raise self.error(where, f"{name} must be {_NAMES[wanted]}{shown}")
        problem = _problem(value, field.metadata)
        if problem:
            raise self.error(where, f"{name} {problem}{shown}" if problem.startswith("must") else f"{name}: {problem}")
        return value

    def _unknown(self, where: Where, known: list[str]) -> InvalidArgumentError:
        name = ".".join(where)
        if len(where) > 1 and where[-1] in self._top:
            return self.error(where, f"{where[-1]} is a key of the file itself; it goes above the first [table]")
        close = difflib.get_close_matches(where[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        return self.error(where, f"there is no key {name}; {hint}")

    def _has(self, where: Where) -> bool:
        return _contains(self._values, where)

    def _warn_of_variables(self, cls: type[Any]) -> None:
        """An orchestrator may set variables with our prefix, so what is unknown is an error only to a person's eye."""
        known = list(_variables_of(cls))
        for name in sorted(set(self._variables) - set(known)):
            close = difflib.get_close_matches(name, known, n=1, cutoff=_CLOSE)
            if close:
                _log.warning("the environment's %s is no key of the configuration; did you mean %s?", name, close[0])


def variable(where: Where) -> str:
    """The variable of the environment that stands in for a key."""
    return PREFIX + "_".join(where).upper()


def line_of(text: str, where: Where) -> int:
    """The line where the statement begins that brings a key into a TOML document.

    The document is read up to each line in turn: what can be read has no open bracket or text, and holds the statements so far.
    """
    lines = text.split("\n")
    start = 1
    for number in range(1, len(lines) + 1):
        try:
            values = tomllib.loads("\n".join(lines[:number]) + "\n")
        except tomllib.TOMLDecodeError:
            continue
        if _contains(values, where):
            return start
        start = number + 1
    return start


def _contains(values: Any, where: Where) -> bool:
    for name in where:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True


def _read(path: Path) -> str:
    try:
        with storage_errors("read", str(path)):
            return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidArgumentError(
            f"there is no configuration file {path}; modelbox server init-config {path} writes one"
        ) from None
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(f"{path} is not TOML: it is not UTF-8") from error


def _variables_of(cls: type[Any], where: Where = ()) -> typing.Iterator[str]:
    types_of = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(types_of[field.name]):
            yield from _variables_of(types_of[field.name], (*where, field.name))
        else:
            yield variable((*where, field.name))


def _plain(hint: Any) -> type:
    """The class of the values of an annotation: ``str`` for ``str | None``, ``tuple`` for ``tuple[str, ...]``."""
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    found: type = typing.get_origin(hint) or hint
    return found


def _from_text(text: str, hint: Any) -> Any:
    """The value that a text in the environment stands for; the text itself when it stands for none."""
    wanted = _plain(hint)
    if wanted is tuple:
        return [item.strip() for item in text.split(",") if item.strip()]
    if wanted is bool:
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    if wanted in (int, float):
        try:
            return wanted(text)
        except ValueError:
            return text
    return text


def _problem(value: Any, rules: Mapping[str, Any]) -> str:
    """What is wrong with a value of the right type, or nothing."""
    if rules["choices"] and value not in rules["choices"]:
        return f"must be {' or '.join(repr(choice) for choice in rules['choices'])}"
    if rules["lowest"] is not None and not value >= rules["lowest"]:
        return f"must be at least {rules['lowest']}"
    if rules["highest"] is not None and not value <= rules["highest"]:
        return f"must be at most {rules['highest']}"
    if rules["check"] is not None:
        try:
            for text in value if isinstance(value, tuple) else (value,):
                rules["check"](text)
        except ModelBoxError as error:
            return str(error)
    return ""
