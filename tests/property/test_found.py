"""What the machine and the soak have found, each in as few calls as show it."""

from __future__ import annotations

import pytest

import modelbox
from modelbox import ModelBoxClient


def test_thinning_an_object_without_points() -> None:
    with ModelBoxClient("memory://", owner="o") as client:
        exp = client.create_experiment("e")
        assert len(exp.metrics(max_points=4)) == 0
        exp.log_metrics({"x": 1.0})
        assert len(exp.metrics("y", max_points=4)) == 0


def test_a_refusal_to_delete_names_the_tags_in_order() -> None:
    with ModelBoxClient("memory://", owner="o") as client:
        model = client.create_model("m")
        model.create_version("1", unique_tags=["prod", "canary"])
        for refused in (lambda: client.delete_model(model.id), lambda: model.delete_version("1")):
            with pytest.raises(modelbox.ConflictError, match="holds the unique tags 'canary', 'prod'"):
                refused()
