"""The journal: what a log call writes into, and what flushes and closes it."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from time import time_ns
from typing import Any, NamedTuple

from modelbox.errors import UnavailableError
from modelbox.journal import layout, ownership
from modelbox.journal.decode import Decoder
from modelbox.journal.delivery import Delivery, Sink, attempt_all
from modelbox.journal.segments import DEFAULT_SIZE, Segment, Segments
from modelbox.journal.writer import Writer

_FORK_WAIT_S = 5.0
_RETRY_S = 0.2
_LONGEST_RETRY_S = 1.0


class PendingState(NamedTuple):
    """What is not in the store yet.

    Attributes:
        records: Log calls and events; metrics in a shared journal's files count as stored.
        oldest_age_s: Seconds since the oldest of them was logged; None when there are none.
        last_error: Why the last delivery failed; None when it did not.
    """

    records: int
    oldest_age_s: float | None
    last_error: str | None


class Journal(Writer):
    """The crash-safe record of what one process logs, and its delivery to a store.

    When a log call returns, its record survives the death of the process. Log calls never wait for the store, and never raise when
    a storage fails: it then goes on in memory, warns once with a ``RuntimeWarning``, and `flush` raises. Nothing is created and
    no thread is started before the first log call. All methods may be called from any thread, and log calls from signal
    handlers; after a fork the child has a journal of its own.

    Args:
        folder: Where the folders of all writers are; None keeps the journal in memory.
        sink: Where records are delivered to.
        shared: True when readers of the store look into ``folder`` themselves: metrics then stay there until a file is full.
        maintain: Called in the background after deliveries.
        store: The URI that the folder is for, where its place does not tell.
        patience_s: For so long those who wait for a delivery let it be tried again while the sink is out of reach.
        file_size: Bytes of a file of the journal.
    """

    def __init__(
        self,
        folder: Path | None,
        sink: Sink,
        *,
        shared: bool,
        maintain: Callable[[], None] | None = None,
        store: str = "",
        patience_s: float = 0.0,
        file_size: int = DEFAULT_SIZE,
    ) -> None:
        super().__init__(None if folder is None else os.fspath(folder))
        self._sink = sink
        self._shared = shared
        self._maintain = maintain
        self._store = store
        self._patience_s = patience_s
        self._file_size = file_size
        self._begin()
        _journals.add(self)

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._files = Segments(self._folder, self._file_size, store=self._store)
        self._event_sequence = 0
        self._warned = False
        self._delivery = Delivery(
            self._files,
            self._lock,
            self._sink,
            folder=self._folder,
            shared=self._shared,
            now_us=self.now_us,
            maintain=self._maintain,
        )

    @property
    def writer(self) -> str:
        """The unique name of this process's part of the journal; another one after a fork."""
        return self._files.writer

    @property
    def homeless(self) -> bool:
        """Whether records are only in memory though there is a folder for them, because its disk is full or not writable."""
        return self._files.homeless

    def deliver_events(self, timeout_s: float | None = None) -> None:
        """Return when all events that are logged by now are in the store.

        Raises:
            UnavailableError: They are not after ``timeout_s`` seconds.
            Exception: What the sink raised.
        """
        if not any(segment.events_done < segment.events_logged for segment in self._files.all):
            return
        try:
            self._patiently(self._delivery.deliver_events, timeout_s)
        except TimeoutError as error:
            raise UnavailableError(self._remaining(error)) from error

    def flush(self, timeout_s: float | None = None) -> None:
        """Return when all that is logged by now is in the store, and survives the death of the machine.

        The points of a shared journal are in the store where they are.

        Raises:
            UnavailableError: It is not: a delivery failed, or did not end within ``timeout_s`` seconds. Nothing is lost.
        """
        if not self._files.all:
            return
        try:
            if self._shared:
                if self._files.homeless:
                    self._delivery.run(self._bring_home, timeout_s)
                self._delivery.sync()
                self.deliver_events(timeout_s)
            else:
                self._patiently(self._deliver_all, timeout_s)
        except UnavailableError as error:
            if str(error).startswith(_REMAINING):
                raise
            raise UnavailableError(self._remaining(error)) from error
        except Exception as error:
            raise UnavailableError(self._remaining(error)) from error

    def close(self, timeout_s: float = 30.0) -> None:
        """Deliver everything, metrics of a shared journal too, and remove the journal's files. Closing again does nothing.

        Raises:
            UnavailableError: Not everything is delivered after ``timeout_s`` seconds of trying. What is left stays on disk, and
                whoever opens the store next delivers it.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._files.finish()
        _journals.discard(self)
        deadline = time.monotonic() + timeout_s
        error = self._deliver_until(deadline) if self._files.all else None
        self._delivery.stop(max(0.1, deadline - time.monotonic()))
        remaining = self._remaining(error) + self._remedy() if error is not None else ""
        self._files.release()
        if remaining:
            raise UnavailableError(remaining) from error

    def pending(self) -> PendingState:
        """What is not in the store yet."""
        error = self._delivery.last_error
        waiting, oldest_us = 0, 0
        with self._lock:
            for segment in self._files.all:
                count, first_us = self._waiting_in(segment)
                waiting += count
                if first_us and (not oldest_us or first_us < oldest_us):
                    oldest_us = first_us
        age = max(0.0, time_ns() / 1e9 - oldest_us / 1e6) if waiting and oldest_us else None
        return PendingState(waiting, age, None if error is None else _describe(error))

    def forget_after_fork(self) -> None:
        """In a forked child: leave the parent's files alone, and begin a journal of this process's own at its first log call."""
        with contextlib.suppress(OSError):
            self._files.forget()
        self._begin()

    # -- the slow path of the rest

    def _deliver_all(self) -> None:
        attempt_all(self._delivery.deliver_events, lambda: self._delivery.deliver_metrics(all_of_it=True))

    def _bring_home(self) -> None:
        """Get what is only in memory out of it: into the store if it is a whole file, or else onto the disk."""
        with contextlib.suppress(Exception):
            self._delivery.deliver_metrics(all_of_it=False)
        self._delivery.settle()

    def _patiently(self, work: Callable[[], None], timeout_s: float | None) -> None:
        """Do something in the delivery thread, again for a while when the sink is out of reach."""
        now = time.monotonic()
        deadline = math.inf if timeout_s is None else now + timeout_s
        last_attempt = min(deadline, now + self._patience_s)
        wait = _RETRY_S
        while True:
            try:
                self._delivery.run(work, None if deadline == math.inf else max(0.0, deadline - time.monotonic()))
                return
            except UnavailableError:
                if time.monotonic() + wait >= last_attempt:
                    raise
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_RETRY_S)

    def _deliver_until(self, deadline: float) -> Exception | None:
        wait = _RETRY_S
        while True:
            try:
                self._delivery.run(self._deliver_all, max(0.0, deadline - time.monotonic()))
            except Exception as error:  # noqa: BLE001 - raised by close(), as what came of it
                if time.monotonic() + wait > deadline:
                    with contextlib.suppress(OSError):
                        self._delivery.run(self._delivery.settle, 1.0)
                    return error
            else:
                return None
            time.sleep(min(wait, max(0.0, deadline - time.monotonic())))
            wait = min(2 * wait, _LONGEST_RETRY_S)

    def _waiting_in(self, segment: Segment) -> tuple[int, int]:
        events = segment.events_logged - segment.events_done
        metrics = 0
        if not self._shared or segment.path is None:
            metrics = segment.records - segment.records_sealed + sum(sealed.records for sealed in segment.ranges)
        at = None
        if metrics:
            at = segment.ranges[0].start if segment.ranges else segment.open_start
        elif events:
            data = memoryview(segment.memory)
            decoder = Decoder(data, writer=self.writer, number=segment.number, name="", trusted=True)
            at = next(iter(decoder.read(segment.events_from, segment.end, 0).events), None)
        first_us: int = 0 if at is None else layout.HEAD.unpack_from(segment.memory, at)[-1]
        return metrics + events, first_us

    def _remaining(self, error: BaseException) -> str:
        where = f"kept in {self._folder}" if self._folder and not self._files.homeless else "only in memory"
        return f"{_REMAINING}{self.pending().records} records are {where}: {_describe(error)}"

    def _remedy(self) -> str:
        if not self._store or self._files.homeless:
            return ""
        return (
            f"; `modelbox push {self._folder} {self._store}` delivers them, and so does the next client that is opened for it here"
        )


_REMAINING = "not everything that was logged is in the store; "


def _describe(error: BaseException) -> str:
    return str(error) or type(error).__name__


_journals: weakref.WeakSet[Journal] = weakref.WeakSet()
_held: list[tuple[Delivery, Any]] = []


def hold_for_fork(hurry: Callable[[], None] | None = None) -> None:
    """Keep all journals of this process still until the fork that is about to happen is over. Again before it: does nothing.

    Args:
        hurry: Called when a delivery takes long: ends what it waits for.
    """
    if _held:
        return
    for journal in list(_journals):
        journal._delivery.pause(hurry)
        _held.append((journal._delivery, journal._lock if journal._lock.acquire(timeout=_FORK_WAIT_S) else None))


def _after_fork_in_parent() -> None:
    while _held:
        delivery, lock = _held.pop()
        if lock is not None:
            lock.release()
        delivery.resume()


def _after_fork_in_child() -> None:
    _held.clear()
    ownership.forget_own()
    for journal in list(_journals):
        journal.forget_after_fork()


os.register_at_fork(before=hold_for_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
