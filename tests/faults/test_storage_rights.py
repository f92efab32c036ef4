"""Stores that may not be written or not even be read, and places that are no stores."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sample_store
from modelbox import CorruptStoreError, InvalidArgumentError, ModelBoxClient, ModelBoxError, PermissionDeniedError

UNPRIVILEGED = ["unshare", "--user", "--map-user=1000"] if os.geteuid() == 0 else []
"""Root may do anything; in a user namespace where it is somebody else, it is bound to the rights of the owner."""

ATTEMPTS = """
    import json, sys, warnings
    sys.path.insert(0, sys.argv[2])
    import sample_store, modelbox
    outcome = {"read": json.loads(json.dumps(sample_store.contents(sys.argv[1]), default=str))}
    client = modelbox.ModelBoxClient(sys.argv[1], owner="o")
    a = next(exp for exp in client.list_experiments() if exp.name == "a")
    version = client.get_model("asr").get_version("1")
    outcome["loaded"] = (client.load_model("asr", progress=False) / "files" / "empty").exists()
    outcome["findings"] = len(client.check(verify_content=True))

    def refused(name, attempt):
        try:
            attempt()
        except Exception as error:
            outcome[name] = [type(error).__name__, str(error)]

    refused("create", lambda: client.create_experiment("new"))
    refused("update", lambda: a.update_metadata("x", 1))
    refused("upload", lambda: version.upload_artifact("more", __file__ if "__file__" in dir() else sys.executable, progress=False))
    refused("checkpoint", lambda: sample_store.checkpoint(client))
    refused("gc", lambda: client.collect_garbage())
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for step in range(100):
            a.log_metrics({"late": step}, step=step)
        a.log_event("late")
    outcome["warned"] = [str(each.message) for each in warned]
    refused("flush", lambda: client.flush(5))
    refused("close", lambda: client.close(1))
    print(json.dumps(outcome))
"""


@pytest.fixture
def unprivileged() -> None:
    if UNPRIVILEGED and subprocess.run([*UNPRIVILEGED, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root cannot give up its privileges here: no user namespaces")


@pytest.fixture
def place(unprivileged: None) -> Iterator[Path]:
    """A folder that other users can reach, which pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="mbx-rights-"))
    path.chmod(0o755)
    yield path
    for folder in [path, *(each for each in path.rglob("*") if each.is_dir())]:
        folder.chmod(0o755)
    shutil.rmtree(path)


