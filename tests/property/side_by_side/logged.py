"""Rules about metrics, events, artifacts and the feed."""

from __future__ import annotations

import itertools
import math
import os
import shutil
import struct
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from modelbox import Change, InvalidArgumentError, ModelBoxClient
from side_by_side.core import NAMESPACES, PICK, SLOTS, Core, Handle, either
from side_by_side.reference import Entry, Occurrence, Point, Thing

KEYS = st.sampled_from(["loss", "acc", "é.🚀/x", "a b"])
EDGES = [-(2**63), 2**63 - 1]
STEPS = st.integers(-3, 12) | st.sampled_from(EDGES)
SCALARS = st.floats(width=64)
VALUES = SCALARS | st.integers(-(2**53), 2**53) | st.text(max_size=4) | st.binary(max_size=1200)
WALLCLOCKS_US = st.none() | st.sampled_from([0, -1_500_000, 1_700_000_000_000_000, 1_700_000_000_123_457])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COUNTS = st.sampled_from([1, 2, 10, 60, 60, 100, 1200])
"""The largest fills so many small journal files that they are merged."""
CONTENTS = st.sampled_from([b"", b"hello", b"weights" * 30, b"\x00\xff" * 700])
PATHS = st.sampled_from(["f", "g.txt", "d", "d/h", "d/é/i"])
ARTIFACTS = st.sampled_from(["ckpt", "data/set"])


def moment(us: int | None) -> datetime | None:
    return None if us is None else EPOCH + timedelta(microseconds=us)


def exact(value: Any) -> Any:
    """Something that is equal for equal bits: NaN is itself, and -0.0 is not 0.0."""
    return struct.pack("d", value) if isinstance(value, float) else value


def plain(points: list[Point]) -> list[tuple[Any, ...]]:
    return [(point.key, point.step, exact(point.value)) for point in points]


def thinned_well(kept: list[Point], whole: list[Point], limit: int) -> None:
    """Whether some points of one series are a fair picture of all of them."""
    if len(whole) <= limit:
        assert plain(kept) == plain(whole)
        return
    assert len(kept) <= limit
    rest = iter(plain(whole))
    assert all(point in rest for point in plain(kept)), "not a part of the series, in its order"
    assert plain(kept[:1] + kept[-1:]) == plain(whole[:1] + whole[-1:])
    numbers = [point.value for point in whole if isinstance(point.value, float) and not math.isnan(point.value)]
    if numbers:
        values = [point.value for point in kept if isinstance(point.value, float)]
        assert min(numbers) in values
        assert max(numbers) in values


