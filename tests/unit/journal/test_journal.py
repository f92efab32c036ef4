from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from collecting import CollectingSink, down, rows

from modelbox.errors import InvalidArgumentError, UnavailableError
from modelbox.journal import Journal, Target, adopt_abandoned, delivery, read_pending

A = Target("object-a", "uid-a")
B = Target("object-b", "uid-b")
PAGE = 4096


def wait_until(true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.journal"))


@pytest.fixture(params=["shared", "spool", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Journal, CollectingSink]:
    sink = CollectingSink()
    folder = None if request.param == "memory" else tmp_path / "journals"
    return Journal(folder, sink, shared=request.param == "shared"), sink


def test_round_trip(opened: tuple[Journal, CollectingSink], tmp_path: Path) -> None:
    journal, sink = opened
    expected = []
    for step in range(300):
        journal.log_metrics(A, {"loss": step / 3, "acc": -step / 7}, step)
        expected += [("loss", step, step / 3, None, None), ("acc", step, -step / 7, None, None)]
        if step % 10 == 0:
            journal.log_metrics(B, {"only b": 1.0}, step)
            journal.log_metrics(A, {"acc": step}, step, 12.5)
            journal.log_metrics(A, {"note": f"step {step}", "raw": bytes([step % 256])}, step)
            expected += [
                ("acc", step, float(step), None, None),
                ("note", step, None, f"step {step}", None),
                ("raw", step, None, None, bytes([step % 256])),
            ]
    journal.close()
    found = sink.rows(A.uid)
    assert [(row["key"], row["step"], row["value"], row["text"], row["blob"]) for row in found] == expected
    logged = [row["wallclock"] + row["delay"] for row in found]
    assert logged == sorted(logged)
    assert [row["step"] for row in sink.rows(B.uid)] == list(range(0, 300, 10))
    assert {batch.object_id for batch in sink.batches.values()} == {A.object_id, B.object_id}
    assert not list(tmp_path.rglob("*.*"))


def test_events_arrive_soon_and_in_order(opened: tuple[Journal, CollectingSink]) -> None:
    journal, sink = opened
    metadata = {"a": [1, 2.5, None, "🙂\ud83d"], "big": 2**70, "nested": {"x": True}}
    for number in range(5):
        journal.log_metrics(A, {"loss": 1.0}, number)
        journal.log_event(A, f"event {number}", "trainer", metadata)
    started = time.monotonic()
    wait_until(lambda: len(sink.events) == 5)
    assert time.monotonic() - started < 1.0
    assert [(event.sequence, event.name) for event in sink.events] == [(n + 1, f"event {n}") for n in range(5)]
    assert sink.events[0].metadata == metadata
    journal.log_event(B, "last")
    journal.deliver_events(5)
    assert sink.events[-1].object_id == B.object_id
    journal.close()
    assert len(sink.events) == 6


def test_nothing_is_made_before_the_first_log_call(tmp_path: Path) -> None:
    threads = threading.active_count()
    journal = Journal(tmp_path / "journals", CollectingSink(), shared=True)
    journal.flush()
    journal.deliver_events()
    assert journal.pending().records == 0
    assert not (tmp_path / "journals").exists()
    assert threading.active_count() == threads
    journal.close()
    journal.close()
    with pytest.raises(InvalidArgumentError, match="closed"):
        journal.log_metrics(A, {"k": 1.0})
    assert not (tmp_path / "journals").exists()


def test_points_of_a_spool_arrive_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "TICK_S", 0.1)
    sink = CollectingSink()
    done = []
    journal = Journal(tmp_path, sink, shared=False, maintain=lambda: done.append(1))
    journal.log_metrics(A, {"k": 1.0})
    wait_until(lambda: len(sink.rows()) == 1 and bool(done), 5)
    wait_until(lambda: journal._files.parked)
    journal.log_metrics(A, {"k": 2.0})
    wait_until(lambda: len(sink.rows()) == 2, 5)
    journal.close()


def test_points_of_a_shared_journal_stay_until_a_file_is_full(tmp_path: Path) -> None:
    sink = CollectingSink()
    journal = Journal(tmp_path, sink, shared=True, file_size=4 * PAGE)
    journal.log_metrics(A, {"k": 1.0})
    journal.flush()
    assert sink.rows() == []
    assert journal.pending().records == 0
    assert [row["value"] for row in rows(read_pending(tmp_path))] == [1.0]
    for step in range(2000):
        journal.log_metrics(A, {"k": float(step)}, step)
    wait_until(lambda: bool(sink.batches))
    seen = {(batch.writer, batch.sequence, batch.uid): batch for batch in [*read_pending(tmp_path), *sink.batches.values()]}
    assert [row["value"] for row in rows([seen[name] for name in sorted(seen)])] == [1.0, *map(float, range(2000))]
    journal.close()
    assert len(sink.rows()) == 2001


@pytest.mark.parametrize("shared", [True, False])
def test_rotation_over_many_files(tmp_path: Path, shared: bool) -> None:
    sink = CollectingSink()
    journal = Journal(tmp_path, sink, shared=shared, file_size=PAGE)
    for step in range(3000):
        journal.log_metrics(A, {"a": float(step), "b": -float(step)}, step)
        if step % 50 == 0:
            journal.log_event(A, str(step))
        if step % 500 == 0:
            journal.flush()
    journal.close()
    assert [row["step"] for row in sink.rows() if row["key"] == "a"] == list(range(3000))
    assert [event.name for event in sink.events] == [str(step) for step in range(0, 3000, 50)]
    assert files(tmp_path) == []


def test_records_larger_than_a_file(tmp_path: Path) -> None:
    sink = CollectingSink()
    journal = Journal(tmp_path, sink, shared=True, file_size=PAGE)
    blob = bytes(range(256)) * 1000
    many = {f"{'🙂' * 50}{n}": float(n) for n in range(1000)}
    journal.log_metrics(A, {"blob": blob, "text": "é" * 50_000})
    journal.log_metrics(A, many)
    journal.log_metrics(A, many)
    journal.log_event(A, "large", metadata={"x": "y" * 100_000})
    journal.log_metrics(A, {"k": 1.0})
    journal.close()
    found = sink.rows()
    assert found[0]["blob"] == blob or found[1]["blob"] == blob
    assert [row["value"] for row in found[2:-1]] == [*map(float, range(1000))] * 2
    assert len(sink.events[0].metadata["x"]) == 100_000


def test_many_threads(opened: tuple[Journal, CollectingSink]) -> None:
    journal, sink = opened

    def work(number: int) -> None:
        for step in range(2000):
            journal.log_metrics(A, {f"thread {number}": float(step), "all": 1.0}, step)
            if step % 200 == 0:
                journal.log_event(A, f"{number}/{step}")
                journal.flush()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    found = sink.rows()
    assert len(found) == 4 * 2000 * 2
    for number in range(4):
        assert [row["step"] for row in found if row["key"] == f"thread {number}"] == list(range(2000))
    logged = [row["wallclock"] for row in found if row["key"] == "all"]
    assert len(set(logged)) == 8000
    assert len(sink.events) == 40


def test_the_sink_fails_for_a_while(opened: tuple[Journal, CollectingSink]) -> None:
    journal, sink = opened
    sink.failure = down()
    for step in range(10):
        journal.log_metrics(A, {"k": float(step)}, step)
        journal.log_event(A, str(step))
    with pytest.raises(UnavailableError, match="the store is down"):
        journal.flush(5)
    with pytest.raises(UnavailableError, match="the store is down"):
        journal.deliver_events(5)
    state = journal.pending()
    assert state.records >= 10
    assert state.oldest_age_s is not None
    assert 0 <= state.oldest_age_s < 60
    assert state.last_error == "the store is down"
    sink.failure = None
    wait_until(lambda: len(sink.events) == 10)
    journal.flush(5)
    wait_until(lambda: journal.pending() == (0, None, None))
    journal.close()
    assert [row["step"] for row in sink.rows()] == list(range(10))
    assert [event.name for event in sink.events] == [str(step) for step in range(10)]


def test_programming_errors_are_kept_and_tried_again(tmp_path: Path) -> None:
    sink = CollectingSink()
    sink.failure = KeyError("a bug")
    journal = Journal(tmp_path, sink, shared=False)
    journal.log_event(A, "e")
    wait_until(lambda: "a bug" in (journal.pending().last_error or ""))
    sink.failure = None
    wait_until(lambda: len(sink.events) == 1)
    journal.close()


@pytest.mark.parametrize("shared", [True, False])
def test_close_with_a_dead_sink_keeps_its_time_and_the_records(tmp_path: Path, shared: bool) -> None:
    sink = CollectingSink()
    sink.failure = down()
    journal = Journal(tmp_path, sink, shared=shared)
    for step in range(10):
        journal.log_metrics(A, {"k": float(step)}, step)
        journal.log_event(A, str(step))
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=str(tmp_path)):
        journal.close(1)
    assert time.monotonic() - started < 2
    other = CollectingSink()
    report = adopt_abandoned(tmp_path, other)
    assert report.writers == [journal.writer]
    assert not report.damage
    assert [row["step"] for row in other.rows()] == list(range(10))
    assert [event.name for event in other.events] == [str(step) for step in range(10)]
    assert list(tmp_path.iterdir()) == []


