"""The exam that every metadata store passes.

Subclass :class:`MetadataStoreSuite`, provide the fixtures ``store`` and ``second``, and let pytest collect the class::

    class TestMyStore(MetadataStoreSuite):
        @pytest.fixture
        def store(self, address): ...

        @pytest.fixture
        def second(self, address): ...
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from modelbox.errors import AlreadyExistsError
from modelbox.records import Action, Change, ObjectType, datetime_from_us
from modelbox.stores.metadata import TABLES, MetadataStore, Row, Transaction
from modelbox.testing.metadata_samples import (
    AWKWARD_JSON,
    created,
    datum,
    deleting,
    experiment,
    ids,
    logged,
    model,
    putting,
    recording,
    tag,
    together,
)


class MetadataStoreSuite:
    """What is observable of a metadata store.

    ``second`` is another instance on the same storage, as another process would have it, or None where there can be none.
    """

    threads = 8
    increments = 5
    wake_within_s = 5.0

    @pytest.fixture
    def both(self, store: MetadataStore, second: MetadataStore | None) -> list[MetadataStore]:
        return [store] if second is None else [store, second]

    # -- rows

    def test_a_new_store_is_empty(self, store: MetadataStore) -> None:
        assert store.last_seq() == 0
        assert store.changes(since=0) == []
        assert store.events("nobody") == []
        for table in TABLES.values():
            assert store.view().select(table.name) == []
            assert store.view().get(table.name, *table.key) is None

    def test_a_row_comes_back_with_all_columns(self, both: list[MetadataStore]) -> None:
        row = experiment("e1", rewinds=[[3, 1_700_000_000_000_003]], external_id="")
        both[0].transact(putting("experiments", row))
        expected = dict.fromkeys(TABLES["experiments"].columns) | row
        for each in both:
            assert each.view().get("experiments", "e1") == expected
            assert each.view().select("experiments") == [expected]

    def test_every_table_keeps_all_of_its_columns(self, both: list[MetadataStore]) -> None:
        samples: Row = {"text": "é", "integer": -(2**63), "time": 1, "json": {"a": [1, 2.0]}}
        rows: dict[str, Row] = {name: {c: samples[kind] for c, kind in table.columns.items()} for name, table in TABLES.items()}

        def body(transaction: Transaction) -> None:
            for name, row in rows.items():
                transaction.put(name, row)

        both[0].transact(body)
        for each in both:
            for name, row in rows.items():
                found = each.view().get(name, *(row[column] for column in TABLES[name].key))
                assert found == row
                assert list(found) == list(TABLES[name].columns)

    def test_rows_come_in_the_order_in_which_they_were_first_put(self, both: list[MetadataStore]) -> None:
        for ident in ("b", "a", "d", "c"):
            both[-1].transact(putting("experiments", experiment(ident, namespace="even" if ident in "bd" else "odd")))
        for each in both:
            view = each.view()
            assert ids(view.select("experiments")) == ["b", "a", "d", "c"]
            assert ids(view.select("experiments", newest_first=True)) == ["c", "d", "a", "b"]
            assert ids(view.select("experiments", newest_first=True, limit=2)) == ["c", "d"]
            assert ids(view.select("experiments", namespace="even")) == ["b", "d"]
            assert ids(view.select("experiments", namespace="even", newest_first=True, limit=1)) == ["d"]
            assert ids(view.select("experiments", namespace="odd", owner="ada", limit=1)) == ["a"]
            assert view.select("experiments", namespace="none") == []
            assert view.select("experiments", limit=0) == []

    def test_a_replaced_row_keeps_its_place_and_a_new_life_goes_to_the_end(self, both: list[MetadataStore]) -> None:
        store = both[0]
        store.transact(putting("experiments", experiment("a"), experiment("b"), experiment("c")))
        store.transact(putting("experiments", experiment("a", status="finished")))
        store.transact(deleting("experiments", "b"))
        store.transact(putting("experiments", experiment("b")))
        for each in both:
            rows = each.view().select("experiments")
            assert ids(rows) == ["a", "c", "b"]
            assert rows[0]["status"] == "finished"
            assert ids(each.view().select("experiments", namespace="default", newest_first=True)) == ["b", "c", "a"]

    def test_a_row_is_found_by_what_it_says_now(self, both: list[MetadataStore]) -> None:
        store = both[0]
        store.transact(putting("tags", tag("m", "prod", "v1"), tag("m", "beta", "v2"), tag("n", "prod", "v3")))
        store.transact(putting("tags", tag("m", "prod", "v2")))
        for each in both:
            assert each.view().select("tags", version_id="v1") == []
            assert each.view().select("tags", version_id="v2") == [tag("m", "prod", "v2"), tag("m", "beta", "v2")]
            assert each.view().select("tags", model_id="m", version_id="v3") == []
            assert each.view().select("tags", tag="prod", newest_first=True)[0] == tag("n", "prod", "v3")

    def test_rows_of_a_large_table_come_by_key(self, both: list[MetadataStore]) -> None:
        both[0].transact(putting("metadata", *(datum(ident, key, key) for ident in ("y", "x") for key in ("b", "Z", "é", "a"))))
        for each in both:
            view = each.view()
            assert [row["key"] for row in view.select("metadata", object_id="x")] == ["Z", "a", "b", "é"]
            assert [row["key"] for row in view.select("metadata", object_id="x", newest_first=True, limit=2)] == ["é", "b"]
            assert [row["object_id"] for row in view.select("metadata")] == ["x"] * 4 + ["y"] * 4
            assert view.select("metadata", object_id="z") == []

    @pytest.mark.parametrize(("table", "keys"), [("metadata", ("object_id", "key")), ("tags", ("model_id", "tag"))])
    def test_deleting(self, both: list[MetadataStore], table: str, keys: tuple[str, str]) -> None:
        store = both[0]
        rows = [{keys[0]: first, keys[1]: second} for first in ("a", "b", "c") for second in ("1", "2")]
        store.transact(putting(table, *rows))
        store.transact(together(deleting(table, "a"), deleting(table, "b", "1"), deleting(table, "nothing")))
        store.transact(deleting(table, "c", "nothing"))
        for each in both:
            assert [(row[keys[0]], row[keys[1]]) for row in each.view().select(table)] == [("b", "2"), ("c", "1"), ("c", "2")]
            assert each.view().get(table, "a", "2") is None
        store.transact(together(putting(table, rows[0]), deleting(table, "a"), putting(table, rows[1])))
        for each in both:
            assert [row[keys[1]] for row in each.view().select(table) if row[keys[0]] == "a"] == ["2"]

    @pytest.mark.parametrize("value", AWKWARD_JSON, ids=lambda value: ascii(value)[:30])
    def test_json_keeps_its_types(self, both: list[MetadataStore], value: Any) -> None:
        both[0].transact(
            together(
                putting("metadata", datum("e", "k", value)), putting("models", model(value)), recording(created("e", value=value))
            )
        )
        for each in both:
            row, owner = each.view().get("metadata", "e", "k"), each.view().get("models", "m")
            assert row is not None
            assert owner is not None
            payload = each.changes(since=0)[0].payload
            for found in (row["value"], owner["labels"], payload["value"]):
                assert repr(found) == repr(value)

    def test_texts_that_need_care(self, both: list[MetadataStore]) -> None:
        texts = [text for text in AWKWARD_JSON if isinstance(text, str)] + [
            " ",
            "a b",
            "A B",
            "ß",
            "ss",
            "é",
            "e\u0301",
            "x" * 3000,
        ]
        both[0].transact(putting("experiments", *(experiment(f"e{i}", name=text) for i, text in enumerate(texts))))
        both[0].transact(putting("metadata", *(datum(f"e{i}", text, i) for i, text in enumerate(texts))))
        for each in both:
            assert [row["name"] for row in each.view().select("experiments")] == texts
            for i, text in enumerate(texts):
                assert each.view().get("metadata", f"e{i}", text) == datum(f"e{i}", text, i)
                assert [row["id"] for row in each.view().select("experiments", name=text)] == [f"e{i}"]

    def test_a_megabyte_of_metadata(self, both: list[MetadataStore]) -> None:
        value = {"text": "ab é" * 250_000, "list": list(range(1000))}
        both[0].transact(putting("metadata", datum("e", "big", value)))
        for each in both:
            assert each.view().get("metadata", "e", "big") == datum("e", "big", value)

    def test_rows_belong_to_whoever_got_them(self, store: MetadataStore) -> None:
        store.transact(putting("models", model({"a": "b"})))
        store.transact(recording(created("e", labels={"a": "b"})))
        for _ in range(2):
            row = store.view().get("models", "m")
            assert row is not None
            assert row["labels"] == {"a": "b"}
            row["labels"]["a"] = row["name"] = "spoiled"
            payload = store.changes(since=0)[0].payload
            assert payload["labels"] == {"a": "b"}
            payload["labels"]["a"] = "spoiled"

    # -- transactions

    def test_a_transaction_sees_its_own_writes(self, store: MetadataStore) -> None:
        store.transact(putting("experiments", experiment("a"), experiment("b"), experiment("c", namespace="other")))
        store.transact(putting("metadata", datum("a", "1", 1), datum("a", "2", 2), datum("b", "1", 1)))

        def body(t: Transaction) -> str:
            t.put("experiments", experiment("d"))
            t.put("experiments", experiment("c", status="failed"))
            t.delete("experiments", "a")
            assert ids(t.select("experiments")) == ["b", "c", "d"]
            assert ids(t.select("experiments", namespace="default", newest_first=True, limit=2)) == ["d", "c"]
            assert t.select("experiments", namespace="other") == []
            t.put("experiments", experiment("a"))
            assert ids(t.select("experiments")) == ["b", "c", "d", "a"]
            row = t.get("experiments", "c")
            assert row is not None
            assert row["status"] == "failed"
            t.delete("metadata", "a", "1")
            t.put("metadata", datum("a", "3", 3))
            assert [row["key"] for row in t.select("metadata", object_id="a")] == ["2", "3"]
            t.delete("metadata", "a")
            assert t.get("metadata", "a", "3") is None
            t.put("metadata", datum("a", "4", 4))
            assert [(row["object_id"], row["key"]) for row in t.select("metadata")] == [("a", "4"), ("b", "1")]
            return "result"

        assert store.transact(body) == "result"
        assert ids(store.view().select("experiments")) == ["b", "c", "d", "a"]
        assert [row["key"] for row in store.view().select("metadata", object_id="a")] == ["4"]

    def test_a_body_that_raises_commits_nothing(self, both: list[MetadataStore]) -> None:
        def body(transaction: Transaction) -> None:
            transaction.put("experiments", experiment("a"))
            transaction.put("metadata", datum("a", "k", 1))
            transaction.record(created("a"))
            raise AlreadyExistsError("taken")

        with pytest.raises(AlreadyExistsError, match="taken"):
            both[0].transact(body)
        for each in both:
            assert each.view().select("experiments") == each.view().select("metadata") == []
            assert each.last_seq() == 0

    def test_the_time_of_transactions_grows(self, both: list[MetadataStore]) -> None:
        def body(transaction: Transaction) -> int:
            transaction.record(created("e"))
            return transaction.now_us

        times = [both[i % len(both)].transact(body) for i in range(6)]
        assert times == sorted(set(times))
        assert abs(times[-1] / 1e6 - time.time()) < 60
        assert [change.at for change in both[-1].changes(since=0)] == [datetime_from_us(us) for us in times]

    def test_concurrent_increments_all_count(self, both: list[MetadataStore]) -> None:
        def increment(transaction: Transaction) -> None:
            row = transaction.get("writers", "w")
            transaction.put("writers", {"writer": "w", "sequence": row["sequence"] + 1 if row else 1})
            transaction.record(created("w", sequence=row["sequence"] + 1 if row else 1))

        def work(number: int) -> None:
            for _ in range(self.increments):
                both[number % len(both)].transact(increment)

        _in_threads(work, self.threads)
        total = self.threads * self.increments
        for each in both:
            assert each.view().get("writers", "w") == {"writer": "w", "sequence": total}
            changes = each.changes(since=0)
            assert [change.seq for change in changes] == list(range(1, total + 1))
            assert [change.payload["sequence"] for change in changes] == list(range(1, total + 1))

    def test_a_unique_name_has_one_winner(self, both: list[MetadataStore]) -> None:
        def work(number: int) -> bool:
            def take(transaction: Transaction) -> None:
                if transaction.get("tags", "m", "prod") is not None:
                    raise AlreadyExistsError("prod")
                transaction.put("tags", tag("m", "prod", f"v{number}"))
                transaction.record(created(f"v{number}"))

            try:
                both[number % len(both)].transact(take)
            except AlreadyExistsError:
                return False
            return True

        won = _in_threads(work, self.threads)
        assert won.count(True) == 1
        for each in both:
            assert each.view().select("tags") == [tag("m", "prod", f"v{won.index(True)}")]
            assert [change.object_id for change in each.changes(since=0)] == [f"v{won.index(True)}"]

    def test_a_view_does_not_see_half_a_transaction(self, both: list[MetadataStore]) -> None:
        both[0].transact(putting("tags", tag("m", "a", "0"), tag("m", "b", "0")))
        stop = threading.Event()

        def write() -> None:
            for i in range(1, 30):
                both[0].transact(putting("tags", tag("m", "a", str(i)), tag("m", "b", str(i))))
            stop.set()

        def read(number: int) -> None:
            while not stop.is_set():
                view = both[number % len(both)].view()
                first, second = view.get("tags", "m", "a"), view.get("tags", "m", "b")
                assert first is not None
                assert second is not None
                assert first["version_id"] == second["version_id"]

        with ThreadPoolExecutor(3) as pool:
            writer = pool.submit(write)
            readers = [pool.submit(read, number) for number in range(2)]
            try:
                writer.result()
            finally:
                stop.set()
            for reader in readers:
                reader.result()

    # -- the feed

    def test_a_transaction_that_changes_nothing_leaves_no_trace(self, store: MetadataStore) -> None:
        store.transact(recording(created("a")))
        assert store.transact(lambda t: len(t.select("experiments"))) == 0
        assert store.last_seq() == 1

    def test_changes_come_as_they_were_recorded(self, both: list[MetadataStore]) -> None:
        both[0].transact(recording(created("a", n=1), created("b", namespace="other", n=2.0)))
        both[-1].transact(putting("experiments", experiment("a")))
        both[-1].transact(recording(logged("a", "epoch", 1_700_000_000_123_456, epoch=3)))
        for each in both:
            assert each.last_seq() == 3
            first, second, third = each.changes(since=0)
            assert first == Change(
                seq=1,
                action=Action.CREATED,
                object_type=ObjectType.EXPERIMENT,
                object_id="a",
                namespace="default",
                at=first.at,
                payload={"id": "a", "n": 1},
            )
            assert first.at == second.at
            assert first.at.tzinfo is UTC
            assert repr(dict(second.payload)) == "{'id': 'b', 'n': 2.0}"
            assert third.payload == {
                "name": "epoch",
                "source": "trainer",
                "wallclock": "2023-11-14T22:13:20.123456+00:00",
                "metadata": {"epoch": 3},
            }

    def test_changes_can_be_resumed_limited_and_filtered(self, both: list[MetadataStore]) -> None:
        for i in range(1, 13):
            both[i % len(both)].transact(recording(created(str(i), namespace=("a", "b")[i % 2])))
        for each in both:
            assert _seqs(each.changes(since=0)) == list(range(1, 13))
            assert _seqs(each.changes(since=9)) == [10, 11, 12]
            assert _seqs(each.changes(since=12)) == _seqs(each.changes(since=99)) == _seqs(each.changes(since=0, limit=0)) == []
            assert _seqs(each.changes(since=2, limit=3)) == [3, 4, 5]
            assert _seqs(each.changes(since=2, limit=3, namespace="a")) == [4, 6, 8]
            assert _seqs(each.changes(since=0, limit=100, namespace="b")) == [1, 3, 5, 7, 9, 11]
            assert each.changes(since=0, namespace="c") == []

    def test_events_come_by_wallclock(self, both: list[MetadataStore]) -> None:
        both[0].transact(recording(logged("e", "late", 30), created("e"), logged("other", "no", 5)))
        both[-1].transact(recording(logged("e", "early", -10), logged("e", "tie 1", 20), logged("e", "tie 2", 20, x=[1])))
        for each in both:
            events = each.events("uid-e")
            assert [event.name for event in events] == ["early", "tie 1", "tie 2", "late"]
            assert [event.seq for event in events] == [4, 5, 6, 1]
            assert events[2].metadata == {"x": [1]}
            assert events[2].wallclock == datetime(1970, 1, 1, 0, 0, 0, 20, tzinfo=UTC)
            assert (events[2].source, events[2].object_id) == ("trainer", "e")
            assert [event.name for event in each.events("uid-e", since_us=20)] == ["tie 1", "tie 2", "late"]
            assert each.events("e") == []

    def test_events_with_the_lives_of_their_objects(self, both: list[MetadataStore]) -> None:
        both[0].transact(recording(created("e"), logged("e", "one", 30), logged("f", "two", -10, x=[1])))
        both[-1].transact(recording(created("f"), logged("e", "three", 20)))
        for each in both:
            found = each.logged(since=0)
            assert [(event.sequence, event.object_id, event.uid) for event in found] == [
                (2, "e", "uid-e"), (3, "f", "uid-f"), (5, "e", "uid-e")
            ]  # fmt: skip
            assert (found[1].name, found[1].source, found[1].wallclock_us, found[1].metadata) == ("two", "trainer", -10, {"x": [1]})
            assert each.logged(since=2, limit=1, namespace="default") == found[1:2]
            assert each.logged(since=0, namespace="other") == each.logged(since=5) == each.logged(since=0, limit=0) == []

    def test_waiting_ends_with_a_change(self, both: list[MetadataStore]) -> None:
        assert both[-1].wait(0, 0.01) is False
        timer = threading.Timer(0.2, lambda: both[0].transact(recording(created("a"))))
        timer.start()
        before = time.monotonic()
        assert both[-1].wait(0, 30) is True
        assert time.monotonic() - before < 0.2 + self.wake_within_s
        assert both[-1].wait(0, 30) is True
        timer.join()

    def test_all_who_wait_are_woken(self, both: list[MetadataStore]) -> None:
        with ThreadPoolExecutor(6) as pool:
            waiting = [pool.submit(both[i % len(both)].wait, 0, 30.0) for i in range(5)]
            brief = pool.submit(both[0].wait, 0, 0.1)
            assert brief.result() is False
            both[0].transact(recording(created("a")))
            assert all(future.result(timeout=10) for future in waiting)

    def test_closing_wakes_those_who_wait(self, store: MetadataStore) -> None:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(store.wait, 0, 60.0)
            time.sleep(0.1)
            store.close()
            assert waiting.result(timeout=10) is False
        store.close()

    def test_a_snapshot_has_everything(self, both: list[MetadataStore]) -> None:
        import pyarrow as pa

        both[0].transact(putting("experiments", experiment("b"), experiment("a")))
        both[0].transact(putting("metadata", datum("a", "k", {"x": 1.0}), datum("a", "j", [1])))
        both[0].transact(recording(created("a"), logged("a", "n", 0)))
        for each in both:
            tables = each.snapshot()
            assert set(tables) == {*TABLES, "changes"}
            for name, table in TABLES.items():
                assert tables[name].column_names == list(table.columns)
            assert tables["experiments"]["id"].to_pylist() == ["b", "a"]
            assert tables["experiments"].schema.field("created_at").type == pa.timestamp("us", tz="UTC")
            assert tables["metadata"].to_pylist() == [datum("a", "j", "[1]"), datum("a", "k", '{"x":1.0}')]
            changes = tables["changes"]
            assert changes.column_names == ["seq", "action", "object_type", "object_id", "uid", "namespace", "at", "payload"]
            assert changes["seq"].to_pylist() == [1, 2]
            assert changes["action"].to_pylist() == ["created", "logged"]
            assert changes["uid"].to_pylist() == ["uid-a", "uid-a"]
            assert changes.schema.field("at").type == pa.timestamp("us", tz="UTC")


def _seqs(changes: list[Change]) -> list[int]:
    return [change.seq for change in changes]


def _in_threads(work: Callable[[int], Any], count: int) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))
