"""Metrics as lines in a matplotlib figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import modelbox

if TYPE_CHECKING:
    from modelbox import MetricTable


def plot_metrics(table: MetricTable, keys: Sequence[str] = (), ax: Any = None) -> Any:
    """Draw one line for each metric over its steps; NaN and infinities are gaps.

    Args:
        table: The points.
        keys: Which metrics; all that have scalars when empty.
        ax: Axes to draw on; those of a new figure when None.

    Returns:
        The Axes. The figure is not shown: a notebook does that at the end of the cell.

    Raises:
        InvalidArgumentError: The table has no scalar points of a key.
        ModelBoxError: matplotlib is not installed.
    """
    import pyarrow.compute as pc

    pyplot = _pyplot()
    arrow = table.to_arrow()
    scalars = arrow.filter(pc.is_valid(arrow["value"]))
    known = sorted(scalars["key"].unique().to_pylist())
    for key in keys:
        if key not in known:
            some = ", ".join(map(repr, known[:10])) or "none"
            raise modelbox.InvalidArgumentError(f"metric {key!r} has no scalar points to plot; there are points of: {some}")
    if ax is None:
        ax = pyplot.subplots(layout="constrained")[1]
    for key in dict.fromkeys(keys or known):
        rows = scalars.filter(pc.equal(scalars["key"], key))
        steps, values = (rows[name].to_numpy() for name in ("step", "value"))
        ax.plot(steps, values, label=key, marker="o" if len(rows) == 1 else None, linewidth=1.4)
    ax.set_xlabel("step")
    ax.set_title(table.title, parse_math=False)
    _explain(ax)
    return ax


def _explain(ax: Any) -> None:
    """A legend with the keys as they are: matplotlib would leave out those that start with ``_``, and read ``$`` as mathematics."""
    lines = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_child")]
    if not lines:
        ax.text(0.5, 0.5, "no scalar points", transform=ax.transAxes, ha="center", va="center")
        return
    legend = ax.legend(lines, ["."] * len(lines))
    for written, line in zip(legend.get_texts(), lines, strict=True):
        written.set_parse_math(False)
        written.set_text(line.get_label())


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise modelbox.ModelBoxError(f'plotting needs matplotlib ({error}): pip install "modelbox-sdk[notebook]"') from error
    return pyplot
