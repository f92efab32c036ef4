"""Folders on file systems that differ."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(params=["a disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk, and one on a file system without direct writes, or with other rules for them."""
    if request.param == "a disk":
        yield tmp_path
        return
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no file system in memory")
    path = Path("/dev/shm") / f"modelbox-{os.urandom(8).hex()}"
    path.mkdir()
    yield path
    shutil.rmtree(path)
