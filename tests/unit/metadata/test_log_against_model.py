"""Random transactions on the log store and on a plain-Python model, with checkpoints and re-opening in between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelbox.stores.files import MemoryFiles
from modelbox.stores.metadata import TABLES, Row, Transaction
from modelbox.stores.metadata.log import LogMetadataStore
from modelbox.testing.metadata_samples import created, logged

TABLES_USED = ("experiments", "tags", "metadata", "writers")
KEYS = st.sampled_from("abc")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(TABLES_USED), KEYS, KEYS, st.integers(0, 3)),
        st.tuples(st.just("delete"), st.sampled_from(TABLES_USED), KEYS, st.one_of(st.none(), KEYS), st.just(0)),
        st.tuples(st.just("record"), st.just(""), KEYS, KEYS, st.integers(0, 9)),
    ),
    max_size=6,
)


def _row(table: str, first: str, second: str, number: int) -> Row:
    if table == "experiments":
        return {"id": first, "namespace": second, "parent_id": str(number) if number else None, "rewinds": [[number, 1]]}
    if table == "tags":
        return {"model_id": first, "tag": second, "version_id": str(number)}
    if table == "metadata":
        return {"object_id": first, "key": second, "value": {"n": [number, float(number)]}}
    return {"writer": first, "sequence": number}


class Model:
    """What the store should have."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[str, ...], Row]] = {name: {} for name in TABLES_USED}
        self.changes: list[tuple[str, str]] = []

    def apply(self, steps: list[Any]) -> None:
        for action, table, first, second, number in steps:
            if action == "record":
                self.changes.append((first, second))
                continue
            rows, key = self.tables[table], TABLES[table].key
            if action == "put":
                row = dict.fromkeys(TABLES[table].columns) | _row(table, first, second, number)
                rows[tuple(row[column] for column in key)] = row
            else:
                wanted = (first,) if second is None or len(key) == 1 else (first, second)
                for whole in [whole for whole in rows if whole[: len(wanted)] == wanted]:
                    del rows[whole]

    def rows(self, table: str) -> list[Row]:
        rows = self.tables[table]
        return [rows[key] for key in sorted(rows)] if TABLES[table].large else list(rows.values())


def _check(store: Any, model: Model) -> None:
    for table in TABLES_USED:
        rows = model.rows(table)
        assert store.select(table) == rows
        assert store.select(table, newest_first=True, limit=2) == rows[::-1][:2]
        columns = TABLES[table].key[:1] if TABLES[table].large else TABLES[table].lookups
        for column in columns:
            for value in "abc0123":
                expected = [row for row in rows if row[column] == value]
                assert store.select(table, **{column: value}) == expected
                assert store.select(table, **{column: value}, newest_first=True, limit=1) == expected[::-1][:1]
        for key, row in model.tables[table].items():
            assert store.get(table, *key) == row


class LogAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.files = MemoryFiles()
        self.model = Model()
        self.stores: list[LogMetadataStore] = []

    @initialize(every=st.sampled_from([3, 1000]))
    def open(self, every: int) -> None:
        self.every = every
        self.stores = [LogMetadataStore(self.files, checkpoint_every=every) for _ in range(2)]

    @rule(steps=STEPS, which=st.integers(0, 1), fails=st.booleans())
    def transact(self, steps: list[Any], which: int, fails: bool) -> None:
        changed = Model()
        changed.tables = {name: dict(rows) for name, rows in self.model.tables.items()}
        changed.changes = list(self.model.changes)
        changed.apply(steps)

        def body(transaction: Transaction) -> None:
            for action, table, first, second, number in steps:
                if action == "put":
                    transaction.put(table, _row(table, first, second, number))
                elif action == "delete":
                    key = (first,) if second is None or len(TABLES[table].key) == 1 else (first, second)
                    transaction.delete(table, *key)
                else:
                    transaction.record(created(first, key=second) if number else logged(first, second, number))
            _check(transaction, changed)
            if fails:
                raise KeyError

        if fails:
            with pytest.raises(KeyError):
                self.stores[which].transact(body)
        else:
            self.stores[which].transact(body)
            self.model = changed

    @rule(which=st.integers(0, 1))
    def checkpoint(self, which: int) -> None:
        self.stores[which].checkpoint()

    @rule(which=st.integers(0, 1))
    def reopen(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which] = LogMetadataStore(self.files, checkpoint_every=self.every)

    @precondition(lambda self: self.stores)
    @invariant()
    def same(self) -> None:
        for store in self.stores:
            _check(store.view(), self.model)
            changes = store.changes(since=0)
            assert [change.seq for change in changes] == list(range(1, len(self.model.changes) + 1))
            assert [change.object_id for change in changes] == [first for first, _ in self.model.changes]

    def teardown(self) -> None:
        for store in self.stores:
            store.close()


TestLogAgainstModel = LogAgainstModel.TestCase
TestLogAgainstModel.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
