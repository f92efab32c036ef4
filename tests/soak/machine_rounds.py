"""The state machine with a given seed: ``machine_rounds.py SEED EXAMPLES [--no-shrink]``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "property"))

from side_by_side import OpenClient, folder_factory, machine_for, tiny_sizes


@contextlib.contextmanager
def small_store() -> Iterator[OpenClient]:
    with tiny_sizes(), folder_factory() as open_client:
        yield open_client


if __name__ == "__main__":
    number, examples = map(int, sys.argv[1:3])
    machine = seed(number)(machine_for(small_store if number % 3 else folder_factory))
    profile = settings(
        max_examples=examples,
        stateful_step_count=120,
        deadline=None,
        database=None,
        print_blob=True,
        phases=[Phase.generate] if "--no-shrink" in sys.argv else list(Phase),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=profile)  # type: ignore[no-untyped-call]
