"""The installed script as a process: start-up, pipes, Ctrl-C, terminals."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from calling import Sample

import modelbox

SCRIPT = [str(Path(sys.executable).with_name("modelbox"))]


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SCRIPT, *argv], capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def started(*argv: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([*SCRIPT, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_version() -> None:
    assert run("--version").stdout == f"modelbox {modelbox.__version__}\n"


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'rich', 'duckdb', 'pyarrow', 'fsspec', 'numpy', 'plotext', 'grpc'}"
    code = f"""
import sys, modelbox.cli
try:
    modelbox.cli.main(["--help"])
except SystemExit:
    print(sorted({heavy} & sys.modules.keys()), file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stderr == "[]\n"


@pytest.mark.parametrize(
    "argv", [["experiments", "show", "{run}"], ["metrics", "show", "{run}"], ["watch", "--since=0", "--timeout=0"]]
)
def test_reading_does_not_import_pandas(sample: Sample, argv: list[str]) -> None:
    code = "import sys, modelbox.cli; modelbox.cli.main(sys.argv[1:]); assert 'pandas' not in sys.modules"
    command = [sys.executable, "-c", code, "-u", sample.uri, *(arg.format(**sample.ids) for arg in argv)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_failing_as_a_process(tmp_path: Path) -> None:
    result = run("-u", str(tmp_path), "experiments", "list")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert run("experiments").returncode == 2


def test_following_changes_as_they_are_committed(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    with modelbox.ModelBoxClient(store) as client:
        client.create_experiment("first")
        with started("watch", "-u", store, "--since", "0", "--format", "json") as process:
            assert process.stdout is not None
            first = json.loads(process.stdout.readline())
            assert (first["payload"]["name"], first["action"], first["seq"]) == ("first", "created", 1)
            client.create_experiment("second")
            assert json.loads(process.stdout.readline())["payload"]["name"] == "second"
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30) == ("", "")
            assert process.returncode == 130


def test_watching_ends_when_nobody_reads_any_more(sample: Sample) -> None:
    with started("watch", "-u", sample.uri, "--since", "0", "--format", "json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(5):
            process.stdout.readline()
        process.stdout.close()  # nothing more is committed, so nothing more would be written
        assert process.wait(timeout=30) == 141
        assert process.stderr.read() == ""


def test_a_pipe_closed_in_the_middle_of_a_list(sample: Sample) -> None:
    with started("sql", "select * from range(1000000)", "-u", sample.uri, "--format", "csv") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "range\n"
        process.stdout.close()
        assert process.wait(timeout=30) == 141
        assert process.stderr.read() == ""


def test_on_a_terminal_ids_stay_whole(sample: Sample) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "60", "LINES": "40"}
    process = subprocess.Popen([*SCRIPT, "-u", sample.uri, "experiments", "list"], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 1 << 16):
            seen += chunk
    except OSError:
        pass  # what Linux says when the other end is closed
    finally:
        os.close(ours)
    assert process.wait(timeout=60) == 0
    assert b"\x1b[1m" in seen, "the header is bold"
    text = re.sub(r"\x1b\[[0-9;]*m", "", seen.decode())
    assert all(sample.ids[name] in text for name in ("run", "child", "other"))
