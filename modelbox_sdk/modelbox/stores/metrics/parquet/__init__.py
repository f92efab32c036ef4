"""Metric points as Parquet segments in a folder or in object storage."""

from modelbox.stores.metrics.parquet.store import ParquetMetricsStore

__all__ = ["ParquetMetricsStore"]
