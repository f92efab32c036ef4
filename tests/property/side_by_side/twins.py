"""Two stores behind the API of one: every call goes to both, and what they answer must be the same."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from modelbox import ModelBoxError
from modelbox.objects.base import ModelBoxObject
from modelbox.objects.lineage import Lineage
from modelbox.objects.metric_table import MetricTable
from side_by_side.opening import Factory, OpenClient

APART = timedelta(hours=1)
"""So far apart two stores may do the same."""
OWN = {"uid", "duration_s", "_session"}
"""What each store, or each call, has of its own."""


class Twin:
    """An object of one store, and the same object of another one."""

    def __init__(self, left: Any, right: Any) -> None:
        self._pair = left, right

    def __getattr__(self, name: str) -> Any:
        left, right = self._pair
        mine, its = getattr(left, name), getattr(right, name)
        if not callable(mine):
            return same(mine, its)

        @functools.wraps(mine)
        def call(*args: Any, **kwargs: Any) -> Any:
            return both(lambda: mine(*_of(0, args), **_of(0, kwargs)), lambda: its(*_of(1, args), **_of(1, kwargs)))

        return call

    def __enter__(self) -> Twin:
        for one in self._pair:
            one.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        for one in self._pair:
            one.__exit__(*error)


def both(mine: Callable[[], Any], its: Callable[[], Any]) -> Any:
    """What two calls return, or raise, when it is the same."""
    left, right = _outcome(mine), _outcome(its)
    if isinstance(left, _Raised) or isinstance(right, _Raised):
        assert left == right, f"{left} here, {right} there"
        raise left.error
    return same(left, right)


def same(left: Any, right: Any) -> Any:
    """Two results as one, when they are the same."""
    assert_same(left, right, "the result")
    if isinstance(left, (ModelBoxObject, Lineage)):
        return Twin(left, right)
    if isinstance(left, (list, tuple)) and type(left) in (list, tuple):
        return type(left)(same(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, AbstractContextManager):
        return _together(left, right)
    return left


def assert_same(left: Any, right: Any, what: str) -> None:
    """Compare two results, but for moments and names that each store gives."""
    assert type(left) is type(right), f"{what}: {left!r} here, {right!r} there"
    if isinstance(left, ModelBoxObject):
        assert_same(left._record, right._record, what)
        assert left.exists == right.exists, f"{what}: existed in one of them only"
    elif isinstance(left, MetricTable):
        columns = left.to_dict(), right.to_dict()
        assert_same(*columns, what)
    elif dataclasses.is_dataclass(left):
        for field in dataclasses.fields(left):
            _compare(field.name, getattr(left, field.name), getattr(right, field.name), what)
    elif isinstance(left, Mapping):
        assert left.keys() == right.keys(), f"{what}: has {list(left)} here, {list(right)} there"
        for key in left:
            _compare(key, left[key], right[key], what)
    elif isinstance(left, tuple) and hasattr(left, "_asdict"):
        assert_same(left._asdict(), right._asdict(), what)
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right), f"{what}: {left} here, {right} there"
        for index, pair in enumerate(zip(left, right, strict=True)):
            assert_same(*pair, f"{what}[{index}]")
    elif isinstance(left, datetime):
        assert abs(left - right) < APART, f"{what}: {left} here, {right} there"
    elif isinstance(left, float) and math.isnan(left):
        assert math.isnan(right), f"{what}: nan here, {right} there"
    elif not isinstance(left, AbstractContextManager):
        assert left == right, f"{what}: {left!r} here, {right!r} there"


def _compare(name: str, left: Any, right: Any, what: str) -> None:
    where = f"{what}.{name}"
    if name.endswith("_us") and isinstance(left, int):
        assert abs(left - right) < APART / timedelta(microseconds=1), where
    elif name in ("created_at", "updated_at", "wallclock") and isinstance(left, str):
        assert_same(datetime.fromisoformat(left), datetime.fromisoformat(right), where)
    elif name == "uri" and left != right:  # of content, where each store is
        assert left.rpartition("/artifacts/")[2] == right.rpartition("/artifacts/")[2], f"{where}: {left} here, {right} there"
    elif name not in OWN:
        assert_same(left, right, where)


@dataclasses.dataclass
class _Raised:
    error: Exception

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Raised) and type(other.error) is type(self.error) and str(other.error) == str(self.error)


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (ModelBoxError, TypeError, ValueError) as error:
        return _Raised(error)


def _of(side: int, given: Any) -> Any:
    """An argument as one of the two stores takes it."""
    if isinstance(given, Twin):
        return given._pair[side]
    if type(given) in (list, tuple):
        return type(given)(_of(side, item) for item in given)
    if type(given) is dict:
        return {key: _of(side, item) for key, item in given.items()}
    return given


@contextlib.contextmanager
def _together(left: AbstractContextManager[Any], right: AbstractContextManager[Any]) -> Iterator[None]:
    with left, right:
        yield


def twin_factory(left: Factory, right: Factory) -> Factory:
    """Stores of two factories as one."""

    @contextlib.contextmanager
    def factory() -> Iterator[OpenClient]:
        with left() as open_left, right() as open_right:
            yield lambda: Twin(open_left(), open_right())  # type: ignore[return-value]

    return factory
