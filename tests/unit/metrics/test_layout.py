from __future__ import annotations

import pytest

from modelbox.errors import CorruptStoreError
from modelbox.stores.files import FileInfo
from modelbox.stores.metrics.parquet.layout import (
    BatchName,
    Intent,
    Snapshot,
    batch_file,
    batch_of,
    covers,
    escaped,
    interpret,
    number_of,
    unescaped,
    with_batches,
)

NAMES = ["w", "a/b", "..", ".tmp-x", "a.b.1", "%2E", "ключ", "merged-00000001-00ff", "w.1.parquet"]


def intent(number: int, sources: list[str], **fields: object) -> Intent:
    known = {"live": (), "covered": {}, "creator": "me", "created_us": 0, "result": f"merged-{number:08d}-aa.parquet"}
    return Intent(number=number, sources=tuple(sources), **(known | fields))  # type: ignore[arg-type]


def listing(*names: str) -> list[FileInfo]:
    return [FileInfo(f"metrics/u/{name}", 10) for name in names]


@pytest.mark.parametrize("name", NAMES)
def test_names_survive(name: str) -> None:
    assert unescaped(escaped(name)) == name
    assert not escaped(name).startswith(".")
    assert "/" not in escaped(name)
    file = batch_file(BatchName(name, 12))
    assert batch_of(file) == BatchName(name, 12)
    assert number_of(file) is None


def test_ranges_of_sequences() -> None:
    covered = with_batches({}, [BatchName("w", n) for n in (5, 1, 2, 9, 6, 2)])
    assert covered == {"w": ((1, 2), (5, 6), (9, 9))}
    assert [n for n in range(12) if covers(covered, BatchName("w", n))] == [1, 2, 5, 6, 9]
    assert not covers(covered, BatchName("v", 1))
    assert with_batches(covered, [BatchName("w", n) for n in (3, 4, 7, 8)]) == {"w": ((1, 9),)}


def test_intents_survive() -> None:
    one = intent(3, ["w.1.parquet"], covered={"ключ": ((1, 2), (4, 4))}, live=("merged-00000002-bb.parquet",))
    assert Intent.from_bytes(one.to_bytes(), "there") == one


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"format": 1}', b'{"format": 1, "covered": 3}', b'{"format": 2}'])
def test_damaged_intents(data: bytes) -> None:
    with pytest.raises(CorruptStoreError, match="there"):
        Intent.from_bytes(data, "there")


def alive(state: Snapshot | list[str]) -> list[str]:
    assert isinstance(state, Snapshot)
    return sorted(state.alive)


def test_sources_live_until_the_result_is_there() -> None:
    two = intent(1, ["w.1.parquet", "w.2.parquet"])
    pending = interpret(listing("w.1.parquet", "w.2.parquet", "w.3.parquet"), two)
    assert alive(pending) == ["w.1.parquet", "w.2.parquet", "w.3.parquet"]
    assert isinstance(pending, Snapshot)
    assert pending.pending
    for left in (["w.1.parquet", "w.2.parquet"], ["w.2.parquet"], []):
        done = interpret(listing(two.result, "w.3.parquet", *left), two)
        assert alive(done) == [two.result, "w.3.parquet"]
        assert isinstance(done, Snapshot)
        assert (sorted(done.dead), done.pending) == (left, False)
        assert done.stores(BatchName("w", 2))
        assert not done.stores(BatchName("w", 4))


def test_a_listing_that_was_overtaken_is_noticed() -> None:
    two = intent(1, ["w.1.parquet", "w.2.parquet"])
    assert interpret(listing("w.1.parquet"), two) == [two.result]
    assert interpret(listing(), intent(2, [two.result], covered={"w": ((1, 2),)})) == ["merged-00000002-aa.parquet"]
    three = intent(3, ["w.3.parquet"], live=(two.result,))
    assert interpret(listing(three.result), three) == [two.result]
    assert interpret(listing(three.result, two.result), two) == ["merge/00000003.json"]
    assert interpret(listing(two.result), None) == ["merge/00000001.json"]


def test_results_of_other_histories_are_dead() -> None:
    two = intent(2, ["merged-00000001-aa.parquet"], covered={"w": ((1, 2),)})
    state = interpret(
        listing(two.result, "merged-00000001-aa.parquet", "merged-00000002-bb.parquet", "w.2.parquet", "notes.txt"), two
    )
    assert alive(state) == [two.result]
    assert isinstance(state, Snapshot)
    assert sorted(state.dead) == ["merged-00000001-aa.parquet", "merged-00000002-bb.parquet", "w.2.parquet"]
