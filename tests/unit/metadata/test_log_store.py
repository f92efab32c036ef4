"""What is particular to the log: its files, its checkpoints, its limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from modelbox.errors import InvalidArgumentError, UnavailableError
from modelbox.stores.files import MemoryFiles, PosixFiles
from modelbox.stores.metadata.log import LogMetadataStore
from modelbox.stores.metadata.log import store as store_module
from modelbox.stores.metadata.log.encoding import log_path
from modelbox.testing.metadata_samples import created, datum, experiment, logged, putting, recording


def test_a_transaction_is_one_readable_file() -> None:
    files = MemoryFiles()
    store = LogMetadataStore(files)
    store.transact(putting("tags", {"model_id": "é", "tag": "t", "version_id": "v"}))
    store.transact(lambda t: (t.delete("tags", "é"), t.record(logged("e", "epoch", 0, n=1)))[0])
    first, second = (json.loads(files.read(log_path(number))) for number in (1, 2))
    assert "é".encode() in files.read(log_path(1))
    assert first["rows"] == [{"put": ["tags", {"model_id": "é", "tag": "t", "version_id": "v"}]}]
    assert (first["number"], first["first_seq"], first["changes"]) == (1, 1, [])
    assert first["writer"]["pid"] == os.getpid()
    assert second["rows"] == [{"delete": ["tags", "é"]}]
    assert second["changes"][0]["seq"] == 1
    assert second["changes"][0]["payload"]["wallclock"] == "1970-01-01T00:00:00.000000+00:00"
    assert second["at"] > first["at"]
    store.close()


def test_reading_writes_nothing() -> None:
    files = MemoryFiles()
    store = LogMetadataStore(files)
    assert store.transact(lambda t: t.get("experiments", "x")) is None
    assert list(files.walk("metadata")) == []
    store.close()


def test_opening_and_committing_need_no_heavy_import(tmp_path: Path) -> None:
    store = LogMetadataStore(PosixFiles(tmp_path))
    for i in range(5):
        store.transact(putting("experiments", experiment(str(i))))
    store.checkpoint()
    store.transact(recording(created("e")))
    store.close()
    program = """