def attempts(store: Path, cache: Path) -> dict[str, Any]:
    """What a process finds that may not write; not even as root."""
    environment = os.environ | {"MODELBOX_CACHE_DIR": str(cache), "MODELBOX_SPOOL_DIR": str(cache), "HOME": str(cache)}
    done = subprocess.run(
        [*UNPRIVILEGED, sys.executable, "-c", textwrap.dedent(ATTEMPTS), str(store), str(Path(sample_store.__file__).parent)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=environment,
        cwd=str(cache),
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def examine(outcome: dict[str, Any], truth: dict[str, Any]) -> None:
    assert outcome["read"] == json.loads(json.dumps(truth, default=str))
    assert outcome["loaded"]
    assert outcome["findings"] == 0
    for what in ("create", "update", "upload", "checkpoint"):
        assert outcome[what][0] == "PermissionDeniedError", (what, outcome[what])
        assert "store" in outcome[what][1]
    assert len(outcome["warned"]) == 1
    assert outcome["flush"][0] in ("UnavailableError", "PermissionDeniedError")


@pytest.fixture
def readable(sound_sample: Path, place: Path) -> tuple[Path, Path]:
    store = Path(shutil.copytree(sound_sample, place / "store"))
    cache = place / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    for path in [store, *store.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return store, cache


def test_a_folder_that_may_only_be_read(sound_sample: Path, readable: tuple[Path, Path]) -> None:
    examine(attempts(*readable), sample_store.contents(sound_sample))


def log_late(exp: Any) -> None:
    for step in range(20):
        exp.log_metrics({"late": step}, step=step)


def test_a_file_system_that_is_read_only(sound_sample: Path, tmp_path: Path) -> None:
    disk, cache = tmp_path / "disk", tmp_path / "cache"
    disk.mkdir()
    cache.mkdir()
    cache.chmod(0o777)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted: {mounted.stderr.strip()}")
    try:
        disk.chmod(0o755)
        shutil.copytree(sound_sample, disk / "store")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        truth = sample_store.contents(sound_sample)
        assert sample_store.contents(disk / "store") == truth
        with ModelBoxClient(disk / "store", owner="o") as client:
            assert client.check(verify_content=True) == []
            with pytest.raises(PermissionDeniedError, match="read-only"):
                client.create_experiment("new")
            a = next(exp for exp in client.list_experiments() if exp.name == "a")
            with pytest.warns(RuntimeWarning, match=r"(?i)read-only") as warned:
                log_late(a)
            assert len(warned) == 1
            with pytest.raises(ModelBoxError, match="only in memory"):
                client.flush(5)
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
            client.flush(30)
            assert len(a.metrics("late")) == 20
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def in_other_process(code: str, *arguments: object, cwd: Path) -> str:
    """What a process without privileges prints."""
    command = [*UNPRIVILEGED, sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=cwd).stdout


OPEN = """
    import sys, modelbox
    try:
        modelbox.ModelBoxClient(sys.argv[1]).list_experiments()
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("part", ["store", "store/modelbox.json", "store/metadata", "store/metadata/log", "."])
def test_no_permission_at_all(readable: tuple[Path, Path], place: Path, part: str) -> None:
    (place / part).chmod(0)
    try:
        told = in_other_process(OPEN, readable[0], cwd=Path("/"))
    finally:
        (place / part).chmod(0o755)
    assert told.startswith("PermissionDeniedError"), told
    assert str(place) in told


def test_journals_that_may_not_be_read(readable: tuple[Path, Path], place: Path) -> None:
    (place / "store").chmod(0o755)
    (place / "store/journal").mkdir(exist_ok=True)
    (place / "store/journal").chmod(0)
    code = OPEN.replace(".list_experiments()", ".list_experiments()[0].metrics()")
    told = in_other_process(code, readable[0], cwd=Path("/"))
    assert told.startswith("PermissionDeniedError"), told  # never fewer points than there are


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda path: path.write_text("a file"), InvalidArgumentError, "not a folder"),
        (lambda path: (path.mkdir(), (path / "notes.txt").touch()), InvalidArgumentError, "not a ModelBox store"),
        (lambda path: (path.mkdir(), (path / "modelbox.json").write_text("{}")), CorruptStoreError, "modelbox.json"),
        (lambda path: (path.mkdir(), (path / "modelbox.json").write_bytes(b"\xff\0")), CorruptStoreError, "modelbox.json"),
        (lambda path: (path.mkdir(), (path / "modelbox.json").write_text("")), CorruptStoreError, "modelbox.json"),
        (lambda path: (path.mkdir(), (path / "modelbox.json").write_text("[1]")), CorruptStoreError, "modelbox.json"),
        (
            lambda path: (path.mkdir(), (path / "modelbox.json").write_text('{"format": "modelbox-store", "version": 99}')),
            InvalidArgumentError,
            "upgrade",
        ),
        (
            lambda path: (path.mkdir(), (path / "modelbox.json").write_text('{"format": "other", "version": 1}')),
            InvalidArgumentError,
            "something else",
        ),
        (lambda path: (path.mkdir(), (path / "modelbox.json").mkdir()), ModelBoxError, "store"),
        (lambda path: os.mkfifo(path), InvalidArgumentError, "not a folder"),
        (lambda path: path.symlink_to("nowhere"), ModelBoxError, "place"),
        (lambda path: path.symlink_to(path.name), ModelBoxError, "place"),
    ],
)
def test_places_that_are_no_stores(tmp_path: Path, make: Any, kind: type[ModelBoxError], message: str) -> None:
    place = tmp_path / "place"
    make(place)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(kind, match=message):
        ModelBoxClient(place)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("below", ["file/store", "file/deep/store", "x" * 300, "nul\0nul"])
def test_paths_that_cannot_be(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((ModelBoxError, ValueError)) as refused:
        ModelBoxClient(tmp_path / below)
    assert isinstance(refused.value, ModelBoxError), repr(refused.value)
