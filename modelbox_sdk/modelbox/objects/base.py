"""What every object can do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar, overload

from modelbox.errors import InvalidArgumentError
from modelbox.journal import Target
from modelbox.journal.values import check_wallclock
from modelbox.json_values import json_object
from modelbox.objects.metric_table import MetricTable
from modelbox.objects.session import Session
from modelbox.records import Event, ObjectRecord, datetime_from_us

Wallclock: TypeAlias = float | datetime | None
R = TypeVar("R", bound=ObjectRecord)


class ModelBoxObject(Generic[R]):
    """An object of a store: its state when it was last read or changed through this handle.

    Handles are made by the client and by other handles. Two handles are equal when they are of the same type and id.
    """

    __slots__ = ("__weakref__", "_exists", "_record", "_session", "_target")

    def __init__(self, session: Session, record: R, *, exists: bool = True) -> None:
        self._session = session
        self._record = record
        self._exists = exists
        self._target = Target(record.id, record.uid)

    # -- what it is

    @property
    def id(self) -> str:
        """The id, derived from the identity: the same in every store."""
        return self._record.id

    @property
    def name(self) -> str:
        """The name."""
        return self._record.name

    @property
    def namespace(self) -> str:
        """The namespace it lives in."""
        return self._record.namespace

    @property
    def created_at(self) -> datetime:
        """When it was created (aware, UTC)."""
        return datetime_from_us(self._record.created_at_us)

    @property
    def updated_at(self) -> datetime:
        """When its state or its metadata last changed (aware, UTC); logging metrics and events does not count."""
        return datetime_from_us(self._record.updated_at_us)

    @property
    def exists(self) -> bool:
        """Whether it was there before the call that gave this handle."""
        return self._exists

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._record.id == self._record.id

    def __hash__(self) -> int:
        return hash((type(self), self._record.id))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} id={self.id}>"

    # -- metrics

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None, wallclock: Wallclock = None) -> None:
        """Log the values of one or more metrics at a step.

        The call costs microseconds and never waits for the store. When it returns, the points survive the death of the process.

        Args:
            metrics: Values by key: a number (anything with ``__float__``), or ``str`` or ``bytes`` for serialised tensors.
            step: A 64-bit int; steps may come in any order and repeat. 0 when not given.
            wallclock: Seconds since the epoch, or a datetime (naive is local time), kept to the microsecond; now when not given.

        Raises:
            TypeError: A value is of another type; the message names the key. Nothing of the call is logged.
            InvalidArgumentError: An int that a double cannot hold exactly, or a step or wallclock out of range.
        """
        self._session.journal.log_metrics(self._target, metrics, step, wallclock)

    def metrics(
        self, *keys: str, start_step: int | None = None, end_step: int | None = None, max_points: int | None = None
    ) -> MetricTable:
        """Read logged points, ordered by key, step, and the order in which they were logged.

        Args:
            *keys: Which metrics; all when none is given.
            start_step: First step, inclusive.
            end_step: Last step, inclusive.
            max_points: Thin each series to at most so many points (4 or more), keeping its ends, minima and maxima.

        Raises:
            NotFoundError: The object has been deleted.
        """
        table = self._session.metrics_backend.read_metrics(
            self.id, keys=keys, start_step=start_step, end_step=end_step, max_points=max_points
        )
        return MetricTable(table, title=self.name)

    # -- metadata

    @overload
    def update_metadata(self, metadata: Mapping[str, Any], /) -> None: ...
    @overload
    def update_metadata(self, key: str, value: Any, /) -> None: ...
    def update_metadata(self, *args: Any) -> None:
        """Merge values into the metadata, at the top level: ``update_metadata({...})`` or ``update_metadata(key, value)``.

        Raises:
            InvalidArgumentError: A value is not JSON.
            NotFoundError: The object has been deleted.
        """
        if len(args) == 2:
            if not isinstance(args[0], str):
                raise TypeError(f"a metadata key must be a str, not {type(args[0]).__name__}")
            args = ({args[0]: args[1]},)
        if len(args) != 1:
            raise TypeError("update_metadata takes a dict, or a key and a value")
        self._session.backend.update_metadata(self.id, args[0])

    def metadata(self) -> dict[str, Any]:
        """The metadata, sorted by key.

        Raises:
            NotFoundError: The object has been deleted.
        """
        return self._session.backend.metadata(self.id)

    # -- events

    def log_event(
        self, name: str, source: str = "", metadata: Mapping[str, Any] | None = None, wallclock: Wallclock = None
    ) -> None:
        """Report that something happened. Costs and promises what :meth:`log_metrics` does.

        Args:
            name: What happened, such as ``checkpoint_started``.
            source: Who says so, such as ``trainer``.
            metadata: JSON values.
            wallclock: When it happened; now when not given.
        """
        if not isinstance(name, str) or not isinstance(source, str):
            raise TypeError(f"the name and the source of an event must be str, not {name!r} and {source!r}")
        if not name:
            raise InvalidArgumentError("the name of an event must not be empty")
        checked = json_object(metadata, "metadata") if metadata is not None else {}
        self._session.journal.log_event(self._target, name, source, checked, wallclock)

    def events(self, since: float | datetime | None = None) -> list[Event]:
        """The logged events, in the order of their wallclock.

        Args:
            since: Only events whose wallclock is this (seconds since the epoch, or a datetime) or later.

        Raises:
            NotFoundError: The object has been deleted.
        """
        since_us = None if since is None else check_wallclock(since)
        return self._session.feed_backend.events(self.id, since_us=since_us)

    @contextmanager
    def span(self, name: str, /, **metadata: Any) -> Iterator[None]:
        """Log ``<name>_started`` and, when the block ends, ``<name>_finished`` with ``duration_s``, and ``error`` if it failed.

        Args:
            name: What is being done, such as ``epoch``.
            **metadata: JSON values for both events, such as ``epoch=3``.
        """
        self.log_event(f"{name}_started", metadata=metadata)
        started = time.perf_counter()
        outcome: dict[str, Any] = {}
        try:
            yield
        except BaseException as error:
            outcome["error"] = f"{type(error).__name__}: {error}"
            raise
        finally:
            duration = {"duration_s": time.perf_counter() - started}
            self.log_event(f"{name}_finished", metadata={**metadata, **duration, **outcome})
