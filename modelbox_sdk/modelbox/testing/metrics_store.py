"""The exam that every metrics store passes.

Subclass :class:`MetricsStoreSuite`, provide the fixture ``store``, and let pytest collect the class::

class TestMyStore(MetricsStoreSuite):
    @pytest.fixture
    def store(self):
        store = MyStore(...)
        yield store
        store.close()
"""

from __future__ import annotations

import itertools
import math
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import duckdb
import pytest

from modelbox.points import RESULT_SCHEMA
from modelbox.records import MetricBatch, MetricQuery, Rewind
from modelbox.stores.metrics import MetricsStore
from modelbox.testing.metric_points import (
    KEYS,
    MAX_STEP,
    MIN_STEP,
    NOW_US,
    VALUES,
    Point,
    batch_of,
    expected,
    random_points,
    rows_of,
    series,
)

ALL = MetricQuery(uid="uid-1")


class MetricsStoreSuite:
    """The exam of a metrics store."""

    @pytest.fixture
    def store(self) -> Iterator[MetricsStore]:
        """An empty store, closed afterwards."""
        raise NotImplementedError("a subclass gives the store")

    def reopen(self, store: MetricsStore) -> MetricsStore:
        """The same store as another process would open it; a store that cannot be opened twice returns itself."""
        return store

    @pytest.fixture
    def chance(self, request: pytest.FixtureRequest) -> random.Random:
        """Randomness; its seed is printed with a failure."""
        seed = random.randrange(2**32)
        print(f"seed of {request.node.name}: {seed}")  # noqa: T201
        return random.Random(seed)

    # What is stored comes back.

    def test_empty_store(self, store: MetricsStore) -> None:
        table = store.read(ALL)
        assert table.num_rows == 0
        assert table.schema.equals(RESULT_SCHEMA)
        assert store.uids() == []

    def test_result_has_the_schema(self, store: MetricsStore) -> None:
        store.append([batch_of(series([1.0, 2.0]), sequence=1)])
        assert store.read(ALL).schema.equals(RESULT_SCHEMA)
        assert store.read(ALL, [batch_of(series([1.0]), sequence=2)]).schema.equals(RESULT_SCHEMA)
        assert store.read(MetricQuery(uid="uid-1", keys=("none",))).schema.equals(RESULT_SCHEMA)
        assert store.read(MetricQuery(uid="uid-1", max_points=4)).schema.equals(RESULT_SCHEMA)

    def test_every_value_survives(self, store: MetricsStore) -> None:
        points = series([*VALUES, "", "text", "🔥\x00", "x" * 100_000, b"", bytes(range(256)), b"\x00" * 100_000])
        store.append([batch_of(points, sequence=1)])
        self.check(store, points, ALL)
        self.check(self.reopen(store), points, ALL)

    def test_steps_at_the_ends_of_int64(self, store: MetricsStore) -> None:
        points = [Point("k", step, NOW_US + i, float(i)) for i, step in enumerate((MAX_STEP, MIN_STEP, 0, -1, MAX_STEP - 1, 1))]
        store.append([batch_of(points, sequence=1)])
        self.check(store, points, ALL)
        self.check(store, points, MetricQuery(uid="uid-1", start_step=MAX_STEP))
        self.check(store, points, MetricQuery(uid="uid-1", end_step=MIN_STEP))
        self.check(store, points, MetricQuery(uid="uid-1", start_step=MIN_STEP, end_step=MAX_STEP))

    def test_wallclocks_of_the_caller(self, store: MetricsStore) -> None:
        years = (-2_000_000_000_000_000, 0, 1, 4_000_000_000_000_000, 253_402_300_799_999_999)
        points = [Point("k", 0, NOW_US + i, 1.0, wallclock) for i, wallclock in enumerate(years)]
        store.append([batch_of(points, sequence=1)])
        self.check(store, points, ALL)

    def test_keys_of_any_script(self, store: MetricsStore) -> None:
        points = [Point(key, 0, NOW_US + i, float(i)) for i, key in enumerate(KEYS)]
        store.append([batch_of(points, sequence=1)])
        self.check(store, points, ALL)
        for key in KEYS:
            self.check(store, points, MetricQuery(uid="uid-1", keys=(key,)))
        self.check(store, points, MetricQuery(uid="uid-1", keys=KEYS[3:7]))

    def test_names_of_any_script(self, store: MetricsStore) -> None:
        names = ("plain", "a/b", "../up", ".hidden", "a.1", "sp ace", "%2E", "ключ🔥", "merged-00000001-abcdef01")
        for name in names:
            store.append([batch_of(series([1.0, 2.0]), sequence=7, writer=name, uid=name)] * 2)
        assert store.uids() == sorted(names)
        for name in names:
            self.check(store, series([1.0, 2.0]), MetricQuery(uid=name))

    # Order.

    def test_order_is_key_step_logged_time(self, store: MetricsStore) -> None:
        points = [
            Point("b", 1, NOW_US + 5, 1.0),
            Point("a", 2, NOW_US + 4, 2.0),
            Point("a", 1, NOW_US + 9, 3.0, wallclock_us=NOW_US - 10**9),
            Point("a", 1, NOW_US + 3, 4.0, wallclock_us=NOW_US + 10**9),
            Point("B", -1, NOW_US + 2, 5.0),
        ]
        store.append([batch_of(points[:3], sequence=1), batch_of(points[3:], sequence=2)])
        assert [row[0] for row in rows_of(store.read(ALL))] == ["B", "a", "a", "a", "b"]
        self.check(store, points, ALL)

    def test_repeated_steps_keep_every_point(self, store: MetricsStore) -> None:
        points = [Point("k", 0, NOW_US + i, 1.0) for i in range(50)]
        store.append([batch_of(points[i::5], sequence=i) for i in range(5)])
        self.check(store, points, ALL)

    def test_many_writers(self, store: MetricsStore, chance: random.Random) -> None:
        points = random_points(chance, 400)
        batches = [batch_of(points[i::8], sequence=1, writer=f"writer-{i}") for i in range(8)]
        store.append(batches)
        self.check(store, points, ALL)

    def test_lives_are_apart(self, store: MetricsStore) -> None:
        store.append([batch_of(series([1.0]), sequence=1), batch_of(series([2.0]), sequence=1, uid="uid-2")])
        self.check(store, series([1.0]), ALL)
        self.check(store, series([2.0]), MetricQuery(uid="uid-2"))
        assert store.uids() == ["uid-1", "uid-2"]

    # Appending again changes nothing.

    def test_a_batch_counts_once(self, store: MetricsStore) -> None:
        batch = batch_of(series([1.0, 2.0]), sequence=1)
        store.append([batch, batch])
        store.append([batch])
        self.reopen(store).append([batch])
        self.check(store, series([1.0, 2.0]), ALL)

    def test_idempotence_in_any_grouping(self, store: MetricsStore, chance: random.Random) -> None:
        points = random_points(chance, 300)
        batches = [batch_of(points[i * 10 : i * 10 + 10], sequence=i, writer=f"w{i % 2}") for i in range(30)]
        for _ in range(6):
            start = chance.randrange(30)
            group = batches[start : start + chance.randrange(1, 20)]
            chance.shuffle(group)
            store.append(group)
            store.maintain()
        store.append(batches)
        store.maintain()
        store.append(batches[::-1])
        self.check(store, points, ALL)
        self.check(self.reopen(store), points, ALL)

    def test_an_empty_batch_writes_nothing(self, store: MetricsStore) -> None:
        store.append([])
        store.append([batch_of([], sequence=1)])
        assert store.uids() == []

    def test_sequences_may_have_gaps_and_come_late(self, store: MetricsStore) -> None:
        points = series(float(i) for i in range(40))
        batches = [batch_of([point], sequence=point.step) for point in points]
        store.append(batches[1::2])
        store.maintain()
        self.check(store, points[1::2], ALL)
        store.append(batches[0::2])
        store.maintain()
        self.check(store, points, ALL)

    # Maintenance and pending batches.

    def test_the_last_sequence_of_a_writer(self, store: MetricsStore) -> None:
        assert store.last_sequence("uid-1", "w") is None
        names = ("w", "w.1", "push/w")
        last = 2**53 + 12 * len(names)
        for sequence in range(2**53, last, 3):
            for offset, writer in enumerate(names):
                store.append([batch_of(series([1.0]), sequence=sequence + offset, writer=writer)])
            if sequence % 4 == 0:
                store.maintain()
        for each in (store, self.reopen(store)):
            assert [each.last_sequence("uid-1", writer) for writer in names] == [last - 3, last - 2, last - 1]
            assert each.last_sequence("uid-1", "other") is None
            assert each.last_sequence("uid-2", "w") is None
        store.maintain()
        assert store.last_sequence("uid-1", "w.1") == last - 2

    def test_replaying_gives_the_points_of_each_writer_as_they_were_logged(
        self, store: MetricsStore, chance: random.Random
    ) -> None:
        points = {f"writer-{i}": random_points(chance, 90, start_us=NOW_US + 7 * i) for i in range(3)}
        for start in range(0, 80, 8):
            for writer, own in points.items():
                store.append([batch_of(own[start : start + 8], sequence=start, writer=writer)])
            store.maintain()
        store.append([batch_of(series([1.0]), sequence=1, writer="else", uid="uid-2")])
        pending = [batch_of(own[80:], sequence=80, writer=writer) for writer, own in points.items()]
        again = batch_of(points["writer-1"][:8], sequence=0, writer="writer-1")
        known: dict[str | None, int] = {
            "writer-1": points["writer-1"][40].logged_us,
            "writer-2": points["writer-2"][-1].logged_us,
        }
        for each in (store, self.reopen(store)):
            found: dict[str | None, list[Any]] = {}
            for author, table in each.replay("uid-1", [*pending, again], lambda name: known.get(name)):
                found.setdefault(author, []).extend(rows_of(table))
            assert found == {
                "writer-0": [point.row() for point in points["writer-0"]],
                "writer-1": [point.row() for point in points["writer-1"][41:]],
            }
        assert list(store.replay("nobody", [], lambda _: None)) == []

    def test_maintenance_changes_nothing_that_is_read(self, store: MetricsStore, chance: random.Random) -> None:
        points = random_points(chance, 1000)
        for i in range(100):
            store.append([batch_of(points[i * 10 : i * 10 + 10], sequence=i)])
            if i % 9 == 0:
                store.maintain()
        store.maintain()
        self.check(store, points, ALL)
        self.check_random_queries(store, points, chance)

    def test_pending_batches_count_once(self, store: MetricsStore, chance: random.Random) -> None:
        points = random_points(chance, 200)
        batches = [batch_of(points[i * 10 : i * 10 + 10], sequence=i) for i in range(20)]
        others = [batch_of(series([9.0]), sequence=1, uid="uid-2"), batch_of([], sequence=99)]
        self.check(store, points, ALL, batches + batches[:2])
        store.append(batches[:12])
        self.check(store, points, ALL, batches)
        self.check(store, points, ALL, batches[12:] + others)
        store.maintain()
        self.check(store, points, ALL, others + batches[::-1])
        self.check_random_queries(store, points, chance, batches)

    # Filters.

    def test_random_queries(self, store: MetricsStore, chance: random.Random) -> None:
        points = random_points(chance, 500)
        store.append([batch_of(points[i * 100 : i * 100 + 100], sequence=i) for i in range(5)])
        self.check_random_queries(store, points, chance)

    def test_unknown_keys_and_empty_ranges(self, store: MetricsStore) -> None:
        store.append([batch_of(series([1.0, 2.0]), sequence=1)])
        assert store.read(MetricQuery(uid="uid-1", keys=("no", "los", "losss"))).num_rows == 0
        assert store.read(MetricQuery(uid="uid-1", start_step=2, end_step=1)).num_rows == 0
        assert store.read(MetricQuery(uid="nobody")).num_rows == 0

    def test_rewinds_hide_what_was_logged_before_them(self, store: MetricsStore) -> None:
        before = series([float(i) for i in range(10)])
        after = [Point("loss", step, NOW_US + 1000 + step, -1.0, wallclock_us=NOW_US - 10**12) for step in range(3, 6)]
        store.append([batch_of(before, sequence=1), batch_of(after, sequence=2)])
        rewind = Rewind(4, NOW_US + 500)
        table = store.read(MetricQuery(uid="uid-1", rewinds=(rewind,)))
        assert table["step"].to_pylist() == [0, 1, 2, 3, 3, 4, 4, 5]
        for rewinds in [(rewind,), (rewind, Rewind(0, NOW_US + 3)), (Rewind(MIN_STEP, NOW_US),), (Rewind(MAX_STEP, MAX_STEP),)]:
            self.check(store, before + after, MetricQuery(uid="uid-1", rewinds=rewinds))
            self.check(store, before + after, MetricQuery(uid="uid-1", rewinds=rewinds), [batch_of(after, sequence=2)])

    # Thinning.

    @pytest.mark.parametrize("max_points", [4, 5, 6, 7, 100, 101])
    def test_thinning_keeps_ends_and_extremes(self, store: MetricsStore, chance: random.Random, max_points: int) -> None:
        points: list[Point] = []
        for i, length in enumerate((1, 3, 4, 5, 6, 99, 100, 101, 102, 1000, 1001)):
            values = [chance.choice(VALUES) if chance.random() < 0.1 else chance.gauss(0, 1) for _ in range(length)]
            points += series(values, key=f"series-{i:02}", start_us=NOW_US + 10_000 * i)
        store.append([batch_of(points[i::3], sequence=i) for i in range(3)])
        self.check_thinned(store, points, max_points)

    def test_thinning_a_series_short_of_numbers(self, store: MetricsStore) -> None:
        points = series([math.nan] * 100, key="nan")
        points += series((f"text {i}" for i in range(100)), key="text")
        points += series([b"first", *([1.0] * 98), "last"], key="mixed")
        points += series([math.nan, *([2.0] * 50), math.nan, *([-2.0] * 40), math.inf, -math.inf, math.nan], key="holes")
        points += series([0.5] * 100, key="flat")
        store.append([batch_of(points, sequence=1)])
        for max_points in (4, 5, 10, 50):
            self.check_thinned(store, points, max_points)

    def test_thinning_spreads_over_the_whole_series(self, store: MetricsStore) -> None:
        points = series([math.sin(step / 50) for step in range(5000)]) + series((str(i) for i in range(5000)), key="text")
        store.append([batch_of(points, sequence=1)])
        for key in ("loss", "text"):
            steps = store.read(MetricQuery(uid="uid-1", keys=(key,), max_points=100))["step"].to_pylist()
            assert len(steps) > 45
            assert all(later - earlier <= 250 for earlier, later in itertools.pairwise(steps))

    def test_thinning_comes_after_the_filters(self, store: MetricsStore) -> None:
        points = series(float(i % 100) for i in range(1000))
        store.append([batch_of(points, sequence=1)])
        query = MetricQuery(uid="uid-1", start_step=100, end_step=899, max_points=10, rewinds=(Rewind(799, NOW_US + 10**6),))
        table = store.read(query)
        assert 4 <= table.num_rows <= 10
        assert (table["step"][0].as_py(), table["step"][-1].as_py()) == (100, 799)

    # SQL.

    def test_attach(self, store: MetricsStore, chance: random.Random) -> None:
        points = random_points(chance, 300)
        other = series([1.0, "text", b"blob", math.nan])
        batches = [batch_of(points[i * 50 : i * 50 + 50], sequence=i) for i in range(6)]
        store.append(batches[:4])
        store.append([batch_of(other, sequence=1, uid="uid-2"), batch_of(other, sequence=1, uid="uid-3")])
        with duckdb.connect() as connection:
            store.attach(connection, {"uid-1": "one", "uid-2": "two", "uid-4": "four"}, batches)
            self.check_sql(connection, "one", points, ALL)
            self.check_sql(connection, "two", other, ALL)
            found = connection.sql("SELECT DISTINCT object_id FROM metrics ORDER BY 1").fetchall()
            assert found == [("one",), ("two",)]
            store.attach(connection, {"uid-3": "three"}, [])
            assert connection.sql("SELECT DISTINCT object_id FROM metrics").fetchall() == [("three",)]

    def test_attach_hides_rewound_points(self, store: MetricsStore, chance: random.Random) -> None:
        points = random_points(chance, 200)
        rewinds = (Rewind(10, NOW_US + 100), Rewind(3, NOW_US + 40))
        store.append([batch_of(points[:150], sequence=1), batch_of(points, sequence=1, uid="uid-2")])
        with duckdb.connect() as connection:
            pending = [batch_of(points[150:], sequence=2)]
            store.attach(connection, {"uid-1": "one", "uid-2": "two"}, pending, {"uid-1": rewinds, "uid-9": rewinds})
            self.check_sql(connection, "one", points, MetricQuery(uid="uid-1", rewinds=rewinds))
            self.check_sql(connection, "two", points, ALL)

    def test_attach_to_an_empty_store(self, store: MetricsStore) -> None:
        with duckdb.connect() as connection:
            store.attach(connection, {}, [])
            assert connection.sql("SELECT * FROM metrics").fetchall() == []
            types = connection.sql("SELECT column_name, column_type FROM (DESCRIBE metrics)").fetchall()
        assert types == [
            ("object_id", "VARCHAR"),
            ("key", "VARCHAR"),
            ("step", "BIGINT"),
            ("wallclock", "TIMESTAMP WITH TIME ZONE"),
            ("value", "DOUBLE"),
            ("text", "VARCHAR"),
            ("blob", "BLOB"),
        ]

    # Deleting, closing, threads.

    def test_delete(self, store: MetricsStore) -> None:
        for sequence in range(20):
            store.append([batch_of(series([1.0]), sequence=sequence, uid=uid) for uid in ("uid-1", "uid-2")])
        store.maintain()
        store.delete("uid-1")
        store.delete("uid-1")
        store.delete("nobody")
        assert store.uids() == ["uid-2"]
        assert store.read(ALL).num_rows == 0
        assert store.read(MetricQuery(uid="uid-2")).num_rows == 20
        store.maintain()
        assert store.uids() == ["uid-2"]

    def test_close_twice(self, store: MetricsStore) -> None:
        store.append([batch_of(series([1.0]), sequence=1)])
        store.read(ALL)
        store.close()
        store.close()

    def test_forgetting_after_a_fork(self, store: MetricsStore) -> None:
        store.append([batch_of(series([1.0]), sequence=1)])
        store.read(ALL)
        store.forget_after_fork()
        store.append([batch_of(series([2.0]), sequence=1, writer="child")])
        assert store.read(ALL).num_rows == 2

    def test_threads(self, store: MetricsStore, chance: random.Random) -> None:
        """Writers, readers and maintenance at once: a read sees each writer's batches from the first to some last, once."""
        writers, batches = 3, 20
        points = {w: random_points(chance, batches * 5, start_us=NOW_US + w * 10**6) for w in range(writers)}
        stored = [0] * writers
        done = threading.Event()

        def write(w: int) -> None:
            for i in range(batches):
                batch = batch_of(points[w][i * 5 : i * 5 + 5], sequence=i, writer=f"writer-{w}")
                store.append([batch] * (1 + i % 2))
                stored[w] = i + 1

        def keep_maintaining() -> None:
            while not done.wait(0.01):
                store.maintain()

        def keep_reading() -> int:
            reads = 0
            while not done.is_set() or reads == 0:
                least = list(stored)
                times = [row[2] for row in rows_of(store.read(ALL))]
                assert len(times) >= 5 * sum(least)
                assert len(times) <= 5 * writers * batches
                reads += 1
            return reads

        with ThreadPoolExecutor(writers + 3) as pool:
            watching: list[Future[Any]] = [pool.submit(keep_maintaining), *(pool.submit(keep_reading) for _ in range(2))]
            writing = [pool.submit(write, w) for w in range(writers)]
            try:
                for future in writing:
                    future.result()
            finally:
                done.set()
            for future in watching:
                future.result()
        self.check(store, [point for found in points.values() for point in found], ALL)

    # What the tests share.

    def check(self, store: MetricsStore, points: Sequence[Point], query: MetricQuery, pending: Sequence[MetricBatch] = ()) -> None:
        """Compare a read with the plain model."""
        found = rows_of(store.read(query, pending))
        assert found == expected(points, query)

    def check_random_queries(
        self, store: MetricsStore, points: Sequence[Point], chance: random.Random, pending: Sequence[MetricBatch] = ()
    ) -> None:
        """Compare reads with the plain model."""
        keys = sorted({point.key for point in points})
        for _ in range(12):
            query = MetricQuery(
                uid="uid-1",
                keys=tuple(chance.sample(keys, chance.randrange(len(keys) + 1))),
                start_step=chance.choice([None, chance.randrange(-5, 35)]),
                end_step=chance.choice([None, chance.randrange(-5, 35)]),
                rewinds=tuple(
                    Rewind(chance.randrange(-5, 35), NOW_US + chance.randrange(len(points))) for _ in range(chance.randrange(3))
                ),
            )
            self.check(store, points, query, pending)

    def check_thinned(self, store: MetricsStore, points: Sequence[Point], max_points: int) -> None:
        """Check what thinning promises of each series."""
        for key in sorted({point.key for point in points}):
            full = expected(points, MetricQuery(uid="uid-1", keys=(key,)))
            thinned = rows_of(store.read(MetricQuery(uid="uid-1", keys=(key,), max_points=max_points)))
            assert len(thinned) == len(full) if len(full) <= max_points else 3 <= len(thinned) <= max_points, key
            places = [full.index(row) for row in thinned]
            assert places == sorted(set(places)), f"{key}: thinned points are points of the series, in order, each once"
            assert (thinned[0], thinned[-1]) == (full[0], full[-1])
            numbers, kept = _numbers(full), _numbers(thinned)
            if numbers:
                assert (min(kept), max(kept)) == (min(numbers), max(numbers)), key
        both = rows_of(store.read(MetricQuery(uid="uid-1", max_points=max_points)))
        apart = [
            rows_of(store.read(MetricQuery(uid="uid-1", keys=(key,), max_points=max_points)))
            for key in sorted({point.key for point in points})
        ]
        assert both == [row for rows in apart for row in rows], "series are thinned each on its own"

    def check_sql(self, connection: duckdb.DuckDBPyConnection, object_id: str, points: Sequence[Point], query: MetricQuery) -> None:
        """Compare one object's rows in the view with the plain model, in any order."""
        found = connection.sql(
            "SELECT key, step, wallclock, value, text, blob FROM metrics WHERE object_id = $id", params={"id": object_id}
        )
        assert sorted(map(repr, rows_of(found.to_arrow_table()))) == sorted(map(repr, expected(points, query)))


def _numbers(rows: list[tuple[Any, ...]]) -> list[float]:
    """The numbers among the values that are not NaN."""
    values = [float.fromhex(row[3]) for row in rows if row[3] is not None]
    return [value for value in values if not math.isnan(value)]
