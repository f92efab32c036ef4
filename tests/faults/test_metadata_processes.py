"""Real processes on one store: racing, and killed at random moments."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from modelbox.stores.files import Files, ObjectFiles, PosixFiles
from modelbox.stores.metadata.log import LogMetadataStore

SEED = int(os.environ.get("MODELBOX_TEST_SEED", random.SystemRandom().randrange(2**32)))

WRITER = """
import sys
from modelbox.errors import AlreadyExistsError
from modelbox.stores.files import ObjectFiles, PosixFiles
from modelbox.stores.metadata.log import LogMetadataStore
from modelbox.testing.metadata_samples import created, datum, experiment, logged

place, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = LogMetadataStore(ObjectFiles(place) if "://" in place else PosixFiles(place), checkpoint_every=25)

def commit(i):
    ident = f"{name}-{i}"
    def body(t):
        row = t.get("writers", "total")
        t.put("writers", {"writer": "total", "sequence": row["sequence"] + 1 if row else 1})
        t.put("experiments", experiment(ident))
        t.put("metadata", datum(ident, "i", i))
        t.record(created(ident))
        t.record(logged(ident, "event", i))
        if t.get("tags", "m", str(i)) is None:
            t.put("tags", {"model_id": "m", "tag": str(i), "version_id": name})
            return True
        return False
    return store.transact(body)

for i in range(count):
    won = commit(i)
    print(f"{name}-{i} {int(won)}", flush=True)
store.close()
"""


def _start(place: Path | str, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", WRITER, str(place), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _check(files: Files, acknowledged: list[str], unacknowledged: int) -> int:
    """Every acknowledged commit is there once, whole, and at most one more of each writer; the number of all of them."""
    store = LogMetadataStore(files)
    view = store.view()
    names = [row["id"] for row in view.select("experiments")]
    assert max(Counter(names).values()) == 1
    assert set(acknowledged) <= set(names)
    assert len(names) <= len(acknowledged) + unacknowledged
    assert view.get("writers", "total") == {"writer": "total", "sequence": len(names)}
    assert sorted(row["object_id"] for row in view.select("metadata")) == sorted(names)
    changes = store.changes(since=0)
    assert [change.seq for change in changes] == list(range(1, 2 * len(names) + 1))
    assert [change.object_id for change in changes if change.action == "created"] == names
    some = names[len(names) // 2]
    assert len(store.events(f"uid-{some}")) == 1
    store.close()
    return len(names)


def _race(place: Path | str, files: Files, count: int) -> None:
    writers = [_start(place, name, count) for name in "abcd"]
    lines = []
    for writer in writers:
        out, err = writer.communicate(timeout=100)
        assert writer.returncode == 0, err
        lines += out.split("\n")[:-1]
    won = [line.split()[0].split("-")[1] for line in lines if line.endswith(" 1")]
    assert sorted(won, key=int) == [str(i) for i in range(count)], "each tag has exactly one winner"
    assert _check(files, [line.split()[0] for line in lines], 0) == 4 * count


def test_four_processes_race(tmp_path: Path) -> None:
    _race(tmp_path, PosixFiles(tmp_path), 25)


@pytest.mark.s3
def test_four_processes_race_on_s3(s3_url: str) -> None:
    files = ObjectFiles(s3_url)
    _race(s3_url, files, 6)
    files.close()


def test_writers_killed_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    print("MODELBOX_TEST_SEED =", SEED)
    generator = random.Random(SEED)
    deadline = time.monotonic() + 8
    acknowledged: list[str] = []
    kills = rounds = 0
    while time.monotonic() < deadline and rounds < 12:
        rounds += 1
        writers = [_start(tmp_path, f"r{rounds}{name}", 100_000) for name in "ab"]
        assert writers[0].stdout is not None
        first = writers[0].stdout.readline()
        time.sleep(generator.random() * 0.8)
        for writer in writers:
            time.sleep(generator.random() * 0.05)
            writer.send_signal(signal.SIGKILL)
            kills += 1
        for writer in writers:
            out, err = writer.communicate(timeout=30)
            assert not err
            acknowledged += [line.split()[0] for line in (first + out).split("\n")[:-1]]
            first = ""
        _check(PosixFiles(tmp_path), acknowledged, kills)
    print(kills, "kills,", len(acknowledged), "acknowledged commits")


def test_a_stopped_writer_holds_up_nobody(tmp_path: Path) -> None:
    stopped = _start(tmp_path, "stopped", 100_000)
    assert stopped.stdout is not None
    for _ in range(5):
        stopped.stdout.readline()
    stopped.send_signal(signal.SIGSTOP)
    try:
        before = time.monotonic()
        other = _start(tmp_path, "other", 20)
        _, err = other.communicate(timeout=60)
        assert other.returncode == 0, err
        assert time.monotonic() - before < 20
    finally:
        stopped.kill()
        stopped.communicate()
