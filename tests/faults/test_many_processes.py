"""Many processes in one store: one winner for each race, everything there once, no gap in the feed.

``MODELBOX_TEST_SECONDS=60`` makes each run so long.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from modelbox import ModelBoxClient

SECONDS = float(os.environ.get("MODELBOX_TEST_SECONDS", "4"))

WORKER = """
    import json, os, random, sys, time, modelbox
    store, me, seconds, seed, folder = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    dice = random.Random(seed)
    client = modelbox.ModelBoxClient(store, owner="o")
    shared = client.create_experiment("shared")
    model = client.create_model("m")
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.monotonic() + seconds
    did = {"points": [], "events": [], "metadata": [], "created": [], "uploads": [], "moves": [], "won": [], "lost": []}
    first = model.create_version(f"{me}-first")
    count, raced, seen, newest = 0, 0, 0, None

    def log():
        for _ in range(50):
            step = me * 10**9 + len(did["points"])
            shared.log_metrics({"x": float(step)}, step=step)
            did["points"].append(step)

    def event():
        did["events"].append(f"{me}-{count}")
        shared.log_event(f"{me}-{count}")

    def update():
        shared.update_metadata({f"{me}-{count}": count})
        did["metadata"].append(f"{me}-{count}")

    def create():
        name = f"e{dice.randrange(30)}"
        did["created"].append([name, client.create_experiment(name).exists])

    def race():
        global raced
        raced += 1
        try:
            version = model.create_version(f"{me}-{raced}", unique_tags=[f"race-{raced}"])
            did["lost" if version.exists else "won"].append(raced)
        except modelbox.AlreadyExistsError:
            did["lost"].append(raced)

    def move():
        try:
            held = model.get_version(tag="prod")
        except modelbox.NotFoundError:
            return
        try:
            model.move_tag("prod", to=first, if_held_by=held.version)
            did["moves"].append([held.version, first.version])
        except modelbox.ConflictError:
            pass

    def upload():
        path = os.path.join(folder, f"{me}-{count}")
        with open(path, "wb") as file:
            file.write(dice.choice([b"same", os.urandom(1000)]))
        shared.upload_artifact(f"{me}-{count}", path, progress=False)
        did["uploads"].append(f"{me}-{count}")

    def read():
        global seen
        found = shared.metrics("x", start_step=me * 10**9, end_step=me * 10**9 + 10**8).to_dict()["step"]
        assert found == did["points"], "a process does not see what it logged"
        last = 0
        for change in client.changes(since=seen):
            last = change.seq
            seen += 1
            assert change.seq == seen, "the feed has a gap"

    once = [log, event, update, create, race, move, upload, read]  # however little a busy machine lets us do
    dice.shuffle(once)
    while once or time.monotonic() < end:
        count += 1
        (once.pop() if once else dice.choice([log, log, log, event, update, create, race, race, move, move, upload, read]))()
    client.close()
    print(json.dumps(did))
"""


def run(store: str, processes: int, folder: Path) -> list[dict[str, Any]]:
    """Let workers at a store; what each has done."""
    seed = int(os.environ.get("MODELBOX_TEST_SEED", random.randrange(1 << 30)))
    print(f"MODELBOX_TEST_SEED={seed}")
    folder.mkdir()
    with ModelBoxClient(store, owner="o") as client:
        client.create_model("m").create_version("zero", unique_tags=["prod"])
    workers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(WORKER), store]
            + [str(each) for each in (number, SECONDS, seed + number, folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    for worker in workers:
        assert worker.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.write("go\n")
            worker.stdin.flush()
    results = [worker.communicate(timeout=SECONDS + 90) for worker in workers]
    for worker, (_, told) in zip(workers, results, strict=True):
        assert not told, told
        assert worker.returncode == 0
    return [json.loads(out) for out, _ in results]


def examine(store: str, done: list[dict[str, Any]]) -> None:
    """Compare the store with what the workers did."""
    did = {what: [item for each in done for item in each[what]] for what in done[0]}
    print({what: len(items) for what, items in did.items()})
    with ModelBoxClient(store, owner="o") as client:
        shared = client.create_experiment("shared")
        model = client.create_model("m")
        assert shared.metrics("x").to_dict()["step"] == sorted(did["points"])
        assert sorted(event.name for event in shared.events()) == sorted(did["events"])
        assert set(shared.metadata()) == set(did["metadata"])
        assert sorted(artifact.name for artifact in shared.artifacts()) == sorted(did["uploads"])
        changes = client.changes()
        assert [change.seq for change in changes] == list(range(1, len(changes) + 1))
        created = collections.Counter(change.object_id for change in changes if change.action == "created")
        assert created.most_common(1)[0][1] == 1, "an object was created twice"
        assert len([1 for name, exists in did["created"] if not exists]) == len({name for name, _ in did["created"]})

        wins = collections.Counter(did["won"])
        assert set(wins.values()) == {1}, "a race has two winners"
        assert set(did["lost"]) <= set(wins), "a race has no winner"
        for number, each in enumerate(done):
            for race in each["won"]:
                assert model.get_version(tag=f"race-{race}").version == f"{number}-{race}"
        assert len(model.list_versions()) == 1 + len(done) + len(wins), "what lost a race was created"

        balance = collections.Counter({"zero": 1})
        for before, after in did["moves"]:
            balance[before] -= 1
            balance[after] += 1
        assert {version for version, count in balance.items() if count} == {model.get_version(tag="prod").version}
        assert client.check(verify_content=True) == []
    assert all(did.values()), "something was never done"


@pytest.mark.timeout(150 + SECONDS)
def test_eight_processes_in_a_folder(tmp_path: Path) -> None:
    store = tmp_path / "store"
    examine(str(store), run(str(store), 8, tmp_path / "files"))
    assert not list(store.glob("journal/*/*.journal"))
    assert not list(store.rglob(".tmp-*"))


@pytest.mark.timeout(240 + SECONDS)
def test_four_processes_in_a_bucket(s3_url: str, tmp_path: Path) -> None:
    examine(s3_url, run(s3_url, 4, tmp_path / "files"))
