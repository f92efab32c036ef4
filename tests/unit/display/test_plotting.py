"""Plots with matplotlib."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import modelbox

matplotlib = pytest.importorskip("matplotlib", reason="needs modelbox-sdk[notebook]")


@pytest.fixture(autouse=True)
def pyplot(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    matplotlib.use("agg")
    from matplotlib import pyplot

    monkeypatch.setattr(pyplot, "show", lambda *_, **__: pytest.fail("a plot must not show itself"))
    yield pyplot
    pyplot.close("all")


@pytest.fixture
def experiment() -> Iterator[modelbox.Experiment]:
    with modelbox.ModelBoxClient("memory://") as client:
        yield client.create_experiment("run $7")


def test_one_line_for_each_metric(experiment: modelbox.Experiment) -> None:
    for step in range(5):
        experiment.log_metrics({"loss": math.nan if step == 2 else 1.0 / (step + 1), "acc": step / 5}, step=step * 10)
    experiment.log_metrics({"note": "text is not drawn", "single": 1.0})
    axes = experiment.metrics().plot()
    assert [line.get_label() for line in axes.get_lines()] == ["acc", "loss", "single"]
    loss = axes.get_lines()[1]
    assert loss.get_xdata().tolist() == [0, 10, 20, 30, 40]
    assert math.isnan(loss.get_ydata()[2])
    assert axes.get_xscale() == axes.get_yscale() == "linear"
    axes.figure.canvas.draw()


def test_chosen_metrics_on_given_axes(experiment: modelbox.Experiment, pyplot: Any) -> None:
    experiment.log_metrics({"a": 1.0, "b": 2.0, "c": 3.0})
    _, axes = pyplot.subplots()
    table = experiment.metrics()
    assert table.plot("c", "a", ax=axes) is axes
    assert [line.get_label() for line in axes.get_lines()] == ["c", "a"]
    assert pyplot.get_fignums() == [axes.figure.number]


def test_names_that_mean_something_to_matplotlib(experiment: modelbox.Experiment) -> None:
    names = ["$broken_{", "\\frac", "_hidden", "a^b"]
    experiment.log_metrics(dict.fromkeys(names, 1.0))
    axes = experiment.metrics().plot()
    axes.figure.canvas.draw()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == names
    assert axes.get_title() == "run $7"


def test_nothing_to_draw(experiment: modelbox.Experiment) -> None:
    axes = experiment.metrics().plot()
    axes.figure.canvas.draw()
    assert "no scalar points" in [text.get_text() for text in axes.texts]


def test_an_unknown_metric(experiment: modelbox.Experiment) -> None:
    experiment.log_metrics({"loss": 1.0, "note": "text"})
    for key in ("acc", "note"):
        with pytest.raises(
            modelbox.InvalidArgumentError, match=f"'{key}' has no scalar points to plot; there are points of: 'loss'"
        ):
            experiment.metrics().plot(key)


def test_without_matplotlib(experiment: modelbox.Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment.log_metrics({"loss": 1.0})
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(modelbox.ModelBoxError, match=r'pip install "modelbox-sdk\[notebook\]"'):
        experiment.metrics().plot()
