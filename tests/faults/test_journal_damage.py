"""Files that were cut, flipped or that there is no space for."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "unit" / "journal"))

from collecting import CollectingSink, down

from modelbox.errors import CorruptStoreError, UnavailableError
from modelbox.journal import (
    Journal,
    Target,
    adopt_abandoned,
    layout,
    read_pending,
    scan_pending,
)

TARGET = Target("object", "uid")


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A journal of a dead writer with three batches of 20 points each, and an event after each 10 points."""
    sink = CollectingSink()
    journal = Journal(tmp_path, sink, shared=False, file_size=1 << 16)
    sink.failure = down()
    for step in range(60):
        journal.log_metrics(TARGET, {"k": float(step)}, step)
        if step % 10 == 9:
            journal.log_event(TARGET, str(step))
        if step % 20 == 19:
            with pytest.raises(UnavailableError):
                journal.flush(5)
    with pytest.raises(UnavailableError):
        journal.close(0)
    (path,) = tmp_path.rglob("*.journal")
    return path


def read(folder: Path) -> tuple[list[int], list[CorruptStoreError]]:
    found = scan_pending(folder)
    return [step for batch in found.batches for step in batch.points["step"].to_pylist()], found.damage


def records(data: bytes) -> list[tuple[int, int, int]]:
    """Offset, size and kind of each record."""
    found, at = [], layout.HEADER_SIZE
    while True:
        _, size, kind, _, _ = layout.HEAD.unpack_from(data, at)
        if not size:
            return found
        found.append((at, size, kind))
        at += size


def test_a_torn_tail_is_dropped_in_silence(left: Path) -> None:
    whole = left.read_bytes()
    all_records = records(whole)
    for at, size, kind in all_records[-30:]:
        cut = at + random.randrange(1, size)
        torn = whole[:cut] + bytes(len(whole) - cut)
        left.write_bytes(torn)
        steps, damage = read(left.parents[1])
        before = sum(1 for offset, _, its in all_records if its == layout.SCALARS and offset < at)
        rest = not any(whole[cut : at + size])  # only padding was cut
        assert steps == list(range(before + (rest and kind == layout.SCALARS)))
        assert damage == []
        left.write_bytes(torn[: cut & ~7])  # the file itself is shorter
        assert read(left.parents[1])[1] == []
    left.write_bytes(b"")
    assert read(left.parents[1]) == ([], [])


def test_a_flipped_bit_costs_one_record_and_is_reported(left: Path) -> None:
    whole = left.read_bytes()
    all_records = records(whole)
    end = all_records[-1][0]
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(300):
        flipped = bytearray(whole)
        at = chance.randrange(end)
        flipped[at] ^= 1 << chance.randrange(8)
        left.write_bytes(flipped)
        steps, damage = read(left.parents[1])
        if at < layout.HEADER_SIZE:
            assert (steps, damage) == (list(range(60)), [])
            continue
        (kind,) = [its for offset, size, its in all_records if offset <= at < offset + size]
        assert len(steps) == (59 if kind == layout.SCALARS else 60), at
        (error,) = damage
        assert str(left) in str(error)
        batches = [(batch.sequence, batch.points.num_rows) for batch in read_pending(left.parents[1])]
        assert [sequence for sequence, _ in batches] == sorted({sequence for sequence, _ in batches})
    sink = CollectingSink()
    report = adopt_abandoned(left.parents[1], sink)
    assert len(report.damage) <= 1
    assert len(sink.rows()) >= 59
    assert not list(left.parents[1].rglob("*.journal"))
    assert len(list(left.parents[1].rglob("*.damaged"))) == len(report.damage)
    assert adopt_abandoned(left.parents[1], sink).damage == []


def test_a_lost_header_and_foreign_files(left: Path) -> None:
    whole = left.read_bytes()
    left.write_bytes(b"\xff" * layout.HEADER_SIZE + whole[layout.HEADER_SIZE :])
    steps, (error,) = read(left.parents[1])
    assert steps == []
    assert "header" in str(error)
    left.write_bytes(whole)
    (left.parent / "notes.journal").write_text("not ours")
    (left.parents[1] / "file").write_text("not ours")
    steps, (error,) = read(left.parents[1])
    assert len(steps) == 60
    assert "notes.journal" in str(error)


def test_a_journal_of_a_newer_format_is_left_alone(left: Path) -> None:
    whole = left.read_bytes()
    header = layout.decode_header(whole)
    assert header is not None
    left.write_bytes(layout.encode_header(header._replace(version=99)) + whole[layout.HEADER_SIZE :])
    report = adopt_abandoned(left.parents[1], CollectingSink())
    assert "format 99" in str(report.damage[0])
    assert left.exists()
    assert "format 99" in str(read(left.parents[1])[1][0])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no permission to mount a small file system: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize("shared", [True, False])
def test_a_full_disk(small_disk: Path, shared: bool) -> None:
    sink = CollectingSink()
    journal = Journal(small_disk / "journals", sink, shared=shared, file_size=64 << 10)
    journal.log_metrics(TARGET, {"k": 0.0}, 0)
    journal.flush()
    filler = small_disk / "filler"
    fill(filler)
    sink.failure = down()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for step in range(1, 10_000):
            journal.log_metrics(TARGET, {"k": float(step)}, step)
    assert caught[0].category is RuntimeWarning
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        journal.log_metrics(TARGET, {"k": 10_000.0}, 10_000)
        journal.log_event(TARGET, "e")
    with pytest.raises(UnavailableError, match="only in memory"):
        journal.flush(5)
    assert journal.pending().records > 1000
    filler.unlink()
    sink.failure = None
    journal.flush(5)
    assert journal.pending().records == 0
    assert [event.name for event in sink.events] == ["e"]
    journal.close()
    assert [row["step"] for row in sink.rows()] == list(range(10_001))
    assert list((small_disk / "journals").iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "journals").write_text("a file is in the way")
    sink = CollectingSink()
    journal = Journal(tmp_path / "journals", sink, shared=True)
    with pytest.warns(RuntimeWarning, match="journals"):
        journal.log_metrics(TARGET, {"k": 1.0})
    with pytest.raises(UnavailableError, match="only in memory"):
        journal.flush(5)
    (tmp_path / "journals").unlink()
    journal.flush(5)
    assert len(read_pending(tmp_path / "journals")) == 1
    assert os.listdir(tmp_path / "journals") == [journal.writer]
    journal.log_metrics(TARGET, {"k": 2.0})
    journal.close()
    assert [row["value"] for row in sink.rows()] == [1.0, 2.0]
