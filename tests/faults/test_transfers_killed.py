"""Processes killed by SIGKILL while they upload, and many at once."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import BinaryIO

import pytest

from modelbox.errors import ConflictError
from modelbox.hashing import digest_of, digest_of_stream
from modelbox.records import ArtifactRecord
from modelbox.stores.blobs import BlobItem, FileBlobStore, blob_name
from modelbox.stores.files import ObjectFiles, PosixFiles
from modelbox.transfers import download, materialise, upload
from modelbox.transfers.content import QUIET_NS

FORK = multiprocessing.get_context("fork")  # children that have not used what fork breaks, and start in a moment
SPAWN = multiprocessing.get_context("spawn")
MIB = 1 << 20
TICK_NS = 10_000_000
"""The times of files are those of a clock that ticks so seldom, at worst."""

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # of Python 3.12 and later


@pytest.fixture
def dice() -> random.Random:
    seed = int(os.environ.get("MODELBOX_TEST_SEED", random.randrange(1 << 30)))
    print(f"MODELBOX_TEST_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def big(tmp_path: Path) -> BlobItem:
    path = tmp_path / "big"
    path.write_bytes(os.urandom(64 * MIB))
    digest = digest_of(path.read_bytes())
    return BlobItem(blob_name(digest), digest, 64 * MIB, lambda: open(path, "rb"))


def kill_after(process: BaseProcess, delay_s: float) -> bool:
    """Start a process and kill it; whether it was still at work."""
    process.start()
    time.sleep(delay_s)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join(30)
    return process.exitcode == -signal.SIGKILL


def test_killed_while_uploading_into_a_folder(tmp_path: Path, big: BlobItem, dice: random.Random) -> None:
    kills = parts = 0
    for round_ in range(12):
        files = PosixFiles(tmp_path / f"store{round_}")
        store = FileBlobStore(files)
        kills += kill_after(FORK.Process(target=store.put, args=big), dice.uniform(0.005, 0.12))
        for blob in store.blobs():  # what has a final name is whole
            with store.open(blob.name) as stream:
                assert digest_of_stream(stream)[0] == big.digest
        left = files.files("artifacts/staging")
        parts += bool(left)
        inode = os.stat(files.local_path(left[0].path)).st_ino if left else None
        store.put(*big)
        with store.open(big.name) as stream:
            assert digest_of_stream(stream)[0] == big.digest
        if inode is not None:
            assert os.stat(files.local_path(f"artifacts/{big.name}")).st_ino == inode, "what was sent has not been used"
        assert files.files("artifacts/staging") == []
        files.delete_tree("")
    print(f"{kills} kills, {parts} of them left a part")
    assert kills >= 4


def _put_into_bucket(url: str, path: str, item: tuple[str, str, int]) -> None:
    def source() -> BinaryIO:
        return open(path, "rb")

    FileBlobStore(ObjectFiles(url)).put(*item, source)


def test_killed_while_uploading_into_a_bucket(s3_url: str, tmp_path: Path, big: BlobItem, dice: random.Random) -> None:
    files = ObjectFiles(s3_url)
    store = FileBlobStore(files)
    multipart = files.multipart()
    assert multipart is not None
    key = files.key(f"artifacts/{big.name}")
    process = SPAWN.Process(target=_put_into_bucket, args=(s3_url, str(tmp_path / "big"), big[:3]))
    process.start()
    while process.is_alive() and not any(multipart.parts(key, one.upload_id) for one in multipart.unfinished(key)):
        time.sleep(0.01)
    time.sleep(dice.uniform(0, 0.2))
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join(30)
    if store.size(big.name) is None:
        assert list(store.blobs()) == []
    store.put(*big)
    with store.open(big.name) as stream:
        assert digest_of_stream(stream)[0] == big.digest
    assert multipart.unfinished(key) == []
    files.close()


def test_the_same_upload_from_many_processes(tmp_path: Path, big: BlobItem) -> None:
    files = PosixFiles(tmp_path / "store")
    store = FileBlobStore(files)
    processes = [FORK.Process(target=store.put, args=big) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    with store.open(big.name) as stream:
        assert digest_of_stream(stream)[0] == big.digest
    assert files.files("artifacts/staging") == []


# -- a source that is overwritten


def _rewrite(path: Path, states: list[bytes], step: int, stop: threading.Event, pauses: list[float]) -> None:
    """Write whole states over each other, in place, as a trainer does that does not know better; note how long it paused."""
    with open(path, "r+b", buffering=0) as file:
        turn = 0
        last = time.monotonic()
        while not stop.is_set():
            turn += 1
            state = states[turn % len(states)]  # which is finished, also when it is the last
            for start in range(0, len(state), step):
                os.pwrite(file.fileno(), state[start : start + step], start)
                now = time.monotonic()
                pauses.append(now - last)
                last = now


@pytest.mark.parametrize("size", [20_000, 8 * MIB])
def test_a_source_that_is_overwritten_is_stored_whole_or_refused(tmp_path: Path, size: int) -> None:
    from modelbox.backends.inprocess import open_store

    states = [bytes([number]) * size for number in (1, 2)]
    wholes = {digest_of(state) for state in states}
    path = tmp_path / "checkpoint"
    path.write_bytes(states[0])
    backend = open_store(str(tmp_path / "store"))
    owner = backend.create_experiment(name="e", namespace="n", owner="o")[0].id
    outcomes: list[str] = []
    for round_ in range(100):
        if round_ >= 8 and {*outcomes} == {"stored", "refused"}:
            break
        stop = threading.Event()
        pauses: list[float] = []
        writer = threading.Thread(target=_rewrite, args=(path, states, size // 7, stop, pauses))
        writer.start()
        timer = threading.Timer(0.008 * (round_ % 8) if round_ % 2 else 60, stop.set)  # the last write may fall into the upload
        timer.start()
        try:
            record = upload(backend, owner, f"art{round_}", path)
            outcomes.append("stored")
            digest = record.files[0].digest
        except ConflictError:
            outcomes.append("refused")
            digest = None
        finally:
            timer.cancel()
            stop.set()
            writer.join()
        # A busy machine may hold the writer up, half-way, for so long that the file looks finished: that cannot be told apart.
        assert digest is None or digest in wholes or max(pauses) * 1e9 > QUIET_NS - TICK_NS
    print(outcomes)
    assert "stored" in outcomes
    assert "refused" in outcomes
    backend.close()


def digest_of_file(path: Path) -> str:
    return digest_of(path.read_bytes())


# -- many readers


def _load(store: str, artifact: ArtifactRecord, cache: str, folder: str) -> None:
    from modelbox.backends.inprocess import open_store

    os.environ["MODELBOX_CACHE_DIR"] = cache
    backend = open_store(store)
    for _ in range(3):
        path = materialise(backend, [artifact], single=True)
        download(backend, artifact, folder)
        for file in artifact.files:
            for root in (path, Path(folder)):
                with open(root / file.path, "rb") as stream:
                    assert digest_of_stream(stream)[0] == file.digest
    sys.stdout.flush()
    backend.close()


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[ArtifactRecord]:
    from modelbox.backends.inprocess import open_store

    backend = open_store(str(tmp_path / "store"))
    owner = backend.create_experiment(name="e", namespace="n", owner="o")[0].id
    for number in range(40):
        (tmp_path / "src" / f"d{number % 4}").mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / f"d{number % 4}" / f"{number}").write_bytes(os.urandom(number * 5000))
    yield upload(backend, owner, "art", tmp_path / "src")
    backend.close()


def test_many_processes_load_and_download_at_once(tmp_path: Path, loaded: ArtifactRecord) -> None:
    arguments = (str(tmp_path / "store"), loaded, str(tmp_path / "cache"), str(tmp_path / "dst"))
    processes = [SPAWN.Process(target=_load, args=arguments) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0] * 6
    assert len(os.listdir(tmp_path / "cache" / "trees")) == 1
    assert not [name for _, _, files in os.walk(tmp_path / "dst") for name in files if name.startswith(".")]


def test_killed_while_loading(tmp_path: Path, loaded: ArtifactRecord, dice: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelbox.backends.inprocess import open_store

    backend = open_store(str(tmp_path / "store"))

    def load() -> None:
        materialise(backend, [loaded], single=True)
        os._exit(0)

    kills = 0
    for round_ in range(10):
        monkeypatch.setenv("MODELBOX_CACHE_DIR", str(tmp_path / f"cache{round_}"))
        kills += kill_after(FORK.Process(target=load), dice.uniform(0.001, 0.03))
        for tree in (tmp_path / f"cache{round_}").glob("trees/[0-9a-f]*"):  # what has its name is whole
            assert all(digest_of_file(tree / file.path) == file.digest for file in loaded.files)
        path = materialise(backend, [loaded], single=True)
        for file in loaded.files:
            assert digest_of_file(path / file.path) == file.digest
    print(f"{kills} kills")
    assert kills >= 2
    backend.close()
