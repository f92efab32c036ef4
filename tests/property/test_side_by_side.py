"""The public API against a plain Python model, over random sequences of calls.

``MODELBOX_SOAK_S=600 pytest tests/property`` looks for longer; a failure prints how to repeat it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from side_by_side import Factory, OpenClient, folder_factory, machine_for, server_factory, tiny_sizes, twin_factory

from services.server_farm import ServerFarm

EXAMPLES = 9
STEPS = 60
SOAK_S = float(os.environ.get("MODELBOX_SOAK_S", "0"))

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.timeout(SOAK_S + 420),  # a failure is shrunk for five minutes
]


@contextlib.contextmanager
def small_store() -> Iterator[OpenClient]:
    with tiny_sizes(), folder_factory() as open_client:
        yield open_client


def profile(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )


@pytest.mark.parametrize("factory", [small_store, folder_factory], ids=["tiny", "default"])
def test_the_store_does_what_the_reference_does(factory: object) -> None:
    explore(factory)  # type: ignore[arg-type]


def test_a_server_does_what_an_embedded_store_and_the_reference_do(server_farm: ServerFarm) -> None:
    with tiny_sizes():
        explore(twin_factory(folder_factory, server_factory(server_farm)))


def explore(factory: Factory) -> None:
    """Drive the machine on the stores of a factory."""
    machine = machine_for(factory)
    deadline = time.monotonic() + SOAK_S / 2
    while True:
        run_state_machine_as_test(machine, settings=profile(EXAMPLES))  # type: ignore[no-untyped-call]
        if time.monotonic() >= deadline:
            break
