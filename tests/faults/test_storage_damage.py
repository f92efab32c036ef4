"""Files of a store that were cut or whose bits were flipped, at random places: never wrong data, never a foreign exception."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sample_store
from modelbox import ChecksumError, CorruptStoreError, InvalidArgumentError, ModelBoxClient

ROUNDS = int(os.environ.get("MODELBOX_TEST_ROUNDS", "6"))


@pytest.fixture
def dice() -> random.Random:
    seed = int(os.environ.get("MODELBOX_TEST_SEED", random.randrange(1 << 30)))
    print(f"MODELBOX_TEST_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(scope="module")
def truth(sound_sample: Path) -> dict[str, Any]:
    return sample_store.contents(sound_sample)


@pytest.fixture
def store(sound_sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound_sample, tmp_path / "store"))


def damages(path: Path, dice: random.Random, rounds: int = ROUNDS) -> Iterator[str]:
    """Damage a file in one way after another, and mend it in the end."""
    sound = path.read_bytes()
    path.chmod(0o644)
    for round_ in range(rounds):
        damaged = bytearray(sound)
        at = dice.randrange(len(sound))
        if round_ % 3 == 0:
            del damaged[at:]
            how = f"cut at {at}"
        elif round_ % 3 == 1:
            damaged[at] ^= 1 << dice.randrange(8)
            how = f"a bit flipped at {at}"
        else:
            block = damaged[at : at + 512]
            damaged[at : at + 512] = bytes(len(block)) if any(block) else b"\xff" * len(block)
            how = f"a sector blank at {at}"
        path.write_bytes(damaged)
        yield how
    path.write_bytes(sound)


def merged(store: Path) -> Path:
    (found,) = store.glob("metrics/*/merged-*.parquet")
    return found


def batch_of_b(store: Path) -> Path:
    alone = next(path for path in sorted((store / "metrics").iterdir()) if not (path / "merge").exists())
    return sorted(alone.glob("*.parquet"))[3]


def newest(store: Path, pattern: str) -> Path:
    return sorted(store.glob(pattern))[-1]


A, B = {"metrics of a", "one key of a", "sql"}, {"metrics of b", "sql"}

CASES: dict[str, tuple[Callable[[Path], Path], set[str]]] = {
    "a merged segment": (merged, A),
    "a segment": (batch_of_b, B),
    "the record of a merge": (lambda store: newest(store, "metrics/*/merge/*.json"), A),
    "a manifest": (lambda store: newest(store, "metadata/checkpoints/*.json"), set()),
    "the state of a checkpoint": (lambda store: newest(store, "metadata/checkpoints/*/state.json"), set()),
    "a table of a checkpoint": (lambda store: newest(store, "metadata/checkpoints/*/artifact_files.parquet"), set()),
    "metadata in a checkpoint": (lambda store: newest(store, "metadata/checkpoints/*/metadata.parquet"), set()),
    "a piece of history": (lambda store: newest(store, "metadata/history/*.parquet"), set()),
    "an old file of the log": (lambda store: sorted(store.glob("metadata/log/*"))[2], set()),
    "a file of the log": (lambda store: newest(store, "metadata/log/*"), set(sample_store.PARTS)),
}
"""What is damaged, and which reads need it."""


def attempt(read: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """What a read gives, or how it is refused."""
    try:
        return read(*arguments), ""
    except (CorruptStoreError, InvalidArgumentError) as error:
        return None, str(error)


@pytest.mark.parametrize("case", CASES)
def test_damaged_files(store: Path, truth: dict[str, Any], dice: random.Random, case: str) -> None:
    choose, affected = CASES[case]
    path = choose(store)
    refused = 0
    for how in damages(path, dice):
        with ModelBoxClient(store, owner="o") as client:
            for name, read in sample_store.PARTS.items():
                found, refusal = attempt(read, client)
                if refusal:
                    refused += 1
                    assert name in affected, f"{case}, {how}: {name} cannot be read: {refusal}"
                    assert path.name in refusal, f"{case}, {how}: the error does not name the file: {refusal}"
                else:
                    assert found == truth[name], f"{case}, {how}: {name} is wrong"
            assert path.as_uri() in [finding.file for finding in client.check()], f"{case}, {how}: modelbox doctor is content"
    assert refused or not affected
    assert sample_store.contents(store) == truth


def test_the_marker(store: Path, truth: dict[str, Any], dice: random.Random) -> None:
    path = store / "modelbox.json"
    for _ in damages(path, dice, 20):
        found, refusal = attempt(sample_store.contents, store)
        assert found == truth or "modelbox.json" in refusal or "format" in refusal
    assert sample_store.contents(store) == truth


@pytest.mark.parametrize("what", ["weights.bin", "deep/config.json"])
def test_damaged_content(store: Path, tmp_path: Path, dice: random.Random, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    with ModelBoxClient(store, owner="o") as client:
        version = client.get_model("asr").get_version("1")
        artifact = version.artifact("files")
        file = next(file for file in artifact.files if file.path == what)
        with artifact.open(what) as stream:
            sound = stream.read()
        (path,) = store.glob(f"artifacts/blake3/*/{file.digest.partition(':')[2]}")
        for number, how in enumerate(damages(path, dice)):
            monkeypatch.setenv("MODELBOX_CACHE_DIR", str(tmp_path / f"cache{number}"))
            target = tmp_path / f"copy{number}"
            for read in (
                lambda: artifact.download(target, progress=False),  # noqa: B023
                lambda: client.load_model("asr", progress=False),
                lambda: _read_in_pieces(artifact, what, dice),
                lambda: _read_end(artifact, what),
            ):
                with pytest.raises(ChecksumError, match=path.name):
                    read()
            assert not (target / what).exists(), how
            with artifact.open("empty") as stream:
                assert stream.read() == b""
        with artifact.open(what) as stream:
            assert stream.read() == sound
        _use_like_a_file(artifact, what, sound)
        assert (client.load_model("asr", progress=False) / "files" / what).read_bytes() == sound


def _read_in_pieces(artifact: Any, what: str, dice: random.Random) -> None:
    with artifact.open(what) as stream:
        while stream.read(dice.randrange(1, 100_000)):
            pass


def _read_end(artifact: Any, what: str) -> None:
    with artifact.open(what) as stream:
        stream.seek(-5, os.SEEK_END)
        stream.read()


def _use_like_a_file(artifact: Any, what: str, sound: bytes) -> None:
    with artifact.open(what) as stream:
        assert stream.seek(0, os.SEEK_END) == len(sound)
        assert stream.seek(3) == 3
        assert stream.read(4) == sound[3:7]
        assert stream.seek(-2, os.SEEK_CUR) == 5
        assert stream.tell() == 5
        assert stream.read() == sound[5:]
        assert stream.read() == b""
        stream.seek(0)
        assert b"".join(stream) == sound


def test_everything_at_once_and_then_the_doctor(store: Path, truth: dict[str, Any], dice: random.Random) -> None:
    for choose in (merged, batch_of_b, CASES["a piece of history"][0]):
        next(damages(choose(store), dice))
    with ModelBoxClient(store, owner="o") as client:
        found = client.check(quarantine=True)
        assert len(found) == 3
        assert all(Path(finding.moved_to.removeprefix("file://")).exists() for finding in found)
        assert client.check() == []
    after = sample_store.contents(store)
    assert {name for name in truth if after[name] != truth[name]} == A | B
    for name in ("a", "b"):
        assert set(after[f"metrics of {name}"]["step"]) < set(truth[f"metrics of {name}"]["step"])
