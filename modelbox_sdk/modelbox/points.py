"""The columns of metric points."""

from __future__ import annotations

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("step", pa.int64(), nullable=False),
        pa.field("wallclock", TIMESTAMP, nullable=False),
        pa.field("value", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("blob", pa.binary()),
        pa.field("delay", pa.int64(), nullable=False),
    ]
)
"""
Exactly one of ``value``, ``text`` and ``blob`` is not null. ``delay`` is the time at which the point was logged minus its
wallclock, in microseconds: 0 where the caller gave no wallclock, so that the column takes no space. Two points of one writer
and one key never have the same logged time.
"""

RESULT_SCHEMA = pa.schema([field for field in SCHEMA if field.name != "delay"])
"""What a read returns."""
