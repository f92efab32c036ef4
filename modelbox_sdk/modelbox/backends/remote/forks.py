"""Being outside of grpc when the process forks.

A thread that is inside of grpc during a fork leaves a child that hangs, and grpc's own threads are inside of it at any time. So
calls pass a gate: before a fork it closes, streams are cancelled, and those inside are waited for. Then all channels are closed,
which interrupts what has not ended and ends the threads of grpc. Whoever made an interrupted call makes it again after the fork,
parent and child over new channels. Where others keep grpc alive in this process, a child lets go of what belongs to the parent
without running its destructors.
"""

from __future__ import annotations

import contextlib
import glob
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Protocol

from modelbox.journal import hold_for_fork

_PATIENCE_S = 1.5
_CUT_PATIENCE_S = 5.0
_ENDING_S = 2.0
_ENDING_BESIDE_OTHERS_S = 0.05
_THREADS_OF_GRPC = ("grpc", "event_engine", "lifeguard", "timer_manager", "default-exec", "resolver-exec")


class Participant(Protocol):
    """What uses grpc."""

    def leave(self) -> None:
        """Before a fork: end what goes on for long, without waiting."""

    def cut(self) -> None:
        """Before a fork, at last: end everything, and close what is open."""

    def forget(self) -> None:
        """In a forked child: let go of what belongs to the parent, without touching it."""


class Gate:
    """Counts who is inside, and can be closed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: dict[object, int | None] = {}
        self._closed_by: int | None = None

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """Be inside in the block; waits while the gate is closed."""
        leave = self.enter()
        try:
            yield
        finally:
            leave()

    def enter(self, *, thread: bool = True) -> Callable[[], None]:
        """Be inside; waits while the gate is closed.

        Args:
            thread: Whether it is this thread that is inside, and not something that it starts.

        Returns:
            What is to be called, by any thread, when that ends.
        """
        me, token = threading.get_ident(), object()
        with self._changed:
            while self._closed_by not in (None, me):  # a signal handler in the thread that forks goes on
                self._changed.wait()
            self._inside[token] = me if thread else None

        def leave() -> None:
            with self._changed:
                self._inside.pop(token, None)
                if self._closed_by is not None:
                    self._changed.notify_all()

        return leave

    def close(self) -> None:
        """Let nobody in but this thread."""
        with self._changed:
            self._closed_by = threading.get_ident()

    def is_closed(self) -> bool:
        """Whether nobody is let in."""
        return self._closed_by is not None

    def open(self) -> None:
        """Let everybody in again."""
        with self._changed:
            self._closed_by = None
            self._changed.notify_all()

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait until no other thread is inside; whether that is so."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while any(thread != self._closed_by for thread in self._inside.values()):
                if not self._changed.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    return False
        return True


_gate = Gate()
_forking = threading.RLock()
_participants: weakref.WeakSet[Participant] = weakref.WeakSet()
_abandoned: list[object] = []
_registered = False
_others = False


def passing() -> contextlib.AbstractContextManager[None]:
    """Use grpc in the block; waits while the process forks."""
    return _gate.passing()


def entering() -> Callable[[], None]:
    """Begin to use grpc in another thread; waits while the process forks. What is returned is to be called when that ends."""
    return _gate.enter(thread=False)


def take_part(participant: Participant) -> None:
    """Be told about forks from now on, also about one that is being waited for."""
    _participants.add(participant)
    if _gate.is_closed():
        participant.leave()


def abandon(thing: object) -> None:
    """Keep something of the parent for ever, because its destructor would wait for threads that the child does not have."""
    _abandoned.append(thing)


def register() -> None:
    """Register the hooks, once. To be called when grpc has registered its own: they then run inside of ours."""
    global _registered
    if not _registered:
        # It registers hooks of its own: imported by a thread while another one waits to fork, it makes Python complain.
        import concurrent.futures.thread  # noqa: F401

        _registered = True
        os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def _before() -> None:
    _forking.acquire()
    hold_for_fork(_close_and_cut)  # first: what delivers may need several calls to come to an end
    _gate.close()
    for participant in list(_participants):
        participant.leave()
    _gate.wait_until_empty(_PATIENCE_S)
    _cut()
    _gate.wait_until_empty(_CUT_PATIENCE_S)
    _wait_until_grpc_has_ended()


def _wait_until_grpc_has_ended() -> None:
    """Wait for the threads of grpc, which end when nothing is open any more; not for long when others have something open."""
    global _others
    deadline = time.monotonic() + (_ENDING_BESIDE_OTHERS_S if _others else _ENDING_S)
    while (alive := _grpc_is_alive()) and time.monotonic() < deadline:
        time.sleep(0.001)
    _others = alive


def _grpc_is_alive() -> bool:
    """Whether threads of grpc run in this process, where the system can tell."""
    for name in glob.iglob("/proc/self/task/*/comm"):
        with contextlib.suppress(OSError), open(name) as file:  # a thread may end at any time
            if file.read().startswith(_THREADS_OF_GRPC):
                return True
    return False


def _close_and_cut() -> None:
    _gate.close()  # what is cut is not to be begun again before the fork
    _cut()


def _cut() -> None:
    for participant in list(_participants):
        participant.cut()


def _after_in_parent() -> None:
    _gate.open()
    _forking.release()


def _after_in_child() -> None:
    global _gate, _forking
    _gate, _forking = Gate(), threading.RLock()
    for participant in list(_participants):
        participant.forget()
