"""A disk that is full: nothing half-written, nothing lost, and all goes on when there is space again."""

from __future__ import annotations

import contextlib
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sample_store
from modelbox import ModelBoxClient, UnavailableError

MIB = 1 << 20


class SmallDisk:
    """A file system of its own, with little space."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = path / "store"
        self._ballast = path / "ballast"

    def fill(self, keep: int = 0) -> None:
        """Use up all space, but for some bytes."""
        with open(self._ballast, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        if keep:
            with open(self._ballast, "r+b") as file:
                file.truncate(self._ballast.stat().st_size - keep)

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    path = tmp_path / "disk"
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no small file system can be mounted: {done.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def names(store: Path) -> set[str]:
    return {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file() and "journal" not in path.parts}


def test_logging_goes_on(disk: SmallDisk) -> None:
    client = ModelBoxClient(disk.store, owner="o")
    exp = client.create_experiment("e")
    exp.log_metrics({"x": -1.0}, step=-1)
    exp.log_event("before")
    client.flush()
    disk.fill()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for step in range(120):
            exp.log_metrics({"x": float(step), "tensor": bytes(100_000)}, step=step)
        exp.log_event("during")
    assert [str(each.category.__name__) for each in warned] == ["RuntimeWarning"]
    assert "no space" in str(warned[0].message).lower()
    with pytest.raises(UnavailableError, match=r"(?i)no space"):
        client.flush(20)
    assert client.health().waiting > 0
    with pytest.raises(UnavailableError, match=r"(?i)no space"):
        exp.metrics("x")  # never fewer points than were logged
    disk.free()
    assert len(exp.metrics("x")) == 121
    client.flush(60)
    assert client.health().waiting == 0
    assert [event.name for event in exp.events()] == ["before", "during"]
    client.close()
    with ModelBoxClient(disk.store, owner="o") as client:
        exp = client.create_experiment("e")
        assert exp.metrics("x").to_dict()["step"] == list(range(-1, 120))
        assert {len(value) for value in exp.metrics("tensor").to_dict()["value"]} == {100_000}
        assert [event.name for event in exp.events()] == ["before", "during"]
        assert client.check() == []


def test_a_first_log_call_on_a_full_disk(disk: SmallDisk) -> None:
    with ModelBoxClient(disk.store, owner="o") as client:
        exp = client.create_experiment("e")
        disk.fill()
        with pytest.warns(RuntimeWarning, match="kept in memory"):
            exp.log_metrics({"x": 1.0})
        exp.log_event("during")
        disk.free()
    with ModelBoxClient(disk.store, owner="o") as client:
        exp = client.create_experiment("e")
        assert len(exp.metrics("x")) == 1
        assert len(exp.events()) == 1


def test_a_store_cannot_be_created(disk: SmallDisk) -> None:
    disk.fill()
    with pytest.raises(UnavailableError, match="no space"):
        ModelBoxClient(disk.store)
    disk.free()
    with ModelBoxClient(disk.store, owner="o") as client:
        client.create_experiment("e")
        assert client.check() == []


def test_everything_that_writes(disk: SmallDisk, tmp_path: Path) -> None:
    sample_store.build(disk.store)
    truth = sample_store.contents(disk.store)
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(b"0123456789abcdef" * (5 * MIB // 16))
    small.write_bytes(b"small")
    client = ModelBoxClient(disk.store, owner="o")
    before = names(disk.store)
    version = client.get_model("asr").get_version("1")
    exp = next(each for each in client.list_experiments() if each.name == "a")
    attempts: dict[str, Any] = {
        "create": lambda: client.create_experiment("new"),
        "update": lambda: exp.update_metadata("seed", 1),
        "large metadata": lambda: exp.update_metadata("text", "x" * MIB),
        "tag": lambda: client.get_model("asr").move_tag("canary", to=version),
        "delete": lambda: exp.delete() if hasattr(exp, "delete") else client.delete_experiment(exp.id),
        "upload small": lambda: version.upload_artifact("more", small, progress=False),
        "upload large": lambda: version.upload_artifact("more", large, progress=False),
        "upload many": lambda: version.upload_artifact("more", [large, small], progress=False),
        "track": lambda: version.track_artifact("data", "s3://bucket/data"),
        "checkpoint": lambda: sample_store.checkpoint(client),
        "merge": lambda: _merge_again(client),
        "export": lambda: client.export(disk.path / "export"),
    }
    for keep in (0, 4096, 64 << 10):
        disk.fill(keep)
        for what, attempt in attempts.items():
            if keep and what not in ("large metadata", "upload large", "upload many"):
                continue  # small ones succeed
            with pytest.raises(UnavailableError, match="no space"):
                attempt()
            left = names(disk.store) - before
            if what == "upload many":  # content that is whole, for gc to free or for the next upload to use
                assert {(disk.store / name).read_bytes() for name in left} <= {b"small"}
                before |= left
            else:
                assert not left, f"{what} left something"
        assert sample_store.contents(disk.store) == truth
        disk.free()
    assert client.check(verify_content=True) == []
    for what in ("checkpoint", "merge", "update", "upload many", "tag", "track", "create", "delete"):
        attempts[what]()
    assert client.check(verify_content=True) == []
    client.close()
    with ModelBoxClient(disk.store) as client:
        assert {file.path for file in client.get_model("asr").get_version("1").artifact("more").files} == {"large", "small"}


def _merge_again(client: ModelBoxClient) -> None:
    """Merge the points of experiment b, of which there are nine files."""
    exp = next(each for each in client.list_experiments() if each.name == "b")
    sample_store.merge(client, exp)
