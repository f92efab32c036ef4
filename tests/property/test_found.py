"""What the machine and the soak have found, each in as few calls as show it."""

from __future__ import annotations

from modelbox import ModelBoxClient


def test_thinning_an_object_without_points() -> None:
    with ModelBoxClient("memory://", owner="o") as client:
        exp = client.create_experiment("e")
        assert len(exp.metrics(max_points=4)) == 0
        exp.log_metrics({"x": 1.0})
        assert len(exp.metrics("y", max_points=4)) == 0
