"""The feed of changes of a server, over connections that may break."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import Any, NamedTuple

from modelbox.backends.base import Feed
from modelbox.backends.remote import forks
from modelbox.backends.remote.calls import Calls, Stream
from modelbox.backends.remote.interruptions import InterruptedCall, Repetitions, is_process_ending
from modelbox.errors import ModelBoxError, UnavailableError
from modelbox.records import Change
from modelbox.wire import service_pb2 as pb
from modelbox.wire.logged import change_from_message

_SILENCE_S = 45.0
"""The server says something each 15 s."""
_READ_AHEAD = 16
_FIRST_WAIT_S = 0.5
_JOIN_S = 5.0


class _Item(NamedTuple):
    """What the thread hands on: changes, and the position after them; or why it has ended."""

    changes: list[Change]
    position: int
    error: Exception | None = None


class RemoteFeed(Feed):
    """Follows the changes in a thread of its own, which resumes where the connection was lost.

    What is there already is asked for, and given whatever the timeout, as other backends do; the thread begins after that.

    Args:
        calls: For this feed alone.
        request: What to follow: a ``WatchChangesRequest``.
    """

    def __init__(self, calls: Calls, request: Any) -> None:
        self._calls = calls
        self._request = request
        self._position: int = request.since
        self._closed = False
        self._caught_up = False
        self._begin([])
        forks.take_part(self)

    def _begin(self, items: list[_Item]) -> None:
        self._items: queue.Queue[_Item] = queue.Queue(_READ_AHEAD)
        for item in items:
            self._items.put(item)
        self._thread: threading.Thread | None = None
        self._stream: Stream | None = None
        self._stopped = threading.Event()
        self._heard = time.monotonic()

    def read(self, timeout_s: float) -> list[Change]:
        if not self._caught_up and (found := self._catch_up()):
            return found
        deadline = time.monotonic() + timeout_s
        while True:
            self._start()
            try:
                item = self._items.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self._hang_up_when_silent()
                return []
            if item.error is not None:
                raise item.error
            self._position = item.position
            if item.changes:
                return item.changes

    def _catch_up(self) -> list[Change]:
        """The next changes that are there already; once there are none, the thread takes over."""
        request = pb.ListChangesRequest(namespace=self._request.namespace, all_namespaces=self._request.all_namespaces)
        while not self._closed:
            request.since = self._position
            response = self._calls.unary("ListChanges", request)
            self._position = response.position
            if response.changes:
                return [change_from_message(change) for change in response.changes]
            if not response.more:
                break
        self._caught_up = True
        return []

    def close(self) -> None:
        self._closed = True
        self._stopped.set()
        thread, stream = self._thread, self._stream
        if stream is not None:
            stream.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN_S)
        self._calls.channel.close()

    # -- forks

    def leave(self) -> None:
        """Before a fork; the stream takes part itself."""

    def cut(self) -> None:
        """Before a fork."""

    def forget(self) -> None:
        """In a forked child: what has been received is still to be read; the thread begins anew after it."""
        self._begin([item for item in self._items.queue if item.error is None])

    # -- the thread

    def _start(self) -> None:
        if self._closed or (self._thread is not None and self._thread.is_alive()) or not self._items.empty():
            return
        self._request.since = self._position
        self._heard = time.monotonic()
        thread = threading.Thread(target=self._run, args=(self._stopped,), name="modelbox-feed", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            if not is_process_ending(error):
                raise
            return  # whoever reads here ends with it
        self._thread = thread

    def _run(self, stopped: threading.Event) -> None:
        repetitions = Repetitions(self._calls.retry_s, first_wait_s=_FIRST_WAIT_S, sleep=stopped.wait)
        try:
            while not stopped.is_set():
                try:
                    self._receive(stopped, repetitions)
                except InterruptedCall as interrupted:
                    if not stopped.is_set():
                        repetitions.after(interrupted)
                except UnavailableError as error:  # the server stops, or its storage is away: it, or another one, can go on soon
                    repetitions.after(InterruptedCall(error))
        except (ModelBoxError, TypeError) as error:
            self._hand_on(_Item([], self._request.since, error), stopped)

    def _receive(self, stopped: threading.Event, repetitions: Repetitions) -> None:
        """Receive until the connection is lost, or the server asks to be left."""
        with self._calls.stream("WatchChanges", self._request, deadline_s=None) as responses:
            self._stream = responses
            if stopped.is_set():  # close() may have come too early to see the stream
                return
            for response in responses:
                if stopped.is_set():
                    return
                self._heard = time.monotonic()
                repetitions.progressed()
                found = [change_from_message(change) for change in response.changes]
                if found or self._items.empty():  # also without changes the position is worth knowing
                    self._hand_on(_Item(found, response.position), stopped)
                self._request.since = response.position
        stopped.wait(_FIRST_WAIT_S)

    def _hand_on(self, item: _Item, stopped: threading.Event) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._items.put(item, timeout=1.0)
                return

    def _hang_up_when_silent(self) -> None:
        stream = self._stream
        if stream is not None and time.monotonic() - self._heard > _SILENCE_S:
            self._heard = time.monotonic()
            stream.close()  # which ends the wait of the thread; it calls again
