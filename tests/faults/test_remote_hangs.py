"""A server that hangs, or is away when its clients end: nobody waits for ever, and nothing is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from modelbox import ModelBoxClient, UnavailableError
from services.server_process import ServerProcess
from troubled_server import HANG_S, events, steps

pytestmark = pytest.mark.usefixtures("spool")


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


# -- a server that hangs


def test_log_calls_do_not_wait_for_a_server_that_hangs(server: ServerProcess, name: str) -> None:
    with ModelBoxClient(server.uri) as client:
        exp = client.create_experiment(name)
        exp.log_metrics({"x": 1.0}, step=0)
        client.flush()

        def log() -> None:
            for step in range(1, 2_000):
                exp.log_metrics({"x": 1.0}, step=step)
                exp.log_event(str(step))

        server.pause()
        thread = threading.Thread(target=log, daemon=True)
        thread.start()
        thread.join(HANG_S)
        still_logging = thread.is_alive()
        server.resume()
        assert not still_logging
        assert steps(client, name) == list(range(2_000))
        assert events(client, name) == [str(step) for step in range(1, 2_000)]


def test_closing_ends_in_time_when_the_server_hangs(server: ServerProcess, name: str, spool: Path) -> None:
    client = ModelBoxClient(server.uri)
    exp = client.create_experiment(name)
    server.pause()
    exp.log_metrics({"x": 1.0}, step=0)
    exp.log_event("0")
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="2 records are kept in"):
        client.close(1.0)
    assert time.monotonic() - started < HANG_S
    server.resume()
    with ModelBoxClient(server.uri) as client:
        assert steps(client, name) == [0]
        assert events(client, name) == ["0"]


LEAVING = """
    import sys, modelbox, modelbox.lifetime
    modelbox.lifetime.EXIT_TIMEOUT_S = 1.0
    client = modelbox.ModelBoxClient(sys.argv[1])
    exp = client.create_experiment(sys.argv[2])
    exp.log_metrics({"x": 1.0}, step=0)
    client.flush()
    print("ready", flush=True)
    sys.stdin.readline()
    for step in range(1, 10):
        exp.log_metrics({"x": 1.0}, step=step)
        exp.log_event(str(step))
"""


@pytest.mark.parametrize("trouble", ["is dead", "hangs"])
def test_the_interpreter_ends_though_the_server(server: ServerProcess, name: str, spool: Path, trouble: str) -> None:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(LEAVING), server.uri, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert line_of(process) == "ready"
        (server.kill if trouble == "is dead" else server.pause)()
        _, said = process.communicate("go on\n", timeout=HANG_S)
    assert process.returncode == 0
    (line,) = said.splitlines()
    assert line.startswith("modelbox: not everything that was logged is in the store; 18 records are kept in ")
    assert f"`modelbox push {next(spool.iterdir())} {server.uri}` delivers them" in line
    if trouble == "is dead":
        server.start()
    else:
        server.resume()
    with ModelBoxClient(server.uri) as client:
        assert steps(client, name) == list(range(10))
        assert events(client, name) == [str(step) for step in range(1, 10)]


# -- Ctrl-C


@pytest.mark.parametrize("trouble", ["is well", "is dead", "hangs"])
def test_watching_is_interrupted_when_the_server(server: ServerProcess, name: str, trouble: str) -> None:
    with ModelBoxClient(server.uri) as client:
        client.create_experiment(name)
        before = client.changes()[-1].seq - 1
    command = [sys.executable, "-m", "modelbox.cli", "watch", "-u", server.uri, "--since", str(before), "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert json.loads(line_of(process))["payload"]["name"] == name
        if trouble == "is dead":
            server.kill()
        elif trouble == "hangs":
            server.pause()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=HANG_S) == ("", "")
        assert process.returncode == 130


def test_a_call_is_interrupted_when_the_server_hangs(server: ServerProcess, name: str) -> None:
    code = """
        import sys, modelbox
        client = modelbox.ModelBoxClient(sys.argv[1])
        client.list_experiments()
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            print("calling", flush=True)
            client.list_experiments()
        except KeyboardInterrupt:
            print("interrupted")
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), server.uri]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert line_of(process) == "ready"
        server.pause()
        assert process.stdin is not None
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert line_of(process) == "calling"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=HANG_S) == ("interrupted\n", "")
        assert process.returncode == 0
