"""Metrics."""

from __future__ import annotations

import math
import random
import struct
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import modelbox
from modelbox import ModelBoxClient
from modelbox.objects.base import ModelBoxObject
from modelbox.testing.backend.logged import each_object

INT64 = (-(2**63), 2**63 - 1)


class Number:
    """Anything with ``__float__``, as NumPy, PyTorch and JAX scalars have it."""

    def __float__(self) -> float:
        return 0.1


def points(obj: ModelBoxObject[Any], *keys: str, **arguments: Any) -> list[tuple[str, int, Any]]:
    """Key, step and value of each point."""
    columns = obj.metrics(*keys, **arguments).to_dict()
    return list(zip(columns["key"], columns["step"], columns["value"], strict=True))


class MetricTests:
    def test_every_object_has_metrics(self, client: ModelBoxClient) -> None:
        for obj in each_object(client):
            obj.log_metrics({"loss": 0.25}, step=3)
            assert points(obj) == [("loss", 3, 0.25)]

    def test_what_was_logged_is_read_at_once_in_order(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        for step in (2, 0, 1, 1):
            exp.log_metrics({"b": step + 0.5, "a": -step}, step=step)
            assert ("b", step, step + 0.5) in points(exp, "b")
        assert points(exp) == [("a", 0, 0), ("a", 1, -1), ("a", 1, -1), ("a", 2, -2)] + [
            ("b", 0, 0.5), ("b", 1, 1.5), ("b", 1, 1.5), ("b", 2, 2.5)
        ]  # fmt: skip

    def test_points_of_one_step_keep_the_order_in_which_they_were_logged(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        for i in range(200):
            exp.log_metrics({"x": i}, step=7, wallclock=1000 - i)
            if i == 100:
                client.flush()
        assert [value for _, _, value in points(exp)] == list(range(200))

    def test_values_survive_exactly(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        values: list[Any] = [
            0.1,
            -0.0,
            5e-324,
            1.7976931348623157e308,
            math.nan,
            math.inf,
            -math.inf,
            2**53,
            -(2**60),
            0,
            True,
            Number(),
        ]
        for step, value in enumerate(values):
            exp.log_metrics({"x": value}, step=step)
        client.flush()
        read = [value for _, _, value in points(exp)]
        assert [struct.pack("d", float(value)) for value in values] == [struct.pack("d", value) for value in read]
        assert {type(value) for value in read} == {float}

    def test_text_and_bytes(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        exp.log_metrics({"s": "π\0🚀", "b": b"\x00\xff", "f": 1.5, "empty": "", "none": b""}, step=1)
        client.flush()
        assert points(exp) == [("b", 1, b"\x00\xff"), ("empty", 1, ""), ("f", 1, 1.5), ("none", 1, b""), ("s", 1, "π\0🚀")]
        table = exp.metrics()
        assert table.to_arrow().column_names == ["key", "step", "wallclock", "value", "text", "blob"]
        assert table.to_arrow()["value"].null_count == 4
        assert exp.metrics("f").to_arrow().column_names == ["key", "step", "wallclock", "value"]

    @pytest.mark.parametrize("value", [2**53 + 1, -(2**63) + 1, 10**400])
    def test_an_int_that_a_double_cannot_hold(self, client: ModelBoxClient, value: int) -> None:
        exp = client.create_experiment("e")
        with pytest.raises(modelbox.InvalidArgumentError, match="big"):
            exp.log_metrics({"ok": 1.0, "big": value})
        assert points(exp) == []

    @pytest.mark.parametrize("value", [None, [1.0], {"a": 1}, 1j, object()])
    def test_other_types_are_refused_by_name(self, client: ModelBoxClient, value: object) -> None:
        exp = client.create_experiment("e")
        with pytest.raises(TypeError, match="bad"):
            exp.log_metrics({"ok": 1.0, "bad": value})
        assert points(exp) == []

    @pytest.mark.parametrize("key", ["a/b", "a.b", "with space", "🚀", "'; --", "x" * 500, "Ünïcode"])
    def test_keys(self, client: ModelBoxClient, key: str) -> None:
        exp = client.create_experiment("e")
        exp.log_metrics({key: 1.0, "other": 2.0})
        assert points(exp, key) == [(key, 0, 1.0)]
        assert exp.metrics(key, "missing").keys == [key]

    def test_keys_that_cannot_be_used(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        for key in ("", "a\0b", "\ud800"):
            with pytest.raises(modelbox.InvalidArgumentError):
                exp.log_metrics({"ok": 1.0, key: 1.0})
        with pytest.raises(TypeError):
            exp.log_metrics({3: 1.0})  # type: ignore[dict-item]
        exp.log_metrics({})
        assert points(exp) == []

    def test_steps(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        for step in (*INT64, -1, None):
            exp.log_metrics({"x": 1.0}, step=step)
        assert [step for _, step, _ in points(exp)] == [INT64[0], -1, 0, INT64[1]]
        for step in (INT64[0] - 1, INT64[1] + 1):
            with pytest.raises(modelbox.InvalidArgumentError, match="step"):
                exp.log_metrics({"x": 1.0}, step=step)
        bad_steps: list[Any] = [1.0, "1", True]
        for step in bad_steps:
            with pytest.raises(TypeError, match="step"):
                exp.log_metrics({"x": 1.0}, step=step)

    def test_wallclocks(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        local = datetime(2024, 1, 2, 3, 4, 5, 678901)  # naive: local time
        given: list[Any] = [1_700_000_000, 1_700_000_000.123456, datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC), local, 0, -1.5]
        expected = [
            datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC),
            datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC), local.astimezone(UTC), datetime(1970, 1, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC),
        ]  # fmt: skip
        for step, wallclock in enumerate(given):
            exp.log_metrics({"x": 1.0}, step=step, wallclock=wallclock)
        exp.log_metrics({"x": 1.0}, step=len(given))
        read = exp.metrics().to_dict()["wallclock"]
        assert read[:-1] == expected
        assert abs(read[-1] - datetime.now(UTC)) < timedelta(seconds=10)
        for bad in (math.nan, math.inf, 1e18):
            with pytest.raises(modelbox.InvalidArgumentError, match="wallclock"):
                exp.log_metrics({"x": 1.0}, wallclock=bad)
        with pytest.raises(TypeError, match="wallclock"):
            exp.log_metrics({"x": 1.0}, wallclock="now")  # type: ignore[arg-type]

    def test_reading_some(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        for step in range(10):
            exp.log_metrics({"a": step, "b": -step, "c": 0}, step=step)
        assert points(exp, "b", start_step=3, end_step=4) == [("b", 3, -3), ("b", 4, -4)]
        assert len(exp.metrics("a", "c")) == 20
        assert len(exp.metrics(start_step=10)) == 0
        assert exp.metrics("nothing").to_arrow().column_names == ["key", "step", "wallclock", "value"]

    def test_thinning_keeps_ends_minima_and_maxima(self, client: ModelBoxClient) -> None:
        rng = random.Random(7)
        exp = client.create_experiment("e")
        series = {"walk": [rng.gauss(0, 1) for _ in range(5000)], "short": [1.0, 2.0, 3.0]}
        for step, value in enumerate(series["walk"]):
            exp.log_metrics({"walk": value} | ({"short": series["short"][step]} if step < 3 else {}), step=step)
        for limit in (4, 5, 50, 999):
            thinned = points(exp, "walk", max_points=limit)
            values = [value for _, _, value in thinned]
            assert len(thinned) <= limit
            assert {0, 4999} <= {step for _, step, _ in thinned}
            assert (min(values), max(values)) == (min(series["walk"]), max(series["walk"]))
            assert thinned == sorted(set(thinned))
            assert points(exp, "short", max_points=limit) == [("short", i, value) for i, value in enumerate(series["short"])]
        assert len(exp.metrics("walk", max_points=50)) > 25
        with pytest.raises(modelbox.InvalidArgumentError, match="max_points is 3"):
            exp.metrics(max_points=3)

    def test_rewinding_hides_what_came_after(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        for step in range(6):
            exp.log_metrics({"x": step}, step=step)
        exp.rewind(2)
        assert points(exp) == [("x", 0, 0), ("x", 1, 1), ("x", 2, 2)]
        for step in (3, 4):
            exp.log_metrics({"x": step * 10}, step=step)
        client.flush()
        assert points(exp) == [("x", 0, 0), ("x", 1, 1), ("x", 2, 2), ("x", 3, 30), ("x", 4, 40)]
        exp.rewind(3)
        exp.rewind(4)
        assert points(exp) == [("x", 0, 0), ("x", 1, 1), ("x", 2, 2), ("x", 3, 30)]
        exp.rewind(-1)
        exp.log_metrics({"x": 0.5}, step=0)
        assert points(exp) == [("x", 0, 0.5)]
        with pytest.raises(TypeError):
            exp.rewind("2")  # type: ignore[arg-type]

    def test_many_threads(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")

        def work(worker: int) -> None:
            for i in range(500):
                exp.log_metrics({f"w{worker}": i, "all": worker * 1000 + i}, step=i)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.flush()
        read = points(exp)
        assert len(read) == len(set(read)) == 4 * 500 * 2
        for worker in range(4):
            assert [value for key, _, value in read if key == f"w{worker}"] == list(range(500))

    def test_health(self, client: ModelBoxClient) -> None:
        exp = client.create_experiment("e")
        exp.log_metrics({"x": 1.0})
        client.flush()
        health = client.health()
        assert health.backend
        assert health.last_error is None
        assert health.oldest_s >= 0
