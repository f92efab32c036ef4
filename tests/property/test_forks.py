"""A fork at a moment when a thread of ours is inside pyarrow, or imports it: what it has locked stays locked in the child."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from pathlib import Path

import pytest
from side_by_side import tiny_sizes

from modelbox import ModelBoxClient

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

CHILD_S = 60


def in_fresh_process(code: str, *arguments: str) -> None:
    """Run a function of this module where pyarrow has not been imported."""
    command = [sys.executable, "-c", f"import test_forks; test_forks.{code}(*{arguments!r})"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    pid = os.posix_spawn(sys.executable, command, environment)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("wait_s", ["0", "0.1", "0.3"])
def test_while_a_checkpoint_is_written(tmp_path: Path, wait_s: str) -> None:
    in_fresh_process("fork_after_a_checkpoint_became_due", str(tmp_path / "s"), wait_s)


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
