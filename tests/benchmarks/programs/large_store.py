"""Make a store with a history, or open it. Arguments: ``make`` STORE EXPERIMENTS CHANGES, or ``open`` STORE ID."""

import sys
import time

from report import peak_bytes, report

import modelbox


def make(store, experiments, changes):
    """A creation, a finish and a metadata change for each experiment, and events for the rest: all by the public API."""
    experiments, changes = int(experiments), int(changes)
    with modelbox.ModelBoxClient(store) as client:
        made = []
        for number in range(experiments):
            experiment = client.create_experiment(f"run-{number}", task="benchmark", metadata={"lr": 1e-3 * number, "seed": number})
            made.append(experiment)
        left = changes - experiments
        for number in range(min(experiments, left // 3)):
            made[number].update_metadata("note", f"changed {number}")
            left -= 1
        for number in range(min(experiments, left // 3)):
            made[number].finish()
            left -= 1
        for number in range(left):
            made[number % experiments].log_event("epoch_finished", source="trainer", metadata={"epoch": number // experiments})
        client.flush()
        seq = client.changes(since=0)[-1].seq
        report(id=made[experiments // 2].id, other=made[experiments // 3].id, changes=seq)


def open_(store, id, other):
    """Each step once, in a process that has done nothing yet."""
    began = time.perf_counter()
    client = modelbox.ModelBoxClient(store)
    client.get_experiment(id)
    opened = time.perf_counter()
    client.get_experiment(other)
    got = time.perf_counter()
    page = client.list_experiments(limit=100)
    listed = time.perf_counter()
    assert page
    report(opened_s=opened - began, got_s=got - opened, listed_s=listed - got, peak=peak_bytes())


{"make": make, "open": open_}[sys.argv[1]](*sys.argv[2:])
