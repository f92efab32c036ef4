"""Processes that fork, spawn, are killed, or end in any other way, with a live client."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from modelbox import Experiment, ModelBoxClient

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def run(code: str, *arguments: object, timeout: float = 60, **options: object) -> subprocess.CompletedProcess[str]:
    """Run Python code in a new process."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **options)  # type: ignore[call-overload]


def steps(store: Path, name: str = "e") -> list[int]:
    """The steps of metric x of an experiment."""
    with ModelBoxClient(store, owner="o") as client:
        return client.create_experiment(name).metrics("x").to_dict()["step"]


def events(store: Path, name: str = "e") -> list[str]:
    with ModelBoxClient(store, owner="o") as client:
        return [event.name for event in client.create_experiment(name).events()]


def test_a_client_that_is_never_closed_loses_nothing(tmp_path: Path) -> None:
    done = run(
        """
        import sys, modelbox
        client = modelbox.ModelBoxClient(sys.argv[1], owner="o")
        exp = client.create_experiment("e")
        for step in range(1000):
            exp.log_metrics({"x": step}, step=step)
        exp.log_event("last")
        """,
        tmp_path / "s",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not any((tmp_path / "s" / "journal").glob("*/*.journal"))
    assert steps(tmp_path / "s") == list(range(1000))
    assert events(tmp_path / "s") == ["last"]


@pytest.mark.parametrize(
    "ending", ["raise ValueError('lost')", "os._exit(3)", "os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 2)"]
)
def test_any_end_of_the_process_loses_nothing(tmp_path: Path, ending: str) -> None:
    started = time.monotonic()
    done = run(
        f"""
        import os, sys, modelbox
        client = modelbox.ModelBoxClient(sys.argv[1], owner="o")
        exp = client.create_experiment("e")
        for step in range(1000):
            exp.log_metrics({{"x": step}}, step=step)
        exp.log_event("last")
        {ending}
        """,
        tmp_path / "s",
    )
    assert done.returncode != 0
    assert time.monotonic() - started < 30
    assert steps(tmp_path / "s") == list(range(1000))
    assert events(tmp_path / "s") == ["last"]


def test_killed_at_random_moments(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    acknowledged: list[int] = []
    for round_number in range(6):
        worker = subprocess.Popen(
            [
                sys.executable,
                "-c",
                textwrap.dedent(
                    """
                    import os, sys, modelbox
                    client = modelbox.ModelBoxClient(sys.argv[1], owner="o")
                    exp = client.create_experiment("e")
                    first = int(sys.argv[2])
                    os.write(1, b"ready\\n")
                    for step in range(first, first + 10**6):
                        exp.log_metrics({"x": step}, step=step)
                        if step % 50 == 0:
                            exp.log_event(str(step), wallclock=step)
                        if step % 500 == 0:
                            exp.update_metadata("step", step)
                        os.write(1, b"%d\\n" % step)
                    """
                ),
                str(tmp_path / "s"),
                str(round_number * 10**6),
            ],
            stdout=subprocess.PIPE,
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        time.sleep(rng.random() * 0.5)
        worker.kill()
        lines = worker.communicate()[0].splitlines(keepends=True)
        acknowledged += [int(line) for line in lines if line.endswith(b"\n")]
    found = steps(tmp_path / "s")
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)
    assert len(found) <= len(acknowledged) + 6
    named = events(tmp_path / "s")
    assert len(named) == len(set(named))
    assert {str(step) for step in acknowledged if step % 50 == 0} <= set(named)
    with ModelBoxClient(tmp_path / "s") as client:
        seqs = [change.seq for change in client.changes()]
    assert seqs == list(range(1, len(seqs) + 1))


def _log(exp: Experiment, start: int, count: int) -> None:
    for step in range(start, start + count):
        exp.log_metrics({"x": step}, step=step)


@pytest.mark.parametrize("store", ["folder", "memory"])
def test_fork_with_a_live_client(tmp_path: Path, store: str) -> None:
    with ModelBoxClient(tmp_path / "s" if store == "folder" else "memory://", owner="o") as client:
        exp = client.create_experiment("e")
        _log(exp, 0, 100)
        children = []
        for i in range(1, 6):
            pid = os.fork()
            if pid == 0:
                try:
                    if store == "folder":
                        _log(exp, i * 1000, 100)
                        if i % 2:
                            client.close()
                finally:
                    os._exit(0)
            children.append(pid)
            _log(exp, i * 100, 100)
        deadline = time.monotonic() + 30
        for pid in children:
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                assert time.monotonic() < deadline, "a child hangs"
                time.sleep(0.01)
        found = exp.metrics("x").to_dict()["step"]
    expected = list(range(600))
    if store == "folder":
        expected += [i * 1000 + k for i in range(1, 6) for k in range(100)]
        assert steps(tmp_path / "s") == expected
    assert found == expected


def _worker(exp: Experiment, start: int) -> None:
    _log(exp, start, 50)
    exp.log_event(f"worker {start}")


def test_multiprocessing_by_fork(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    with ModelBoxClient(tmp_path / "s", owner="o") as client:
        exp = client.create_experiment("e")
        _log(exp, 0, 50)
        workers = [context.Process(target=_worker, args=(exp, i * 100)) for i in range(1, 5)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
            assert worker.exitcode == 0
        assert not any(path for path in (tmp_path / "s" / "journal").iterdir() if path.name != client._session.journal.writer)
        assert exp.metrics("x").to_dict()["step"] == [i * 100 + k for i in range(5) for k in range(50)]
        assert sorted(event.name for event in exp.events()) == [f"worker {i}00" for i in range(1, 5)]


def test_spawned_processes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ModelBoxClient(tmp_path / "s", owner="o") as client:
        client.create_experiment("e")
    workers = [context.Process(target=_spawned, args=(str(tmp_path / "s"), i * 100)) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert steps(tmp_path / "s") == [i * 100 + k for i in range(2) for k in range(50)]


def _spawned(store: str, start: int) -> None:
    _worker(ModelBoxClient(store, owner="o").create_experiment("e"), start)


def test_another_process_sees_what_is_logged_within_two_seconds(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                """
                import sys, modelbox
                client = modelbox.ModelBoxClient(sys.argv[1], owner="o")
                exp = client.create_experiment("e")
                print("ready", flush=True)
                for line in sys.stdin:
                    exp.log_metrics({"x": 1.0}, step=int(line))
                    exp.log_event(line.strip())
                """
            ),
            str(tmp_path / "s"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdin is not None
    writer.stdout.readline()
    with ModelBoxClient(tmp_path / "s", owner="o") as client:
        exp = client.create_experiment("e")
        changes = client.watch(timeout=10)
        for step in range(3):
            writer.stdin.write(f"{step}\n")
            writer.stdin.flush()
            sent = time.monotonic()
            assert next(changes).payload["name"] == str(step)
            assert time.monotonic() - sent < 2
            while len(exp.metrics()) < step + 1:
                assert time.monotonic() - sent < 2
                time.sleep(0.02)
    writer.send_signal(signal.SIGTERM)
    writer.communicate()
    assert steps(tmp_path / "s") == [0, 1, 2]
