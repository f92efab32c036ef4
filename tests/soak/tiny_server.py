"""The ``modelbox`` program, with a store that checkpoints and merges all the time."""

from __future__ import annotations

import functools
import sys

from modelbox.server import signals

if __name__ == "__main__":
    signals.block()  # before any thread starts, as the program does it
    from modelbox.backends.inprocess import assembling
    from modelbox.cli import main
    from modelbox.stores.metadata.log import LogMetadataStore
    from modelbox.stores.metrics.parquet import ParquetMetricsStore, merging

    assembling.LogMetadataStore = functools.partial(LogMetadataStore, checkpoint_every=7)  # type: ignore[misc,assignment]
    assembling.ParquetMetricsStore = functools.partial(ParquetMetricsStore, take_over_s=0.5)  # type: ignore[misc,assignment]
    merging.FAN_IN = 3
    sys.exit(main())
