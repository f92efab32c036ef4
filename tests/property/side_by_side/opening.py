"""Opening clients for the machine, and sizes so small that checkpoints, rotations and merges happen within a short run."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import pytest

import modelbox.client
from modelbox import ModelBoxClient
from modelbox.backends.inprocess import opening
from modelbox.journal import Journal
from modelbox.stores.metadata.log import LogMetadataStore
from modelbox.stores.metrics.parquet import ParquetMetricsStore, merging
from services.server_farm import ServerFarm

OpenClient: TypeAlias = Callable[[], ModelBoxClient]
"""Opens another client on the same store."""
Factory: TypeAlias = Callable[[], AbstractContextManager[OpenClient]]
"""Makes a fresh store for each example, and removes it at the end."""

CHECKPOINT_EVERY = 7
JOURNAL_BYTES = 4096
FAN_IN = 3


@contextlib.contextmanager
def tiny_sizes() -> Iterator[None]:
    """Every store opened meanwhile has small journal files, frequent checkpoints and eager merges.

    Only arguments of constructors are chosen here; a client has no way of its own to hand them down.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "LogMetadataStore", functools.partial(LogMetadataStore, checkpoint_every=CHECKPOINT_EVERY))
        patch.setattr(opening, "ParquetMetricsStore", functools.partial(ParquetMetricsStore, take_over_s=0.5))
        patch.setattr(modelbox.client, "Journal", functools.partial(Journal, file_size=JOURNAL_BYTES))
        patch.setattr(merging, "FAN_IN", FAN_IN)
        yield


def server_factory(farm: ServerFarm) -> Factory:
    """A fresh store behind a server in another process."""

    @contextlib.contextmanager
    def factory() -> Iterator[OpenClient]:
        with folder() as path, pytest.MonkeyPatch.context() as patch:
            patch.setenv("MODELBOX_SPOOL_DIR", str(path / "spool"))
            uri = farm.open(path / "store")
            try:
                yield lambda: ModelBoxClient(uri, owner="o")
            finally:
                farm.close(uri)

    return factory


@contextlib.contextmanager
def folder_factory() -> Iterator[OpenClient]:
    """A fresh embedded store in a folder, in memory where the machine has such a file system."""
    with folder() as path:
        yield lambda: ModelBoxClient(path / "store", owner="o")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A fresh folder for an example."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="mbx-machine-", dir=base))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
