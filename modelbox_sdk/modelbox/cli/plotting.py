"""Series drawn with characters, by plotext."""

from __future__ import annotations

import math
import shutil
import sys
from typing import TYPE_CHECKING

from modelbox.cli.extras import require
from modelbox.cli.tables import printable

if TYPE_CHECKING:
    from modelbox import MetricTable

_WIDTH = 80
_WIDEST = 120
_HEIGHT = 20
_MARKERS = "ox+*#@"
"""Tell series apart where there are no colours."""


def print_plot(table: MetricTable) -> None:
    """Draw the scalars of a table over their steps, each series in a colour; in plain characters when piped.

    Raises:
        ModelBoxError: plotext is not installed.
    """
    require("--plot", "plotext", extra="demo")
    series = _series(table)
    if not series:
        print("no numbers to draw", file=sys.stderr)
        return
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("simple")
    on_terminal = sys.stdout.isatty()
    width = min(_WIDEST, shutil.get_terminal_size((_WIDTH, _HEIGHT)).columns) if on_terminal else _WIDTH
    figure.plot_size(width, _HEIGHT)
    figure.label("step")
    only = next(iter(series)) if len(series) == 1 else None
    figure.title(printable(f"{table.title}: {only}" if only else table.title))
    for index, (key, (steps, values)) in enumerate(series.items()):
        fine = on_terminal or only is not None
        signal = figure.signal(steps, values, marker="braille" if fine else _MARKERS[index % len(_MARKERS)]).lines()
        figure.draw(signal if only else signal.label(printable(key)))
    figure.legend(x=max(0, width - max(map(len, series)) - 16))  # at the right, where a loss leaves room
    print(figure.build().string(colorless=not on_terminal).rstrip("\n"))


def _series(table: MetricTable) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values by key, without texts, bytes and what is not finite; by number of the point where there are no steps."""
    columns = table.to_dict()
    series: dict[str, tuple[list[int], list[float]]] = {}
    for key, step, value in zip(columns["key"], columns["step"], columns["value"], strict=True):
        if isinstance(value, float) and math.isfinite(value):
            steps, values = series.setdefault(key, ([], []))
            steps.append(step)
            values.append(value)
    for steps, values in series.values():
        if len(set(steps)) == 1:
            steps[:] = range(len(values))
    return series
