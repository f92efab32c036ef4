"""Metric points, kept in columnar batches."""

from modelbox.stores.metrics.base import MetricsStore
from modelbox.stores.metrics.parquet import ParquetMetricsStore

__all__ = ["MetricsStore", "ParquetMetricsStore"]
