"""Processes that die, fork or are interrupted while they log."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

HELPERS = str(Path(__file__).parents[1] / "unit" / "journal")
sys.path.append(HELPERS)

from collecting import CollectingSink, FolderSink, down  # noqa: E402

from modelbox.journal import Journal, Target, adopt_abandoned  # noqa: E402

TARGET = Target("object", "uid")

LOGGING_CHILD = """
import mmap, os, struct, sys
from pathlib import Path
sys.path.append(sys.argv[4])
from collecting import FolderSink
from modelbox.journal import Journal, Target

counter = mmap.mmap(os.open(sys.argv[2], os.O_RDWR), 16)
sink = FolderSink(Path(sys.argv[1]).parent / "store")
journal = Journal(Path(sys.argv[1]), sink, shared=sys.argv[3] == "shared", file_size=1 << 14)
step = events = 0
while True:
    journal.log_metrics(Target("o", "u"), {"a": float(step), "b": -float(step)}, step)
    if step % 7 == 0:
        journal.log_metrics(Target("o", "u"), {"text": str(step)}, step)
    step += 1
    struct.pack_into("q", counter, 0, step)
    if sys.argv[3] == "spool" and step % 300 == 0:
        journal.flush()
    if step % 50 == 0:
        journal.log_event(Target("o", "u"), str(events))
        events += 1
        struct.pack_into("q", counter, 8, events)
"""


def run_until_killed(folder: Path, acknowledged: Path, mode: str, lifetime_s: float) -> tuple[int, int]:
    folder.parent.mkdir()
    acknowledged.write_bytes(bytes(16))
    command = [sys.executable, "-c", LOGGING_CHILD, str(folder), str(acknowledged), mode, HELPERS]
    with subprocess.Popen(command) as child:
        deadline = time.monotonic() + 20
        while acknowledged.read_bytes()[:8] == bytes(8):
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(lifetime_s)
        child.kill()
    steps, events = struct.unpack("qq", acknowledged.read_bytes())
    return steps, events


@pytest.mark.parametrize("mode", ["shared", "spool"])
def test_what_was_acknowledged_before_sigkill_is_stored_once(tmp_path: Path, mode: str) -> None:
    """The store is a folder: the child delivers to it until it is killed, be it in the middle of that, and then the adopter."""
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for kill in range(8):
        folder = tmp_path / str(kill) / "journals"
        lifetime_s = chance.uniform(0, 0.5 if kill == 0 else 0.05)
        steps, events = run_until_killed(folder, tmp_path / "acknowledged", mode, lifetime_s)
        sink = FolderSink(folder.parent / "store")
        report = adopt_abandoned(folder, sink)
        assert not report.damage
        assert list(folder.iterdir()) == []
        found = sink.rows()
        a = [step for key, step, _ in found if key == "a"]
        assert a == list(range(len(a)))
        assert len(a) in (steps, steps + 1)
        assert [value for key, _, value in found if key == "b"] == [-float(step) for step in a]
        texts = [step for key, step, _ in found if key == "text"]
        assert texts in (list(range(0, len(a), 7)), list(range(0, len(a) - 1, 7)))
        names = [int(name) for name in sink.event_names()]
        assert names == list(range(len(names)))
        assert len(names) in (events, events + 1)


def in_child(work: Callable[[], None]) -> int:
    """Fork as a PyTorch worker does, and leave by ``os._exit``."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            work()
            code = 0
        os._exit(code)
    return pid


def exit_code(pid: int) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the child hangs")


@pytest.mark.parametrize("shared", [True, False])
def test_fork_with_a_live_journal(tmp_path: Path, shared: bool) -> None:
    sink = CollectingSink()
    journal = Journal(tmp_path, sink, shared=shared, file_size=1 << 14)
    stop = threading.Event()
    logged = []

    def keep_logging() -> None:
        while not stop.is_set():
            journal.log_metrics(TARGET, {"parent": float(len(logged))}, len(logged))
            journal.log_event(TARGET, "parent")
            logged.append(None)
            time.sleep(0.0005)

    thread = threading.Thread(target=keep_logging)
    thread.start()
    time.sleep(0.02)
    parent = journal.writer

    def work() -> None:
        assert journal.writer != parent
        assert not read_own(tmp_path, journal.writer)
        for step in range(100):
            journal.log_metrics(TARGET, {"child": float(step)}, step)
        journal.log_event(TARGET, "child")

    # A thread logs while we fork: what Python warns of is what is tested.
    pids = [in_child(work) for _ in range(8)]
    codes = [exit_code(pid) for pid in pids]
    stop.set()
    thread.join()
    assert codes == [0] * 8
    journal.close()
    adopted = CollectingSink()
    report = adopt_abandoned(tmp_path, adopted)
    assert not report.damage
    # The parent may have adopted the journals of children that were dead by then.
    found = sink.rows() + adopted.rows()
    names = [event.name for event in sink.events + adopted.events]
    assert [row["step"] for row in found if row["key"] == "parent"] == list(range(len(logged)))
    assert [row["step"] for row in found if row["key"] == "child"] == list(range(100)) * 8
    assert len(found) == len(logged) + 800
    assert names.count("parent") == len(logged)
    assert names.count("child") == 8
    assert list(tmp_path.iterdir()) == []


