"""Damaged, missing and half-written files of a metadata store, and storages that fail at the worst moment."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from modelbox.errors import CorruptStoreError, UnavailableError
from modelbox.stores.files import MemoryFiles
from modelbox.stores.metadata import MetadataStore
from modelbox.stores.metadata.log import LogMetadataStore
from modelbox.stores.metadata.log.encoding import log_path
from modelbox.stores.metadata.log.manifest import read_manifest
from modelbox.testing.metadata_samples import created, datum, experiment, logged, putting, recording, together

CHECKPOINTS = (10, 20, 30)
COUNT = 34


def _fill(files: MemoryFiles) -> None:
    store = LogMetadataStore(files)
    for i in range(1, COUNT + 1):
        name = f"{i:03}"
        store.transact(
            together(
                putting("experiments", experiment(name)),
                putting("metadata", datum(name, "k", i)),
                recording(created(name), logged(name, "event", i)),
            )
        )
        if i in CHECKPOINTS:
            store.checkpoint()
    store.close()


def _check(store: MetadataStore, count: int = COUNT) -> None:
    names = [f"{i:03}" for i in range(1, count + 1)]
    assert [row["id"] for row in store.view().select("experiments")] == names
    assert [row["value"] for row in store.view().select("metadata")] == list(range(1, count + 1))
    assert store.view().get("metadata", "005", "k") == datum("005", "k", 5)
    assert [change.seq for change in store.changes(since=0)] == list(range(1, 2 * count + 1))
    assert [event.name for event in store.events("uid-005")] == ["event"]
    assert store.snapshot()["changes"].num_rows == 2 * count


def _deleted(data: bytes) -> None:
    return None


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _empty(data: bytes) -> bytes:
    return b""


DAMAGES = [_deleted, _cut, _flipped, _empty]


def _checkpoint_files(files: MemoryFiles) -> list[str]:
    return sorted(info.path for folder in ("metadata/checkpoints", "metadata/history") for info in files.walk(folder))


def _damage(files: MemoryFiles, path: str, how: Callable[[bytes], bytes | None]) -> None:
    data = how(files.read(path))
    files.delete(path)
    if data is not None:
        files.write(path, data)


@pytest.mark.parametrize("how", DAMAGES)
def test_any_damaged_file_of_a_checkpoint_is_done_without(how: Callable[[bytes], bytes | None]) -> None:
    whole = MemoryFiles()
    _fill(whole)
    newest = read_manifest(whole, CHECKPOINTS[-1])
    paths = sorted({newest.path, *newest.paths()})
    assert len(paths) >= 5
    for path in paths:
        files = MemoryFiles()
        files._contents = dict(whole._contents)
        live = LogMetadataStore(files)
        assert live.last_seq() == 2 * COUNT
        _damage(files, path, how)
        _check(live)
        store = LogMetadataStore(files)
        _check(store)
        for _ in range(2):  # the store heals: new checkpoints do not build on what is damaged
            store.transact(putting("models", {"id": "m", "name": "m"}))
            store.checkpoint()
        _check(LogMetadataStore(files))


@pytest.mark.parametrize("how", DAMAGES)
def test_all_checkpoints_damaged_leaves_the_log(how: Callable[[bytes], bytes | None]) -> None:
    files = MemoryFiles()
    _fill(files)
    live = LogMetadataStore(files)
    assert live.last_seq() == 2 * COUNT
    for path in _checkpoint_files(files):
        _damage(files, path, how)
    _check(live)
    _check(LogMetadataStore(files))


@pytest.mark.parametrize("how", [_cut, _flipped, _empty])
@pytest.mark.parametrize("number", [31, COUNT])
def test_a_damaged_transaction_is_named(how: Callable[[bytes], bytes], number: int) -> None:
    files = MemoryFiles()
    _fill(files)
    _damage(files, log_path(number), how)
    for _ in range(2):
        store = LogMetadataStore(files)
        with pytest.raises(CorruptStoreError, match=f"{number:020d}.json"):
            store.view()
        with pytest.raises(CorruptStoreError, match=f"{number:020d}.json"):
            store.transact(putting("experiments", experiment("new")))
        store.close()
    assert files.size(log_path(COUNT + 1)) is None


def test_a_transaction_under_a_wrong_number_is_named() -> None:
    files = MemoryFiles()
    _fill(files)
    files.write(log_path(COUNT + 1), files.read(log_path(COUNT)))
    with pytest.raises(CorruptStoreError, match=f"{COUNT + 1:020d}.json is damaged: it is transaction {COUNT}"):
        LogMetadataStore(files).view()


def test_a_log_that_ends_before_its_checkpoints_is_not_taken_for_a_shorter_one() -> None:
    files = MemoryFiles()
    _fill(files)
    for path in _checkpoint_files(files):
        _damage(files, path, _cut)
    files.delete(log_path(15))
    with pytest.raises(CorruptStoreError, match=f"{15:020d}.json is missing"):
        LogMetadataStore(files).view()


class FailingFiles(MemoryFiles):
    """Fails at the operation with a given number, before or after doing it, and at every one after it."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        super().__init__()
        self._contents = dict(contents)
        self.left: int | None = None
        self.after = False

    def _step(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        if self.left is None:
            return operation(*arguments)
        self.left -= 1
        if self.left > 0:
            return operation(*arguments)
        if self.after and self.left == 0:
            operation(*arguments)
        raise UnavailableError("cannot reach the storage")

    def read(self, path: str) -> bytes:
        return self._step(super().read, path)

    def create(self, path: str, data: bytes) -> None:
        self._step(super().create, path, data)

    def write(self, path: str, data: bytes) -> None:
        self._step(super().write, path, data)

    def delete(self, path: str) -> None:
        self._step(super().delete, path)


@pytest.mark.parametrize("after", [False, True])
def test_a_checkpoint_cut_short_at_any_operation_does_no_harm(after: bool) -> None:
    whole = MemoryFiles()
    _fill(whole)
    finished, step = False, 0
    while not finished:
        step += 2 if after else 1
        files = FailingFiles(whole._contents)
        store = LogMetadataStore(files)
        assert store.last_seq() == 2 * COUNT
        files.left, files.after = step, after
        try:
            store.checkpoint()
            finished = True
        except UnavailableError:
            pass
        files.left = None
        _check(store)
        _check(LogMetadataStore(files))
        for _ in range(4):
            store.transact(putting("models", {"id": "m", "name": "m"}))
            store.checkpoint()
        manifests = files.files("metadata/checkpoints")
        assert len(manifests) == 3
        assert len(files.folders("metadata/checkpoints")) <= 4, "leftovers are cleaned up"
        _check(LogMetadataStore(files))
    assert step > 10


class AmbiguousFiles(MemoryFiles):
    """Answers every other exclusive create with an error, having done it or not."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)

    def create(self, path: str, data: bytes) -> None:
        answer = self.random.randrange(5)
        if answer == 0:
            raise UnavailableError("lost before it was done")
        super().create(path, data)
        if answer == 1:
            raise UnavailableError("done, and the answer was lost")
        if answer == 2:
            super().create(path, data)  # as a client does that tries again by itself


def test_an_answer_that_is_lost_commits_once() -> None:
    for seed in range(20):
        files = AmbiguousFiles(seed)
        store, acknowledged = LogMetadataStore(files), []
        for i in range(50):
            try:
                store.transact(recording(created(str(i))))
                acknowledged.append(str(i))
            except UnavailableError:
                continue
        assert [change.object_id for change in LogMetadataStore(files).changes(since=0)] == acknowledged
        assert 30 < len(acknowledged) < 50