def test_a_sink_that_hangs(tmp_path: Path) -> None:
    sink = CollectingSink()
    sink.hang.clear()
    journal = Journal(tmp_path, sink, shared=False)
    journal.log_event(A, "e")
    journal.log_metrics(A, {"k": 1.0})
    started = time.monotonic()
    with pytest.raises(UnavailableError):
        journal.flush(0.2)
    with pytest.raises(UnavailableError):
        journal.close(0.3)
    assert time.monotonic() - started < 5
    sink.hang.set()
    other = CollectingSink()
    adopt_abandoned(tmp_path, other)
    assert len(sink.rows() or other.rows()) == 1


def test_adoption_leaves_the_living_alone(tmp_path: Path) -> None:
    sink = CollectingSink()
    journal = Journal(tmp_path, sink, shared=True)
    journal.log_metrics(A, {"k": 1.0})
    assert adopt_abandoned(tmp_path, sink).writers == []
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); from collecting import CollectingSink;"
        "from modelbox.journal import adopt_abandoned, read_pending;"
        "assert adopt_abandoned(Path(sys.argv[1]), CollectingSink()).writers == [];"
        "print(len(read_pending(Path(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parent)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
    journal.close()
    assert len(sink.rows()) == 1


def test_reading_while_another_process_writes(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); from collecting import CollectingSink;"
        "from modelbox.journal import Journal, Target\n"
        "journal = Journal(Path(sys.argv[1]), CollectingSink(), shared=True, file_size=4 << 20)\n"
        "for step in range(60000): journal.log_metrics(Target('o', 'u'), {'k': float(step)}, step)\n"
        "print('done', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        last = 0
        while last < 60_000:
            assert child.poll() is None
            batches = read_pending(tmp_path, "u")
            steps = [step for batch in batches for step in batch.points["step"].to_pylist()]
            assert steps == list(range(len(steps)))
            assert len(steps) >= last
            last = len(steps)
        assert read_pending(tmp_path, "other") == []
        assert child.stdin is not None
        child.kill()
    sink = CollectingSink()
    adopt_abandoned(tmp_path, sink)
    assert len(sink.rows()) == 60_000


def test_the_logging_path_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from modelbox.journal import Journal, Target;"
        "journal = Journal(Path(sys.argv[1]), None, shared=True);"
        "journal.log_metrics(Target('o', 'u'), {'a': 1.0, 'b': 2, 'c': 'x'}); journal.flush();"
        "print(sorted({'pyarrow', 'numpy', 'duckdb', 'grpc', 'fsspec', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_memory_stays_flat_while_logging(tmp_path: Path) -> None:
    """No object that the garbage collector has to look at stays behind for a log call."""
    import gc

    journal = Journal(tmp_path, CollectingSink(), shared=True)
    values = {"a": 1.0, "b": 2.0}
    journal.log_metrics(A, values, 0)
    gc.collect()
    before = len(gc.get_objects())
    for step in range(10_000):
        journal.log_metrics(A, values, step)
    assert len(gc.get_objects()) - before < 100
    journal.close()