def read_own(folder: Path, writer: str) -> list[Path]:
    return list((folder / writer).glob("*")) if (folder / writer).exists() else []


def test_a_child_that_closes_delivers_its_own_records_only(tmp_path: Path) -> None:
    sink = CollectingSink()
    journal = Journal(tmp_path, sink, shared=False)
    journal.log_metrics(TARGET, {"parent": 1.0})
    receive, send = os.pipe()

    def work() -> None:
        journal.flush()
        journal.log_metrics(TARGET, {"child": 1.0})
        journal.close(10)
        os.write(send, ",".join(row["key"] for row in sink.rows()).encode())

    assert exit_code(in_child(work)) == 0
    assert os.read(receive, 1000) == b"child"
    journal.close()
    assert [row["key"] for row in sink.rows()] == ["parent"]
    os.close(receive)
    os.close(send)


def test_fork_waits_for_the_sink(tmp_path: Path) -> None:
    """No thread is inside of the sink, and so inside of gRPC or DuckDB, at the moment of the fork."""

    class SlowSink(CollectingSink):
        inside = False
        visits = 0

        def _enter(self) -> None:
            self.inside = True
            self.visits += 1
            time.sleep(0.02)
            self.inside = False

    sink = SlowSink()
    journal = Journal(tmp_path, sink, shared=False)
    met = 0
    for number in range(15):
        visits = sink.visits
        journal.log_event(TARGET, str(number))
        while sink.visits == visits:
            time.sleep(0.001)
        met += sink.inside
        pid = os.fork()
        if pid == 0:
            os._exit(int(sink.inside))  # this process's copy, of the moment of the fork
        assert exit_code(pid) == 0
    assert met > 0
    journal.close()
    assert len(sink.events) == 15


def test_signal_handlers_and_interrupts_in_the_middle_of_log_calls(tmp_path: Path) -> None:
    sink = CollectingSink()
    journal = Journal(tmp_path, sink, shared=False, file_size=1 << 14)
    handled = step = 0
    busy = interruptible = done = False

    def handler(*_: object) -> None:
        nonlocal handled, busy
        journal.log_metrics(TARGET, {"handler": float(handled)}, handled)
        journal.log_event(TARGET, f"handler {handled}")
        if handled % 50 == 0:
            journal.flush(5)
        handled += 1
        busy = False
        if handled % 3 == 0 and interruptible:
            raise KeyboardInterrupt

    def disturb() -> None:
        nonlocal busy
        chance = random.Random(7)
        while not done:
            time.sleep(chance.uniform(0, 0.001))
            if not busy:
                busy = True
                signal.pthread_kill(main_thread, signal.SIGUSR1)

    main_thread = threading.main_thread().ident
    assert main_thread is not None
    previous = signal.signal(signal.SIGUSR1, handler)
    thread = threading.Thread(target=disturb)
    thread.start()
    acknowledged: list[int] = []
    events: list[int] = []
    started = time.monotonic()
    while time.monotonic() < started + 2 or (handled <= 100 and time.monotonic() < started + 30):
        step += 1
        try:
            interruptible = True
            journal.log_metrics(TARGET, {"main": float(step)}, step)
            acknowledged.append(step)
            if step % 5 == 0:
                journal.log_event(TARGET, f"main {step}")
                events.append(step)
            interruptible = False
        except KeyboardInterrupt:
            interruptible = False
    done = True
    thread.join()
    signal.signal(signal.SIGUSR1, previous)
    journal.close()
    assert handled > 100
    found = sink.rows()
    main = [row["step"] for row in found if row["key"] == "main"]
    assert len(main) == len(set(main))
    assert set(acknowledged) <= set(main)
    assert {row["step"] for row in found if row["key"] == "handler"} == set(range(handled))
    names = {event.name for event in sink.events}
    assert {f"main {step}" for step in events} <= names
    assert {f"handler {number}" for number in range(handled)} <= names
    assert len(names) == len(sink.events)
    logged = [row["wallclock"] for row in found]
    assert len(set(logged)) == len(logged)


def test_one_adopter_of_many_wins(tmp_path: Path) -> None:
    sink = CollectingSink()
    sink.failure = down()
    for number in range(20):
        journal = Journal(tmp_path, sink, shared=True)
        journal.log_metrics(TARGET, {"k": float(number)}, number)
        with contextlib.suppress(Exception):
            journal.close(0)
    barrier = threading.Barrier(6)
    sinks = [CollectingSink() for _ in range(6)]
    won: list[str] = []

    def adopt(own: CollectingSink) -> None:
        barrier.wait()
        won.extend(adopt_abandoned(tmp_path, own).writers)

    threads = [threading.Thread(target=adopt, args=(own,)) for own in sinks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == len(set(won)) == 20
    assert sorted(row["step"] for own in sinks for row in own.rows()) == list(range(20))
    assert list(tmp_path.iterdir()) == []
