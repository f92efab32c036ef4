"""A fork at a moment when a thread of ours is inside pyarrow, or imports it: what it has locked stays locked in the child."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest
from side_by_side import tiny_sizes

from modelbox import ModelBoxClient

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

CHILD_S = 60


def in_fresh_process(function: str, *arguments: str, code: int = 0) -> None:
    """Run a function of this module where pyarrow has not been imported."""
    command = [
        sys.executable,
        "-W",
        "ignore::DeprecationWarning",
        "-c",
        f"import test_forks; test_forks.{function}(*{arguments!r})",
    ]
    here = Path(__file__).parent
    paths = [str(here), str(here.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.parametrize("wait_s", ["0", "0.1", "0.3"])
def test_while_a_checkpoint_is_written(tmp_path: Path, wait_s: str) -> None:
    in_fresh_process("fork_after_a_checkpoint_became_due", str(tmp_path / "s"), wait_s)


@pytest.mark.parametrize("wait_s", ["0", "0.1"])
def test_while_the_journal_of_a_dead_process_is_delivered(tmp_path: Path, wait_s: str) -> None:
    in_fresh_process("log_and_be_killed", str(tmp_path / "s"), code=-signal.SIGKILL)
    in_fresh_process("fork_when_pyarrow_is_being_imported", str(tmp_path / "s"), wait_s)


def log_and_be_killed(store: str) -> None:
    exp = ModelBoxClient(store, owner="o").create_experiment("e")
    for step in range(20_000):
        exp.log_metrics({"x": 1.0}, step=step)
    os.kill(os.getpid(), signal.SIGKILL)


def fork_when_pyarrow_is_being_imported(store: str, wait_s: str) -> None:
    with ModelBoxClient(store, owner="o") as client:
        exp = client.create_experiment("e")
        exp.log_metrics({"y": 1.0})
        deadline = time.monotonic() + CHILD_S
        while "pyarrow" not in sys.modules and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(float(wait_s))
        child = os.fork()
        if child == 0:
            signal.alarm(CHILD_S)
            os._exit(len(exp.metrics("x")) != 20_000)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child hung, or misses points"


def fork_after_a_checkpoint_became_due(store: str, wait_s: str) -> None:
    with tiny_sizes(), ModelBoxClient(store, owner="o") as client:
        exp = client.create_experiment("e")
        exp.log_metrics({"x": 1.0})
        for i in range(7):
            exp.update_metadata("i", i)
        time.sleep(float(wait_s))
        child = os.fork()
        if child == 0:
            signal.alarm(CHILD_S)
            try:
                exp.update_metadata("child", 1)
                assert exp.metrics("x").to_dict()["value"] == [1.0]
            except BaseException:  # noqa: BLE001 - a child must not go on as another pytest
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child hung"
        exp.update_metadata("parent", 1)
        assert exp.metadata() == {"i": 6, "child": 1, "parent": 1}
