"""Metric points that have been read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelbox.records import datetime_from_us

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class MetricTable:
    """Points of one object, ordered by key, step, and the order in which they were logged.

    Columns: ``key``, ``step`` (int64), ``wallclock`` (microseconds, UTC), ``value`` (float64, null for a text or bytes point), and
    ``text`` and ``blob`` when such points are there.
    """

    def __init__(self, table: pa.Table, *, title: str = "") -> None:
        self._table = table.drop_columns([name for name in ("text", "blob") if table[name].null_count == len(table)])
        self._title = title

    @property
    def title(self) -> str:
        """What the points hang on."""
        return self._title

    @property
    def keys(self) -> list[str]:
        """The metrics that have points, sorted."""
        return sorted(self._table["key"].unique().to_pylist())

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"<MetricTable of {self._title!r}: {len(self)} points of {len(self.keys)} metrics>"

    def to_arrow(self) -> pa.Table:
        """The points as an Arrow table."""
        return self._table

    def to_pandas(self) -> pd.DataFrame:
        """The points as a pandas DataFrame; pandas has to be installed (``modelbox-sdk[notebook]``)."""
        frame: pd.DataFrame = self._table.to_pandas()
        return frame

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns ``key``, ``step``, ``wallclock`` (datetime) and ``value``, each value as it was logged: float, str or bytes."""
        values = self._table["value"].to_pylist()
        for name in ("text", "blob"):
            if name in self._table.column_names:
                pairs = zip(values, self._table[name].to_pylist(), strict=True)
                values = [value if instead is None else instead for value, instead in pairs]
        return {
            "key": self._table["key"].to_pylist(),
            "step": self._table["step"].to_pylist(),
            "wallclock": [datetime_from_us(us) for us in self._table["wallclock"].cast("int64").to_pylist()],
            "value": values,
        }

    def plot(self, *keys: str, ax: Any = None) -> Any:
        """Draw the scalar series over their steps with matplotlib (``modelbox-sdk[notebook]``).

        Args:
            *keys: Which metrics; all when none is given.
            ax: Axes to draw on; new ones when None.

        Returns:
            The Axes.
        """
        from modelbox.display import plot_metrics

        return plot_metrics(self, keys, ax)

    def _repr_html_(self) -> str:
        from modelbox.display import metrics_html

        return metrics_html(self)
