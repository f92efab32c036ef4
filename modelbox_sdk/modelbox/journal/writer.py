"""The logging half of a journal: from the arguments of a call to a record in the file that is being filled."""

from __future__ import annotations

import contextlib
import struct
import threading
import warnings
from collections.abc import Mapping
from datetime import datetime
from time import time_ns
from typing import Any, NamedTuple
from zlib import crc32

from modelbox.errors import InvalidArgumentError
from modelbox.journal import layout
from modelbox.journal.delivery import Delivery
from modelbox.journal.segments import Segment, Segments
from modelbox.journal.values import Values, check_step, check_text, check_values, check_wallclock
from modelbox.json_values import MAX_JSON_BYTES, refuse_large_json

_join_head = layout.join_head


class Target(NamedTuple):
    """The object that something is logged on."""

    object_id: str
    uid: str


class Writer:
    """Writes what is logged. `Journal` adds what delivers it, and the beginning and the end.

    A log call may be interrupted, by a signal handler that logs or by Ctrl-C, at any call that it makes: a record is written by one
    call that copies all of it, and nothing that must agree with it is changed on another side of a call.
    """

    _files: Segments
    _delivery: Delivery
    _lock: Any

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._closed = False
        self._last_us = 0
        self._event_sequence = 0
        self._warned = False

    def now_us(self) -> int:
        """Microseconds since the epoch; no two calls, and no two records, get the same, and later ones get more."""
        with self._lock:
            now = time_ns() // 1000
            if now <= self._last_us:
                now = self._last_us + 1
            self._last_us = now
            return now

    def log_metrics(
        self, target: Target, metrics: Mapping[str, Any], step: int | None = None, wallclock: float | datetime | None = None
    ) -> None:
        """Record the values of some metrics.

        Args:
            target: The object that they are of.
            metrics: Values by key; when empty, nothing is recorded.
            step: A 64-bit integer; None is 0.
            wallclock: Seconds since the epoch, or a datetime; None is now.

        Raises:
            TypeError: A key, a value, the step or the wallclock is of a type that is not accepted; nothing is recorded.
            InvalidArgumentError: One of them has a value that cannot be stored as it is, or the journal is closed.
        """
        # This is the path of nearly every call: floats under keys that this file has seen. Everything else is _log_values.
        if wallclock is None:
            if step is None:
                step = 0
            try:
                values = metrics.values()
            except AttributeError:
                raise TypeError(f"metrics must be a mapping of keys to values, not {type(metrics).__name__}") from None
            for value in values:
                if type(value) is not float:
                    break
            else:
                with self._lock:
                    files = self._files
                    segment = files.active
                    if segment is not None and type(step) is int:
                        shape = segment.packing.get((target.uid, *metrics))
                        if shape is not None:
                            pack, seed, prefix = shape
                            # No call between the look at the clock and the note of it: a signal handler may log anywhere else.
                            now = time_ns() // 1000
                            if now <= self._last_us:
                                now = self._last_us + 1
                            self._last_us = now
                            try:
                                body = pack(now, step, *values)
                                segment.write(_join_head(crc32(body, seed), prefix) + body)
                            except (ValueError, struct.error):
                                pass  # the file is full, or the step is too large
                            else:
                                segment.records += 1
                                if files.parked:
                                    self._delivery.wake(tick=False)
                                return
        self._log_values(target, metrics, step, wallclock)

    def log_event(
        self,
        target: Target,
        name: str,
        source: str = "",
        metadata: Mapping[str, Any] | None = None,
        wallclock: float | datetime | None = None,
    ) -> None:
        """Record an event.

        Args:
            target: The object that it is of.
            name: What happened.
            source: Who says so.
            metadata: JSON values, which the caller has validated.
            wallclock: Seconds since the epoch, or a datetime; None is now.

        Raises:
            TypeError: An argument is of a type that is not accepted; nothing is recorded.
            InvalidArgumentError: The name, the source or the wallclock cannot be stored, or the journal is closed.
        """
        event = {
            "object_id": target.object_id,
            "uid": target.uid,
            "name": check_text(name, "an event's name"),
            "source": check_text(source, "an event's source"),
            "metadata": dict(metadata or {}),
        }
        wallclock_us = None if wallclock is None else check_wallclock(wallclock)
        with self._lock:
            while not self._write_event(event, wallclock_us):
                pass
            self._after_slow_write()
        self._delivery.wake_for_event()

    # -- the slow path of logging

    def _log_values(self, target: Target, metrics: Mapping[str, Any], step: int | None, wallclock: float | datetime | None) -> None:
        values = check_values(metrics)
        number = check_step(step)
        wallclock_us = None if wallclock is None else check_wallclock(wallclock)
        if not values.scalars and not values.others:
            return
        with self._lock:
            now = self.now_us()
            while not self._write_values(target, values, number, now, wallclock_us):
                pass
            self._after_slow_write()

    def _write_values(self, target: Target, values: Values, step: int, now: int, wallclock_us: int | None) -> bool:
        segment = self._active(target, values)
        moment = now if wallclock_us is None else wallclock_us
        records = []
        try:
            if values.scalars:
                shape = self._shape(segment, target, tuple(values.scalars), now)
                records.append(layout.encode_scalars(shape, [*values.scalars.values()], now, step, wallclock_us, segment.seed))
            for key, value in values.others.items():
                kind, data = (layout.TEXT, value.encode()) if isinstance(value, str) else (layout.BLOB, value)
                series = self._shape(segment, target, (key,), now).series
                records.append(
                    layout.encode_other(kind, series, data, logged_us=now, step=step, wallclock_us=moment, seed=segment.seed)
                )
            segment.write(b"".join(records))
        except ValueError:
            self._next_file(segment, _size_bound(target, values))
            return False
        segment.records += 1
        return True

    def _write_event(self, event: dict[str, Any], wallclock_us: int | None) -> bool:
        segment = self._active(None, None)
        sequence = self._event_sequence + 1
        now = self.now_us()
        moment = now if wallclock_us is None else wallclock_us
        record = layout.encode_event({**event, "sequence": sequence, "wallclock_us": moment}, logged_us=now, seed=segment.seed)
        if len(record) > MAX_JSON_BYTES:
            refuse_large_json(event["metadata"], "metadata")
        write = segment.write
        try:
            # The store skips events that come after one with a higher number. A signal handler that logs may take this number, or
            # begin another file, up to here, and only after the write again: there is no call in between.
            if self._event_sequence + 1 != sequence or self._files.active is not segment:
                return False
            self._event_sequence = sequence
            write(record)
        except ValueError:
            self._next_file(segment, len(record))
            return False
        segment.events_logged += 1
        return True

    def _active(self, target: Target | None, values: Values | None) -> Segment:
        if self._closed:
            raise InvalidArgumentError("this client is closed, and cannot log any more")
        segment = self._files.active
        while segment is None:
            self._next_file(None, 0 if target is None or values is None else _size_bound(target, values))
            segment = self._files.active
        return segment

    def _shape(self, segment: Segment, target: Target, keys: tuple[str, ...], now: int) -> layout.Shape:
        name = (target.uid, *keys)
        shape = segment.shapes.get(name)
        if shape is None:
            number = segment.next_series
            segment.next_series = number + 1
            segment.write(layout.encode_series(number, target.object_id, target.uid, keys, logged_us=now, seed=segment.seed))
            shape = segment.shapes[name] = layout.shape_of(number, len(keys), segment.seed)
            segment.packing[name] = shape[:3]
        return shape

    def _next_file(self, full: Segment | None, need: int) -> None:
        self._files.rotate(full, need)
        if full is not None:
            self._delivery.wake(tick=True)

    def _after_slow_write(self) -> None:
        self._delivery.start()
        if self._files.parked:
            self._delivery.wake(tick=False)
        failure = self._files.failure
        if failure is None:
            self._warned = False
        elif not self._warned:
            self._warned = True
            # Where warnings are errors, this one would end what the journal protects.
            with contextlib.suppress(RuntimeWarning):
                warnings.warn(
                    f"ModelBox cannot write its journal in {self._folder} ({failure}): what is logged is kept in memory "
                    "until it can, and flush() raises meanwhile",
                    RuntimeWarning,
                    stacklevel=4,
                )


def _size_bound(target: Target, values: Values) -> int:
    """No less than what a call takes in a new file: JSON may need 12 bytes for a character, and series are written twice.

    Not much more either: what else comes into the file is delivered in the same batch, and that has to fit into a message.
    """
    names = 24 * (len(target.object_id) + len(target.uid) + 16)
    keys = sum(24 * len(key) + 16 for key in (*values.scalars, *values.others))
    data = sum(len(value.encode() if isinstance(value, str) else value) + 128 for value in values.others.values())
    return 2 * names * (1 + len(values.others)) + keys + data + 8 * len(values.scalars) + 256
