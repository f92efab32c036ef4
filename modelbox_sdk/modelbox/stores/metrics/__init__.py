"""Metric points, kept in columnar batches."""

from modelbox.stores.metrics.base import MetricsStore

__all__ = ["MetricsStore"]
