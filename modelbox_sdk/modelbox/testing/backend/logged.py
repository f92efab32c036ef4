"""Metadata, events and spans."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import modelbox
from modelbox import ModelBoxClient
from modelbox.objects.base import ModelBoxObject


def each_object(client: ModelBoxClient) -> list[ModelBoxObject[Any]]:
    """One object of each type."""
    exp = client.create_experiment("e")
    model = client.create_model("m")
    return [exp, model, model.create_version("1"), exp.track_artifact("a", "s3://bucket/key")]


class MetadataTests:
    def test_every_object_has_metadata(self, client: ModelBoxClient) -> None:
        for obj in each_object(client):
            obj.update_metadata({"kind": type(obj).__name__})
            assert obj.metadata() == {"kind": type(obj).__name__}

    def test_it_merges_at_the_top_level(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e", metadata={"a": 1, "b": {"x": 1, "y": 2}})
        exp.update_metadata({"b": {"z": 3}, "c": None})
        exp.update_metadata("seed", 7)
        exp.update_metadata({})
        assert exp.metadata() == {"a": 1, "b": {"z": 3}, "c": None, "seed": 7}

    def test_values_survive_exactly(self, client: ModelBoxClient) -> None:
        values = {
            "int": 42, "float": 42.0, "tiny": 5e-324, "big": 2**70, "true": True, "none": None, "text": "π\n\0🚀", "": "empty key",
            "nested": {"list": [1, [2.5, "x", {"k": []}]], "dict": {}}, "a/b.c d": 1, "tuple": (1, 2),
        }  # fmt: skip
        exp = client.create_experiment("e", metadata=values)
        read = exp.metadata()
        assert read == {**values, "tuple": [1, 2]}
        assert [type(read[key]) for key in ("int", "float", "true", "big")] == [int, float, bool, int]
        assert list(read) == sorted(values)

    def test_a_megabyte(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        exp.update_metadata({f"key-{i}": "x" * 1000 for i in range(1000)})
        assert len(exp.metadata()) == 1000

    @pytest.mark.parametrize("value", [math.nan, math.inf, {1}, object(), b"x", {"a": {1: 2}}, ["\ud800"], 1j])
    def test_what_json_cannot_hold_is_refused(self, client: ModelBoxClient, value: object) -> None:
        exp = client.create_experiment("e", metadata={"a": 1})
        with pytest.raises(modelbox.InvalidArgumentError, match=r"metadata\['bad'\]"):
            exp.update_metadata({"good": 1, "bad": value})
        with pytest.raises(modelbox.InvalidArgumentError, match=r"metadata\['bad'\]"):
            client.create_experiment("other", metadata={"bad": value})
        assert exp.metadata() == {"a": 1}
        assert len(client.list_experiments()) == 1

    def test_updating_touches_the_object(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        exp.update_metadata("a", 1)
        assert client.get_experiment(exp.id).updated_at > exp.updated_at


class EventTests:
    def test_every_object_has_events(self, client: ModelBoxClient) -> None:
        for obj in each_object(client):
            obj.log_event("happened", source="test", metadata={"n": 1})
            (event,) = obj.events()
            assert (event.name, event.source, event.metadata, event.object_id) == ("happened", "test", {"n": 1}, obj.id)
            assert abs(event.wallclock - datetime.now(UTC)) < timedelta(seconds=10)

    def test_they_come_in_the_order_of_their_wallclock(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        exp.log_event("second", wallclock=1_700_000_000.5)
        exp.log_event("third", wallclock=datetime(2023, 11, 14, 22, 13, 20, 500_001, tzinfo=UTC))
        exp.log_event("first", wallclock=1_700_000_000)
        exp.log_event("fourth", wallclock=1_700_000_000.500001)
        assert [event.name for event in exp.events()] == ["first", "second", "third", "fourth"]
        assert [event.wallclock.microsecond for event in exp.events()] == [0, 500_000, 500_001, 500_001]
        assert [event.name for event in exp.events(since=1_700_000_000.5)] == ["second", "third", "fourth"]
        assert [event.name for event in exp.events(since=exp.events()[2].wallclock)] == ["third", "fourth"]

    def test_the_same_event_may_be_logged_again(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        for _ in range(3):
            exp.log_event("tick", wallclock=1)
        assert len(exp.events()) == 3

    def test_a_span(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        with exp.span("epoch", epoch=3):
            exp.log_event("inside")
        with pytest.raises(KeyError), exp.span("epoch", epoch=4):
            raise KeyError("lost")
        events = exp.events()
        assert [event.name for event in events] == ["epoch_started", "inside", "epoch_finished", "epoch_started", "epoch_finished"]
        assert events[0].metadata == {"epoch": 3}
        assert events[2].metadata["epoch"] == 3
        assert events[2].metadata["duration_s"] >= 0
        assert "error" not in events[2].metadata
        assert events[4].metadata["error"] == "KeyError: 'lost'"

    def test_bad_events_are_refused(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        with pytest.raises(modelbox.InvalidArgumentError):
            exp.log_event("")
        with pytest.raises(TypeError):
            exp.log_event(3)  # type: ignore[arg-type]
        with pytest.raises(modelbox.InvalidArgumentError, match="metadata"):
            exp.log_event("e", metadata={"x": math.nan})
        assert exp.events() == []
