"""Forks of a process that talks to a server, while its threads log, call and watch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.server_farm import ServerFarm
from services.server_process import ServerProcess

TIMEOUT_S = 100

BUSY = """
import json, multiprocessing, os, signal, sys, threading, time
import modelbox

client = modelbox.ModelBoxClient(sys.argv[1])
experiment = client.create_experiment("forks")
stop = threading.Event()
logged = calls = 0
seen = []


def log():
    global logged
    while not stop.is_set():
        experiment.log_metrics({"a": 1.0, "b": 2.0}, step=logged)
        logged += 1
        if logged % 50 == 0:
            client.flush()


def call():
    global calls
    while not stop.is_set():
        experiment.update_metadata("calls", calls)
        calls += 1


def watch():
    for change in client.watch(since=0, timeout=20):
        seen.append(change.seq)
        if change.action == "logged" and change.payload["name"] == "end":
            return


threads = [threading.Thread(target=work) for work in (log, call, watch)]


def begin():
    for thread in threads:
        thread.start()
    while not (logged and calls and seen):
        time.sleep(0.01)


def end():
    stop.set()
    for thread in threads[:2]:
        thread.join()
    experiment.log_event("end")
    client.flush()
    threads[2].join()
    every = [change.seq for change in client.changes()]
    print(json.dumps({
        "changes": seen == every[:len(seen)],
        "end": client.changes(since=seen[-1] - 1)[0].action,
        "points": len(experiment.metrics("a")) == logged,
        "calls": experiment.metadata()["calls"] == calls - 1,
        "children": len(experiment.metrics("child")),
    }))
    client.close()
"""

BARE_FORKS = """
def child(number):
    if number % 4 == 1:
        experiment.log_metrics({"child": float(number)}, step=number)
        client.flush()
    elif number % 4 == 2:
        assert client.get_experiment(experiment.id).name == "forks"
    elif number % 4 == 3:
        assert next(client.watch(since=0, timeout=20)).seq == 1


def fork(number):
    pid = os.fork()
    if pid == 0:
        try:
            child(number)
        except BaseException as error:
            print(number, repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return pid


def wait(pid):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hung"


begin()
codes = [wait(pid) for pid in [fork(number) for number in range(40)]]
assert codes == [0] * 40, codes
end()
"""

MULTIPROCESSING = """
def log_in_child(number):
    experiment.log_metrics({"child": float(number)}, step=number)
    client.get_experiment(experiment.id)
    return number


begin()
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert sorted(pool.map(log_in_child, range(8), chunksize=1)) == list(range(8))
    pool.close()
    pool.join()
workers = [multiprocessing.get_context("fork").Process(target=log_in_child, args=(number,)) for number in range(8, 10)]
workers.append(multiprocessing.get_context("spawn").Process(target=os.getpid))
for worker in workers:
    worker.start()
for worker in workers:
    worker.join(30)
    assert worker.exitcode == 0, worker.exitcode
end()
"""


def run(program: str, uri: str, **environment: str) -> dict[str, Any]:
    found = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", program, uri],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={**os.environ, **environment},
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")
    result: dict[str, Any] = json.loads(found.stdout)
    return result


@pytest.mark.parametrize("support", [{}, {"GRPC_ENABLE_FORK_SUPPORT": "1"}], ids=["default", "grpc's fork support"])
def test_forty_children_of_a_busy_process(server_farm: ServerFarm, tmp_path: Path, support: dict[str, str]) -> None:
    found = run(BUSY + BARE_FORKS, server_farm.open(tmp_path / "store"), MODELBOX_SPOOL_DIR=str(tmp_path / "spool"), **support)
    assert found == {"changes": True, "end": "logged", "points": True, "calls": True, "children": 10}


NOTHING_OF_GRPC = """
import glob, os, sys

found = []


def look():
    for name in glob.glob("/proc/self/task/*/comm"):
        try:
            with open(name) as file:
                found.append(file.read().strip())
        except OSError:
            pass


os.register_at_fork(before=look)  # the first to register is the last to run
import modelbox

client = modelbox.ModelBoxClient(sys.argv[1])
experiment = client.create_experiment("forks")
watch = client.watch(since=0)
next(watch)
experiment.log_metrics({"a": 1.0})
client.flush()
look()
assert "event_engine" in found, found
found.clear()
pid = os.fork()
if pid == 0:
    os._exit(0 if client.get_experiment(experiment.id).name == "forks" else 1)
assert os.waitpid(pid, 0)[1] == 0
assert "event_engine" not in found, found
assert not [name for name in found if name.startswith("grpc")], found
experiment.update_metadata("k", 1)
assert next(watch).payload["metadata"] == {"k": 1}
client.close()
"""


def test_nothing_of_grpc_is_left_when_the_process_forks(server_farm: ServerFarm, tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("threads of the process cannot be seen")
    run(NOTHING_OF_GRPC + "print('{}')", server_farm.open(tmp_path / "store"), MODELBOX_SPOOL_DIR=str(tmp_path / "spool"))


def test_workers_of_multiprocessing(server_farm: ServerFarm, tmp_path: Path) -> None:
    found = run(BUSY + MULTIPROCESSING, server_farm.open(tmp_path / "store"), MODELBOX_SPOOL_DIR=str(tmp_path / "spool"))
    assert found == {"changes": True, "end": "logged", "points": True, "calls": True, "children": 10}


HANGING_SERVER = """
import threading
import modelbox, os, sys

client = modelbox.ModelBoxClient(sys.argv[1])
experiment = client.create_experiment("forks")
watch = client.watch(since=0)
next(watch)
print("paused?", flush=True)
sys.stdin.readline()
experiment.log_metrics({"a": 1.0})
caller = threading.Thread(target=experiment.update_metadata, args=("k", 1))
caller.start()
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
print("resumed?", flush=True)
sys.stdin.readline()
caller.join()
client.flush()
assert next(watch).payload["metadata"] == {"k": 1}
assert [change.seq for change in client.changes()] == [1, 2]
assert len(experiment.metrics()) == 1
client.close()
"""


def test_a_server_that_hangs_does_not_hold_up_a_fork(tmp_path: Path) -> None:
    environment = {**os.environ, "MODELBOX_SPOOL_DIR": str(tmp_path / "spool")}
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", HANGING_SERVER]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        ServerProcess(tmp_path / "server") as server,
        subprocess.Popen([*command, server.uri], text=True, env=environment, **pipes) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "paused?\n"
        server.pause()
        process.stdin.write("yes\n")
        process.stdin.flush()
        assert process.stdout.readline() == "resumed?\n"
        server.resume()
        _, errors = process.communicate("yes\n", timeout=TIMEOUT_S)
    assert (process.returncode, errors) == (0, "")
