"""Watchers: one thread follows the feed for all of them, and a watcher that waits holds no thread."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable

import grpc

from modelbox.backends.base import Backend
from modelbox.errors import ModelBoxError, UnavailableError
from modelbox.server.options import ServerOptions
from modelbox.server.recent import Batch, Recent
from modelbox.server.senders import Senders
from modelbox.server.statuses import BusyError
from modelbox.server.watchers import Watch, Watcher

_PAGE = 250
_BATCH = 1000
_WAIT_S = 0.5
_RETRY_S = 1.0
_TICK_S = 0.25
_END_S = 2.0
_GLANCE_S = 0.01

_log = logging.getLogger("modelbox.server")


class Hub:
    """Follows the feed of a backend for all watchers of this process.

    Args:
        backend: What is watched.
        options: The limits.
        count_changed: Told how many watchers there are.
    """

    def __init__(self, backend: Backend, options: ServerOptions, count_changed: Callable[[int], None]) -> None:
        self._backend = backend
        self._options = options
        self._count_changed = count_changed
        self._lock = threading.Lock()
        self._watchers: set[Watcher] = set()
        self._idle: defaultdict[str | None, set[Watcher]] = defaultdict(set)
        self._position = 0
        self._recent = Recent()
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._senders: Senders[Watcher] = Senders(self._serve, options.send_timeout_s)
        self._threads = [
            threading.Thread(target=target, name=f"modelbox-{name}", daemon=True)
            for name, target in (("feed", self._follow), ("pulse", self._pulse))
        ]
        self._slots: list[set[Watcher]] = [set() for _ in range(max(1, round(options.heartbeat_s / _TICK_S)))]
        self._added = 0

    def start(self) -> None:
        """Begin to follow, once there is somebody to follow for."""
        self._senders.start()
        for thread in self._threads:
            thread.start()

    def watch(self, watch: Watch, backend: Backend, context: grpc.ServicerContext, send: Callable[[bytes | None], None]) -> None:
        """Serve a client that watches from now on, until its call ends.

        Args:
            watch: What it asks for.
            backend: The backend as it may use it.
            context: Its call.
            send: Hands a response to grpc, and waits until that has sent it; None ends the call.

        Raises:
            UnavailableError: The server is stopping, or has as many watchers as it may.
            PermissionDeniedError: It may not see the namespace.
            InvalidArgumentError: The namespace or the position cannot be one.
        """
        backend.changes(since=watch.since, limit=0, namespace=watch.namespace)
        watcher = Watcher(watch, backend, context, send, restricted=backend is not self._backend)
        self._add(watcher)
        if not context.add_callback(lambda: self._remove(watcher)):  # it is gone already
            self._remove(watcher)

    def _add(self, watcher: Watcher) -> None:
        newest = self._backend.last_seq()
        with self._lock:
            if self._stopping.is_set():
                raise stopping()
            if len(self._watchers) >= self._options.max_watchers:
                raise BusyError(f"the server has {len(self._watchers)} watchers and takes no more; try again later")
            if not self._watchers:  # nobody followed until now
                self._position = max(self._position, newest)
                self._recent.clear()
            self._watchers.add(watcher)
            watcher.slot = self._added % len(self._slots)
            self._slots[watcher.slot].add(watcher)
            self._added += 1
            self._count_changed(len(self._watchers))
        self._wanted.set()
        self._senders.put(watcher)

    def _remove(self, watcher: Watcher) -> None:
        with self._lock:
            watcher.is_gone = True
            if watcher in self._watchers:
                self._watchers.remove(watcher)
                self._idle[watcher.watch.namespace].discard(watcher)
                self._slots[watcher.slot].discard(watcher)
                self._count_changed(len(self._watchers))

    def stop(self) -> None:
        """Tell all watchers to resume elsewhere. Idempotent."""
        with self._lock:
            self._stopping.set()
            for idle in self._idle.values():
                self._wake(list(idle))
        self._wanted.set()
        deadline = time.monotonic() + _END_S
        while self._watchers and time.monotonic() < deadline:
            time.sleep(_GLANCE_S)
        for watcher in list(self._watchers):
            watcher.cancel()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._senders.stop()

    # -- following

    def _follow(self) -> None:
        while not self._stopping.is_set():
            self._wanted.wait()
            try:
                self._read_on()
            except Exception as error:  # noqa: BLE001 - the watchers stay, and it is tried again
                expected = isinstance(error, ModelBoxError)
                _log.warning("cannot follow the changes for now: %s", error, exc_info=None if expected else error)
                self._stopping.wait(_RETRY_S)

    def _read_on(self) -> None:
        with self._lock:
            if not self._watchers:
                self._wanted.clear()
                return
            position = self._position
        if self._backend.wait_for_changes(position, _WAIT_S):
            changes = self._backend.changes(since=position, limit=_BATCH)
            if changes:
                self._publish(Batch(position, changes[-1].seq, changes))

    def _publish(self, batch: Batch) -> None:
        with self._lock:
            if batch.after != self._position:
                return  # the first watcher after a while has just moved the position on
            for namespace in (None, *batch.namespaces):
                self._wake(list(self._idle[namespace]))
            self._recent.add(batch)
            self._position = batch.upto

    def _wake(self, idle: list[Watcher]) -> None:
        for watcher in idle:
            self._idle[watcher.watch.namespace].remove(watcher)
            watcher.position = max(watcher.position, self._position)
            self._senders.put(watcher)

    def _pulse(self) -> None:
        """Tell idle watchers their position now and then, a few at a time, and look after slow ones."""
        tick = 0
        while not self._stopping.wait(self._options.heartbeat_s / len(self._slots)):
            tick += 1
            with self._lock:
                due = [one for one in self._slots[tick % len(self._slots)] if one in self._idle[one.watch.namespace]]
                for watcher in due:
                    watcher.beat_due = True
                self._wake(due)
            self._senders.look_after()

    # -- sending, in the threads of the senders

    def _serve(self, watcher: Watcher) -> None:
        """Send a watcher what comes next for it, and then let others have their turn."""
        try:
            if self._stopping.is_set():
                raise stopping()
            if watcher.beat_due:
                watcher.beat_due = False
                watcher.send(watcher.watch.encode((), watcher.position))
            self._send_next(watcher)
        except Exception as error:  # noqa: BLE001 - whatever it is, this watcher is told, and the others are served
            watcher.end(error)
        else:
            self._let_go(watcher)

    def _send_next(self, watcher: Watcher) -> None:
        with self._lock:
            newest = self._position
            batch = self._recent.after(watcher.position)
        if batch is not None:
            watcher.send(batch.messages(watcher.watch.encode, watcher.visible(batch.namespaces), watcher.position))
            watcher.position = batch.upto
        elif watcher.position < newest:
            page = self._backend.changes(since=watcher.position, limit=_PAGE, namespace=watcher.watch.namespace)
            last = page[-1].seq if page else watcher.position
            behind = Batch(watcher.position, last if len(page) == _PAGE else max(last, newest), page)
            watcher.send(behind.messages(watcher.watch.encode, watcher.visible(behind.namespaces), watcher.position))
            watcher.position = behind.upto

    def _let_go(self, watcher: Watcher) -> None:
        with self._lock:
            if watcher.is_gone:
                return
            if watcher.position >= self._position and not self._stopping.is_set():
                self._idle[watcher.watch.namespace].add(watcher)
                return
        self._senders.put(watcher)


def stopping() -> UnavailableError:
    """What watchers are told when the server stops."""
    return UnavailableError("the server is stopping; resume with another one, or with this one once it is back")
