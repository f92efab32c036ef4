"""Say ``ready``, and commit for some seconds from the next line of input on. Arguments: store or ``floor:DIR``, name, seconds."""

import os
import sys
import time

from report import report


def modelbox_commits(store, name):
    import modelbox

    client = modelbox.ModelBoxClient(store)
    experiment = client.create_experiment(name)
    number = 0
    while True:
        experiment.update_metadata("number", number)
        number += 1
        yield


def bare_commits(folder, name):
    """The floor: a file written, made durable, and given its name by a link that fails when the name is taken."""
    content = b"x" * 600
    number = 0
    while True:
        path = os.path.join(folder, f"{name}-{number}")
        file = os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(file, content)
        os.fdatasync(file)
        os.close(file)
        os.link(f"{path}.tmp", path)
        os.unlink(f"{path}.tmp")
        number += 1
        yield


def main(store, name, seconds):
    commits = bare_commits(store.removeprefix("floor:"), name) if store.startswith("floor:") else modelbox_commits(store, name)
    next(commits)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    count, slowest, now = 0, 0.0, began
    while now < began + float(seconds):
        next(commits)
        count, before, now = count + 1, now, time.monotonic()
        slowest = max(slowest, now - before)
    report(commits=count, slowest_s=slowest, took_s=now - began)


main(*sys.argv[1:])