import sys
from modelbox.stores.files import PosixFiles
from modelbox.stores.metadata.log import LogMetadataStore
store = LogMetadataStore(PosixFiles(sys.argv[1]))
assert len(store.view().select("experiments")) == 5
store.transact(lambda t: t.put("experiments", {"id": "new"}))
assert [c.seq for c in store.changes(since=0)] == [1]
assert store.view().get("metadata", "0", "k") is None
print([name for name in ("duckdb", "pyarrow", "numpy", "fsspec", "s3fs") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_strangers_can_read_a_checkpoint(tmp_path: Path) -> None:
    import duckdb

    store = LogMetadataStore(PosixFiles(tmp_path))
    store.transact(putting("experiments", experiment("e1"), experiment("e0")))
    store.transact(putting("metadata", datum("e1", "lr", {"x": 0.1})))
    store.transact(recording(created("e1"), logged("e1", "n", 5)))
    store.checkpoint()
    store.close()
    folder = tmp_path / "metadata"
    with duckdb.connect() as connection:
        query = (
            f"select id, epoch_us(created_at), typeof(created_at) from read_parquet('{folder}/checkpoints/*/experiments.parquet')"
        )
        rows = connection.execute(query).fetchall()
        assert rows == [(name, 1_700_000_000_000_001, "TIMESTAMP WITH TIME ZONE") for name in ("e1", "e0")]
        query = f"select value::json->>'x' from read_parquet('{folder}/checkpoints/*/metadata.parquet')"
        assert connection.execute(query).fetchall() == [("0.1",)]
        query = f"select seq, action from read_parquet('{folder}/history/*.parquet') order by seq"
        assert connection.execute(query).fetchall() == [(1, "created"), (2, "logged")]


def test_checkpoints_and_history_stay_few_and_the_log_stays_whole() -> None:
    files = MemoryFiles()
    store = LogMetadataStore(files)
    for i in range(60):
        store.transact(recording(created(str(i))))
        store.transact(putting("experiments", experiment(str(i))))
        store.checkpoint()
    manifests = list(files.files("metadata/checkpoints"))
    assert len(manifests) == 3
    assert len(files.folders("metadata/checkpoints")) == 3
    assert len(files.files("metadata/history")) <= 16
    assert len(files.files("metadata/log")) == 120
    state = store._replica._opened()
    assert state.base is not None
    assert len(state.base.manifest.history) <= 7
    assert not state.tail
    assert [change.seq for change in store.changes(since=0)] == list(range(1, 61))
    store.close()


def test_a_follower_drops_what_a_checkpoint_of_another_process_has() -> None:
    files = MemoryFiles()
    writer, follower = LogMetadataStore(files), LogMetadataStore(files, checkpoint_every=20)
    follower._checkpointer._patience = 1.0
    for i in range(40):
        writer.transact(recording(created(str(i))))
        if i == 25:
            writer.checkpoint()
        assert follower.wait(i, 5)
    deadline = time.monotonic() + 20
    while len(follower._replica._opened().tail) > 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(follower._replica._opened().tail) <= 20
    assert [change.seq for change in follower.changes(since=0)] == list(range(1, 41))
    writer.close()
    follower.close()


def test_far_behind_it_goes_on_from_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelbox.stores.metadata.log import replica

    monkeypatch.setattr(replica, "_FAR_BEHIND", 20)
    files = MemoryFiles()
    writer, sleeper = LogMetadataStore(files), LogMetadataStore(files)
    assert sleeper.last_seq() == 0
    for i in range(300):
        writer.transact(recording(created(str(i))))
    writer.checkpoint()
    assert sleeper.last_seq() == 300
    state = sleeper._replica._opened()
    assert state.base is not None
    assert not state.tail
    assert len(sleeper.changes(since=0)) == 300


def test_a_large_overlay_merges_with_what_a_checkpoint_has() -> None:
    files = MemoryFiles()
    store = LogMetadataStore(files)
    store.transact(putting("metadata", *(datum(f"{i:05}", "k", i) for i in range(3000))))
    store.checkpoint()
    store.transact(lambda t: [t.delete("metadata", f"{i:05}") for i in range(0, 3000, 3)] and None)
    store.transact(putting("metadata", *(datum(f"{i:05}", "j", i) for i in range(0, 4000, 7)), datum("00001", "k", None)))
    expected = store.view().select("metadata")
    store.checkpoint()
    again = LogMetadataStore(files)
    assert again.view().select("metadata") == expected
    assert again.view().select("metadata", object_id="00001") == [datum("00001", "k", None)]
    assert again.view().select("metadata", object_id="00021") == [datum("00021", "j", 21)]


def test_what_cannot_be_stored_is_refused_at_once() -> None:
    store = LogMetadataStore(MemoryFiles())
    for value in (float("nan"), {1, 2}, "\ud800", b"bytes", object()):
        with pytest.raises(InvalidArgumentError, match="not a JSON value"):
            store.transact(putting("metadata", datum("e", "k", value)))
    for row in ({"id": None}, {"id": "e", "nonsense": 1}, {"id": "e", "name": 5}, {"id": "e", "created_at": 2**63}):
        with pytest.raises(InvalidArgumentError):
            store.transact(putting("experiments", row))
    with pytest.raises(InvalidArgumentError, match="years 1 and 9999"):
        store.transact(recording(logged("e", "n", 2**62)))
    assert store.last_seq() == 0


def test_a_transaction_that_is_too_large_is_refused() -> None:
    store = LogMetadataStore(MemoryFiles())
    with pytest.raises(InvalidArgumentError, match="in parts"):
        store.transact(putting("metadata", *(datum("e", str(i), "x" * (1 << 20)) for i in range(33))))
    assert store.view().select("metadata") == []


def test_a_clock_that_is_far_ahead_stamps_only_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    store = LogMetadataStore(MemoryFiles())
    real = time.time_ns
    times = []
    for ahead_s in (0, 5, 0, 86_400, 0):
        monkeypatch.setattr(store_module.time, "time_ns", lambda ahead_s=ahead_s: real() + ahead_s * 10**9)
        store.transact(recording(created("e")))
        times.append(store.changes(since=0)[-1].at.timestamp() - real() / 1e9)
    assert times == pytest.approx([0, 5, 5, 86_400, 0], abs=2)


def test_a_stopped_writer_does_not_block_the_others_for_long(tmp_path: Path) -> None:
    import fcntl

    store = LogMetadataStore(PosixFiles(tmp_path))
    store.transact(recording(created("e")))
    fd = os.open(tmp_path / "metadata" / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    before = time.monotonic()
    for _ in range(5):
        store.transact(recording(created("e")))
    assert time.monotonic() - before < 4
    os.close(fd)
    assert store.last_seq() == 6
    store.close()


def test_a_closed_store_says_so() -> None:
    store = LogMetadataStore(MemoryFiles())
    store.close()
    with pytest.raises(UnavailableError, match="closed"):
        store.view()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_goes_on_by_itself(tmp_path: Path) -> None:
    store = LogMetadataStore(PosixFiles(tmp_path), checkpoint_every=3)
    for i in range(10):
        store.transact(recording(created(str(i))))
    store.checkpoint()
    store.events("x")  # a DuckDB connection is open now
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            store.transact(recording(created("busy")))

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for i in range(5):
            child = os.fork()
            if child == 0:
                try:
                    store.forget_after_fork()
                    store.transact(putting("experiments", experiment(f"child {i}")))
                    os._exit(0 if len(store.changes(since=0, limit=5)) == 5 else 2)
                finally:
                    os._exit(1)
            deadline = time.monotonic() + 30
            while True:
                pid, status = os.waitpid(child, os.WNOHANG)
                if pid:
                    break
                assert time.monotonic() < deadline, "the child hangs"
                time.sleep(0.01)
            assert os.waitstatus_to_exitcode(status) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(store.view().select("experiments")) == 5
    changes = store.changes(since=0)
    assert [change.seq for change in changes] == list(range(1, len(changes) + 1))
    store.close()