class LoggingRules(Core):
    # -- metrics

    @rule(number=PICK, metrics=st.dictionaries(KEYS, VALUES, max_size=3), step=st.none() | STEPS, wallclock_us=WALLCLOCKS_US)
    def log_metrics(self, number: int, metrics: dict[str, Any], step: int | None, wallclock_us: int | None) -> None:
        handle = self.pick(number)
        if handle:
            handle.real.log_metrics(metrics, step=step, wallclock=moment(wallclock_us))
            self.reference.log_points(handle.thing, self.points(metrics, step, wallclock_us))

    @rule(number=PICK, key=KEYS, values=st.lists(SCALARS, min_size=1, max_size=8), count=COUNTS, first=st.integers(0, 40))
    def log_a_series(self, number: int, key: str, values: list[float], count: int, first: int) -> None:
        handle = self.pick(number)
        if handle is None:
            return
        for i in range(count):
            metrics = {key: values[i % len(values)], "all": float(i)}
            handle.real.log_metrics(metrics, step=first + i)
            self.reference.log_points(handle.thing, self.points(metrics, first + i, None))

    @staticmethod
    def points(metrics: dict[str, Any], step: int | None, wallclock_us: int | None) -> list[Point]:
        return [
            Point(key, step or 0, float(value) if isinstance(value, int) else value, wallclock_us) for key, value in metrics.items()
        ]

    @rule(number=PICK, keys=st.lists(KEYS, max_size=2), first=st.none() | STEPS, last=st.none() | STEPS)
    def read_metrics(self, number: int, keys: list[str], first: int | None, last: int | None) -> None:
        handle = self.pick(number)
        if handle:
            self.compare_metrics(handle, keys, first, last)

    @rule(number=PICK, limit=st.integers(3, 40))
    def read_thinned(self, number: int, limit: int) -> None:
        handle = self.pick(number)
        if handle is None or not self.reference.alive(handle.thing):
            return
        if limit < 4:
            with pytest.raises(InvalidArgumentError, match=f"max_points is {limit}"):
                handle.real.metrics(max_points=limit)
            return
        table = handle.real.metrics(max_points=limit).to_dict()
        kept = [Point(*row, None) for row in zip(table["key"], table["step"], table["value"], strict=True)]
        whole = self.sorted_points(handle.thing)
        assert [key for key, _ in itertools.groupby(kept, key=lambda p: p.key)] == list(dict.fromkeys(p.key for p in whole))
        for key in {point.key for point in whole}:
            thinned_well([p for p in kept if p.key == key], [p for p in whole if p.key == key], limit)

    @rule(number=PICK, step=STEPS)
    def rewind(self, number: int, step: int) -> None:
        handle = self.pick(number, "experiment")
        if handle:
            self.both(lambda: self.reference.rewind(handle.id, step), lambda: handle.real.rewind(step))

    @rule(slot=SLOTS)
    def flush(self, slot: int) -> None:
        self.client(slot).flush()

    @staticmethod
    def sorted_points(thing: Thing) -> list[Point]:
        return sorted(thing.points, key=lambda point: (point.key.encode(), point.step))

    def compare_metrics(self, handle: Handle, keys: list[str], first: int | None, last: int | None) -> None:
        found = self.both(
            lambda: self.reference.get(handle.id),
            lambda: handle.real.metrics(*keys, start_step=first, end_step=last).to_dict(),
        )
        if found is None:
            return
        thing, table = found
        low, high = EDGES[0] if first is None else first, EDGES[1] if last is None else last
        wanted = [p for p in self.sorted_points(thing) if (not keys or p.key in keys) and low <= p.step <= high]
        values = [exact(value) for value in table["value"]]
        assert list(zip(table["key"], table["step"], values, strict=True)) == plain(wanted)
        for point, wallclock in zip(wanted, table["wallclock"], strict=True):
            if point.wallclock_us is None:
                assert abs(datetime.now(UTC) - wallclock) < timedelta(hours=1)
            else:
                assert wallclock == moment(point.wallclock_us)

    # -- events

    @rule(
        number=PICK,
        name=st.sampled_from(["saved", "ø"]),
        source=st.sampled_from(["", "trainer"]),
        metadata=st.dictionaries(st.sampled_from(["n", "m"]), st.integers(-3, 3) | st.text(max_size=3), max_size=2),
        wallclock_us=st.sampled_from([0, 1, 1_700_000_000_123_457]),
    )
    def log_event(self, number: int, name: str, source: str, metadata: dict[str, Any], wallclock_us: int) -> None:
        handle = self.pick(number)
        if handle:
            handle.real.log_event(name, source=source, metadata=metadata, wallclock=moment(wallclock_us))
            self.reference.log_event(handle.thing, Occurrence(name, source, metadata, wallclock_us))

    @rule(number=PICK, fails=st.booleans())
    def span(self, number: int, fails: bool) -> None:
        handle = self.pick(number)
        if handle is None:
            return
        try:
            with handle.real.span("epoch", n=1):
                if fails:
                    raise KeyError("lost")
        except KeyError:
            assert fails
        outcome = {"error": "KeyError: 'lost'"} if fails else {}
        self.reference.log_event(handle.thing, Occurrence("epoch_started", "", {"n": 1}, None))
        self.reference.log_event(handle.thing, Occurrence("epoch_finished", "", {"n": 1, **outcome}, None))

    @rule(number=PICK, since_us=st.sampled_from([None, 1, 1_700_000_000_123_457, 1_700_000_000_123_458]))
    def read_events(self, number: int, since_us: int | None) -> None:
        handle = self.pick(number)
        if handle:
            self.compare_events(handle, since_us)

    def compare_events(self, handle: Handle, since_us: int | None = None) -> None:
        found = self.both(lambda: self.reference.get(handle.id), lambda: handle.real.events(since=moment(since_us)))
        if found is None:
            return
        thing, events = found
        late = 2**62
        wanted = [e for e in thing.events if since_us is None or (late if e.wallclock_us is None else e.wallclock_us) >= since_us]
        wanted.sort(key=lambda e: late if e.wallclock_us is None else e.wallclock_us)
        assert [(e.name, e.source) for e in events] == [(w.name, w.source) for w in wanted]
        for event, occurrence in zip(events, wanted, strict=True):
            assert event.metadata.items() >= occurrence.metadata.items()
            assert occurrence.wallclock_us is None or event.wallclock == moment(occurrence.wallclock_us)

    # -- the feed

    @rule(slot=SLOTS, since=st.integers(0, 100), limit=st.none() | st.integers(0, 9), namespace=st.none() | NAMESPACES)
    def read_feed(self, slot: int, since: int, limit: int | None, namespace: str | None) -> None:
        client = self.client(slot)
        wanted = [(seq, e) for seq, e in enumerate(self.reference.feed, 1) if seq > since and namespace in (None, e.namespace)]
        self.compare_changes(client.changes(either(namespace), since=since, limit=limit), wanted[:limit])

    def compare_feed(self, client: ModelBoxClient, page: int) -> list[Change]:
        """Read the whole feed in pages, resuming from each last seq."""
        found: list[Change] = []
        while True:
            changes = client.changes("*", since=found[-1].seq if found else 0, limit=page)
            found += changes
            if not changes:
                break
        self.compare_changes(found, list(enumerate(self.reference.feed, 1)))
        assert [change.at for change in found] == sorted(change.at for change in found)
        return found

    def compare_changes(self, changes: list[Change], wanted: list[tuple[int, Entry]]) -> None:
        found = [(change.seq, str(change.action), change.object_id, change.namespace) for change in changes]
        assert found == [(seq, e.action, self.real_ids[e.id], e.namespace) for seq, e in wanted]
        for change, (_, entry) in zip(changes, wanted, strict=True):
            assert change.object_type == entry.id[0]
            for name, value in entry.about.items():
                if name == "metadata" and entry.action == "logged":
                    assert change.payload[name].items() >= value.items()
                else:
                    assert change.payload[name] == value

    # -- artifacts

    @rule(number=PICK, name=ARTIFACTS, files=st.dictionaries(PATHS, CONTENTS, min_size=1, max_size=3))
    def upload(self, number: int, name: str, files: dict[str, bytes]) -> None:
        handle = self.pick(number, "experiment", "model", "model_version")
        if handle is None:
            return
        if "d" in files:
            files = {path: data for path, data in files.items() if not path.startswith("d/")}
        source = Path(tempfile.mkdtemp(prefix="mbx-upload-"))
        try:
            for path, data in files.items():
                (source / path).parent.mkdir(parents=True, exist_ok=True)
                (source / path).write_bytes(data)
                os.utime(source / path, (0, 0))  # a file that has just been written is waited for
            done = self.both(
                lambda: self.reference.put_files(handle.id, name, dict(files)),
                lambda: handle.real.upload_artifact(name, source, progress=False),
            )
        finally:
            shutil.rmtree(source)
        if done:
            self.keep(handle.slot, *done)
            self.compare_files(self.handles[-1])

    @rule(number=PICK, name=ARTIFACTS, last=st.sampled_from(["f", "d", "set.parquet"]), checksum=st.sampled_from([None, "md5:x"]))
    def track(self, number: int, name: str, last: str, checksum: str | None) -> None:
        handle = self.pick(number, "experiment", "model", "model_version")
        if handle is None:
            return
        uri = f"s3://bucket/{last}"
        done = self.both(
            lambda: self.reference.put_files(handle.id, name, {last: (uri, checksum or "")}),
            lambda: handle.real.track_artifact(name, uri, checksum),
        )
        if done:
            self.keep(handle.slot, *done)

    @rule(number=PICK)
    def download(self, number: int) -> None:
        handle = self.pick(number, "artifact")
        if handle and self.reference.alive(handle.thing):
            self.compare_files(Handle(handle.slot, handle.thing, self.fetch(self.clients[handle.slot], handle.thing)))

    def compare_files(self, handle: Handle) -> None:
        """Compare the list of files, and what a download gives."""
        art, files = handle.real, handle.thing.files
        assert [file.path for file in art.files] == sorted(files, key=str.encode)
        tracked = {path: given for path, given in files.items() if isinstance(given, tuple)}
        assert {f.path: (f.uri, f.digest) for f in art.files if f.path in tracked} == tracked
        with tempfile.TemporaryDirectory(prefix="mbx-download-") as folder:
            if tracked:
                with pytest.raises(InvalidArgumentError, match="tracked, not stored"):
                    art.download(folder, progress=False)
            else:
                art.download(folder, progress=False)
                found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}
                assert found == files
                assert {file.path: file.size for file in art.files} == {path: len(data) for path, data in found.items()}

    @rule(slot=SLOTS, dry_run=st.booleans())
    def collect_garbage(self, slot: int, dry_run: bool) -> None:
        report = self.client(slot).collect_garbage(dry_run=dry_run)
        garbage = self.reference.garbage()
        assert (report.blobs, report.bytes) == (len(garbage), sum(map(len, garbage)))
        if not dry_run:
            self.reference.content -= garbage
