"""The files of one writer: their numbers are the order in which they are filled."""

from __future__ import annotations

import mmap
import threading
from pathlib import Path

import pytest

from modelbox.journal.segments import Segment, Segments


def test_a_spare_that_took_long_does_not_come_after_later_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adopter delivers files by their numbers, and skips events that are older than the last one it delivered."""
    files = Segments(str(tmp_path), mmap.PAGESIZE)
    files.rotate(None, 0)
    being_made, may_be_made = threading.Event(), threading.Event()
    create = Segment._create

    def slow_in_background(segment: Segment, path: str) -> mmap.mmap:
        if threading.current_thread() is not threading.main_thread():
            being_made.set()
            assert may_be_made.wait(30)
        return create(segment, path)

    monkeypatch.setattr(Segment, "_create", slow_in_background)
    thread = threading.Thread(target=files.prepare)
    thread.start()
    assert being_made.wait(30)
    files.rotate(files.active, 0)
    may_be_made.set()
    thread.join()
    files.rotate(files.active, 0)
    numbers = [segment.number for segment in files.all]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 3
    assert sorted(int(path.stem) for path in tmp_path.rglob("*.journal")) == numbers
    for segment in files.all:
        segment.remove()
    files.release()
