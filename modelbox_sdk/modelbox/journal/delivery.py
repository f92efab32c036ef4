"""Moving what is in the journal on to the store, in the background."""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from modelbox.errors import UnavailableError
from modelbox.journal import adoption, batches
from modelbox.journal.decode import Decoder, event_chunks
from modelbox.journal.segments import Range, Segment, Segments
from modelbox.records import MetricBatch, PendingEvent

TICK_S = 1.0
EVENT_DELAY_S = 0.05
MAX_BACKOFF_S = 10.0
_QUIET_TICKS = 3
_FULL_FILES = 16
_BYTES_A_CALL = 4 << 20
_HURRY_S = 1.5
_FORK_WAIT_S = 15.0
"""The first delivery of a process imports pyarrow, which takes seconds on a machine that has too much to do."""
_LIVENESS_S = 0.5

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Where records go. Both calls may be repeated with the same records, and store them once."""

    def append_metrics(self, batches: Sequence[MetricBatch]) -> None:
        """Store points; a batch with a known (writer, sequence, uid) is there already."""

    def append_events(self, writer: str, events: Sequence[PendingEvent]) -> None:
        """Store events; those whose sequence is not above the writer's last are there already."""


class _Ticket:
    """Work for the thread that somebody waits for."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.work = work
        self.done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()


class Delivery:
    """The delivery of one writer's files.

    Args:
        files: What is to be delivered.
        lock: The journal's; held while it is decided what belongs to a batch, never during a call of the sink.
        sink: Where to.
        folder: Where the folders of dead writers may be; None for a journal in memory.
        shared: True when metrics stay in a file until it is full, because readers see it there.
        now_us: The writer's clock.
        maintain: Called after deliveries.

    Attributes:
        last_error: Why the last delivery failed; None once one has succeeded.
    """

    def __init__(
        self,
        files: Segments,
        lock: Any,
        sink: Sink,
        *,
        folder: str | None,
        shared: bool,
        now_us: Callable[[], int],
        maintain: Callable[[], None] | None,
    ) -> None:
        self.last_error: BaseException | None = None
        self._files = files
        self._lock = lock
        self._sink = sink
        self._folder = folder
        self._shared = shared
        self._now_us = now_us
        self._maintain = maintain
        # Whoever calls the sink, or takes something off a segment, holds the gate; fork waits for it.
        self._gate = threading.RLock()
        self._pausing = False
        self._holds = False
        # SimpleQueue may be used in a signal handler that interrupts another use of it; conditions and events may not.
        self._commands: queue.SimpleQueue[_Ticket | bool] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._failures = 0
        self._quiet = 0
        self._seen = 0
        self._event_due = math.inf
        self._tick_due = math.inf
        self._event_noted = False
        self._orphans: list[str] | None = None
        self._orphans_due = 0.0

    # -- from the threads that log

    def start(self) -> None:
        """Start the thread, if it is not running; without one, `run` works in the caller's."""
        if self._thread is None and not self._stopping:
            # The thread imports it, by way of pyarrow, and it releases a lock after each fork that it takes before one: imported
            # while a fork waits for the thread, it makes Python complain that the lock was not taken.
            import concurrent.futures.thread  # noqa: F401

            thread = threading.Thread(target=self._loop, name="modelbox-journal", daemon=True)
            self._tick_due = time.monotonic() + TICK_S
            with contextlib.suppress(RuntimeError):  # the interpreter is shutting down
                thread.start()
                self._thread = thread

    def wake_for_event(self) -> None:
        """Tell the thread that there is an event, unless it has been told."""
        if not self._event_noted or self._files.parked:
            self._event_noted = True
            self.wake(tick=False)

    def wake(self, *, tick: bool) -> None:
        """Tell the thread that there is something new, or, with ``tick``, that a file is full."""
        # In this order, so that an interrupt in between wakes the thread twice, and not never.
        self._commands.put(tick)
        self._files.parked = False

    def run(self, work: Callable[[], object], timeout_s: float | None) -> None:
        """Do something in the delivery thread, at once, and wait for it.

        Raises:
            TimeoutError: It is not done yet.
            Exception: What the work raised.
        """
        thread = self._thread
        # In a signal handler that interrupted a log call the thread would wait for the lock for ever.
        if thread is None or not thread.is_alive() or thread is threading.current_thread() or self._lock._is_owned():
            work()
            return
        ticket = _Ticket(work)
        self._commands.put(ticket)
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            try:
                error = ticket.done.get(timeout=max(0.0, min(_LIVENESS_S, deadline - time.monotonic())))
            except queue.Empty:
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"not done within {timeout_s:g} s") from None
                if not thread.is_alive():  # somebody closed the journal; the sink takes a repetition for what it is
                    work()
                    return
                continue
            if error is not None:
                raise error
            return

    def stop(self, timeout_s: float) -> None:
        """End the thread after what it is doing; it may outlive this call when a sink hangs."""
        self._stopping = True
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            self._commands.put(True)
            thread.join(timeout_s)

    def pause(self, hurry: Callable[[], None] | None = None) -> None:
        """Before a fork: wait until the thread is outside of the sink, and keep it there; gives up after some seconds.

        Args:
            hurry: Called when it has not come out for a while: ends what the sink waits for.
        """
        self._pausing = True
        self._holds = hurry is not None and self._gate.acquire(timeout=_HURRY_S)
        if hurry is not None and not self._holds:
            hurry()
        self._holds = self._holds or self._gate.acquire(timeout=_FORK_WAIT_S)

    def resume(self) -> None:
        """After a fork, in the parent."""
        self._pausing = False
        if self._holds:
            self._gate.release()

    # -- the work; any thread

    def deliver_events(self) -> None:
        """Deliver the events that are logged by now."""
        with self._lock:
            work = [(segment, segment.end, segment.events_logged) for segment in self._files.all]
        for segment, end, logged in work:
            with self._passing():
                if segment.events_done >= logged:
                    continue
                for chunk in self._events(segment, end):
                    self._sink.append_events(self._files.writer, chunk)
                segment.events_from, segment.events_done = end, logged
        self._remove_delivered()

    def deliver_metrics(self, *, all_of_it: bool) -> bool:
        """Deliver the metrics that are due: those of full files, with ``all_of_it`` everything that is logged by now.

        Returns:
            Whether there were any.
        """
        delivered = False
        with self._lock:
            if all_of_it and not self._files.cut(self._now_us()):
                self._files.rotate(self._files.active, 0)
            self._files.retire()
            segments = deque(self._files.all)
        while segments:
            segment = segments.popleft()
            while segment.ranges:
                with self._passing():
                    chunk = _first_ranges(segment)
                    if not chunk:
                        break
                    if not self._shared:
                        # A power cut must not take back a cut whose batch is in the store.
                        segment.sync()
                    found = [batch for sealed in chunk for batch in self._batches(segment, sealed)]
                    if found:
                        self._sink.append_metrics(found)
                        delivered = True
                    del found  # the tables of the next chunk need the space
                    for _ in chunk:
                        segment.ranges.popleft()
            # Not at the end: when files fill faster than they are delivered, that may be long after.
            self._remove_delivered()
        return delivered

    def settle(self) -> None:
        """Bring what is only in memory to the disk.

        Raises:
            OSError: That is still not possible.
        """
        if self._files.homeless:
            with self._passing():
                for segment in self._files.all:
                    with self._lock:
                        self._files.settle(segment)
                self._files.failure = None

    def sync(self) -> None:
        """Make what is logged by now survive the death of the machine.

        Raises:
            OSError: It may not.
        """
        for segment in self._files.all:
            segment.sync()

    # -- the thread

    def _loop(self) -> None:
        while not self._stopping:
            due = min(self._event_due, self._tick_due)
            try:
                command = self._commands.get(timeout=None if due == math.inf else max(0.0, due - time.monotonic()))
            except queue.Empty:
                self._attempt(self._work)
                continue
            if isinstance(command, _Ticket):
                command.done.put(self._attempt(command.work))
            else:
                self._note(tick=command)

    def _note(self, *, tick: bool) -> None:
        now = time.monotonic()
        self._quiet = 0
        if self._failures:
            return  # the next attempt has its time
        if tick:
            # Readers see what is in the files of a shared journal: a burst of log calls does not have to share the interpreter
            # with its own delivery.
            hurry = not self._shared or len(self._files) > _FULL_FILES
            self._tick_due = now if hurry else min(self._tick_due, now + TICK_S)
            with contextlib.suppress(OSError):  # then the next file is made when it is needed, in memory if need be
                self._prepare()
        else:
            self._event_due = min(self._event_due, now + EVENT_DELAY_S)
            self._tick_due = min(self._tick_due, now + TICK_S)

    def _attempt(self, work: Callable[[], object]) -> BaseException | None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - kept for those who ask, and tried again
            self.last_error = error
            self._failures += 1
            delay = min(MAX_BACKOFF_S, 0.1 * 2 ** min(self._failures, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            self._tick_due = time.monotonic() + delay
            self._event_due = math.inf
            return error
        if self._failures:
            self._failures = 0
            self._tick_due = time.monotonic()
        self.last_error = None
        return None

    def _work(self) -> None:
        now = time.monotonic()
        self._event_due = math.inf
        self._event_noted = False
        if now < self._tick_due:
            self.deliver_events()
            return
        seen = sum(segment.end for segment in self._files.all)
        self._quiet = self._quiet + 1 if seen == self._seen else 0
        self._seen = seen
        self._tick_due = now + TICK_S
        delivered = False

        def deliver_metrics() -> None:
            nonlocal delivered
            delivered = self.deliver_metrics(all_of_it=not self._shared)

        attempt_all(self.deliver_events, deliver_metrics, self.settle, self._prepare, self.sync if self._shared else _nothing)
        if delivered and self._maintain is not None:
            self._do_maintain(self._maintain)
        self._adopt_one()
        self._park_when_quiet()

    def _prepare(self) -> None:
        if self._files.wants_spare:
            self._files.prepare()

    def _park_when_quiet(self) -> None:
        if self._quiet < _QUIET_TICKS or self._orphans:
            return
        with self._lock:
            if sum(segment.end for segment in self._files.all) == self._seen:
                self._files.parked = True
                self._tick_due = math.inf

    def _do_maintain(self, maintain: Callable[[], None]) -> None:
        try:
            with self._passing():
                maintain()
        except Exception:  # noqa: BLE001 - the next round tries again
            _log.exception("background work of the store failed")

    def _adopt_one(self) -> None:
        if self._folder is None:
            return
        if self._orphans is None:
            self._orphans = adoption.abandoned(self._folder)
        if self._orphans and time.monotonic() >= self._orphans_due:
            self._adopt(self._folder, self._orphans.pop(), self._orphans)

    def _adopt(self, folder: str, writer: str, others: list[str]) -> None:
        try:
            adoption.adopt_writer(folder, writer, self._sink, self._passing)
        except UnavailableError as error:
            if not self._orphans_due:
                _log.warning("the journal %s of a dead process is delivered later: %s", writer, error)
            others.insert(0, writer)
            self._orphans_due = time.monotonic() + MAX_BACKOFF_S
            return
        except Exception as error:  # noqa: BLE001 - what a dead process left must not hold up what this one logs
            _log.warning("the journal %s of a dead process is not delivered, and stays: %s", writer, error)
        if others:
            self._tick_due = time.monotonic()

    # -- parts

    @contextlib.contextmanager
    def _passing(self) -> Iterator[None]:
        while self._pausing and not self._gate._is_owned():  # type: ignore[attr-defined]
            time.sleep(0.001)
        with self._gate:
            yield

    def _events(self, segment: Segment, end: int) -> Iterator[list[PendingEvent]]:
        data = memoryview(segment.memory)
        found = self._decoder(segment, data).read(segment.events_from, end, 0).events
        yield from event_chunks(data, found)

    def _batches(self, segment: Segment, sealed: Range) -> Iterator[MetricBatch]:
        data = memoryview(segment.memory)
        contents = self._decoder(segment, data).read(sealed.start, sealed.end, sealed.sequence)
        return batches.build_batches(data, contents, writer=self._files.writer)

    def _decoder(self, segment: Segment, data: memoryview) -> Decoder:
        name = segment.path or "in memory"
        decoder = Decoder(data, writer=self._files.writer, number=segment.number, name=name, trusted=True)
        decoder.contents.series = segment.series
        return decoder

    def _remove_delivered(self) -> None:
        with self._lock:
            for segment in self._files.all:
                if segment.is_delivered:
                    self._files.drop(segment)


def _first_ranges(segment: Segment) -> list[Range]:
    chunk: list[Range] = []
    total = 0
    for sealed in segment.ranges:
        total += sealed.end - sealed.start
        if chunk and total > _BYTES_A_CALL:
            break
        chunk.append(sealed)
    return chunk


def attempt_all(*works: Callable[[], object]) -> None:
    """Do things that do not depend on one another.

    Raises:
        Exception: The first one that was raised, after all have been attempted.
    """
    errors: list[Exception] = []
    for work in works:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised below
            errors.append(error)
    if errors:
        raise errors[0]


def _nothing() -> None:
    pass
