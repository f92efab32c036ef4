"""Rewinds of several processes."""

from __future__ import annotations

from pathlib import Path

from modelbox import ModelBoxClient


def test_an_older_rewind_that_commits_later_takes_nothing_back(tmp_path: Path) -> None:
    with ModelBoxClient(tmp_path / "store") as client:
        exp = client.create_experiment("e")
        backend, journal = client._session.backend, client._session.journal
        exp.log_metrics({"x": 1.0}, step=2)
        older = journal.now_us()
        exp.log_metrics({"x": 2.0}, step=10)
        newer = journal.now_us()
        backend.rewind(exp.id, step=5, at_us=newer)
        backend.rewind(exp.id, step=3, at_us=older)
        assert exp.metrics("x").to_dict()["step"] == [2]
        exp.log_metrics({"x": 3.0}, step=4)
        assert exp.metrics("x").to_dict()["step"] == [2, 4]
