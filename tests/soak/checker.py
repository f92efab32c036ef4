"""Compares a store with the ledger of those who worked on it."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from ledger import Ledger, Op
from worker import MODEL, OWNER, SCALE, SHARED, content_of, number_of

from modelbox import Change, ModelBoxClient, NotFoundError

OPEN_S = 10.0
OPEN_REMOTE_S = 60.0
"""What dead processes left goes over the network first."""
SETTLE_S = 10.0


class ViolationError(AssertionError):
    """The store broke a promise."""


def require(holds: object, text: str) -> None:
    if not holds:
        raise ViolationError(text)


class Checker:
    """One verification, with a client of its own.

    Args:
        uri: The store.
        ledger: What was done to it.
        downloaded: Names of artifacts that were verified before, which are not downloaded again.
    """

    def __init__(self, uri: str, ledger: Ledger, downloaded: set[str]) -> None:
        self.ledger = ledger
        self.downloaded = downloaded
        self.counts: Counter[str] = Counter()
        started = time.monotonic()
        self.client = ModelBoxClient(uri, owner=OWNER)
        self.changes = self.client.changes("*")
        took = time.monotonic() - started
        bound_s = OPEN_REMOTE_S if uri.startswith("grpc://") else OPEN_S
        require(took < bound_s, f"opening took {took:.1f} s")

    def run(self) -> Counter[str]:
        with self.client:
            deadline = time.monotonic() + SETTLE_S
            while True:
                try:
                    self.check_feed()
                    self.check_points()
                    self.check_own_series()
                    break
                except ViolationError:
                    # Somebody else may be at the journals of the dead; the contract gives them some seconds.
                    if time.monotonic() > deadline:
                        raise
                time.sleep(0.5)
                self.changes = self.client.changes("*")
                self.counts["late journals"] += 1
            self.check_order()
            self.check_tags()
            self.check_objects()
            self.check_artifacts()
        self.counts["verifications"] += 1
        return self.counts

    # -- the feed

    def check_order(self) -> None:
        """Events come into the feed in the order of their logging, for as long as a process has one client."""
        at = {_token(change): change.seq for change in self.changes if change.action == "logged"}
        for ops in self.ledger.ops.values():
            last = 0
            for op in ops:
                if op.do == "reopen":
                    last = 0
                found = [at.get(f"logged {op.token}.{i}", 0) for i in range(op.about["count"] if op.do == "events" else 0)]
                there = [last, *filter(None, found)]
                require(there == sorted(there), f"events of {op.token} are not in order: {there}")
                last = there[-1]

    def check_feed(self) -> None:
        seqs = [change.seq for change in self.changes]
        require(seqs == list(range(1, len(seqs) + 1)), f"the feed has gaps or repetitions: {_breaks(seqs)}")
        seen = Counter(token for change in self.changes for token in [_token(change)] if token)
        known = {}
        for op in self.ledger.all("events"):
            for i in range(op.about["count"]):
                known[f"logged {op.token}.{i}"] = op.done
            found = [f"logged {op.token}.{i}" in seen for i in range(op.about["count"])]
            require(found == sorted(found, reverse=True), f"events of {op.token} are there without earlier ones")
        for op in self.ledger.all("metadata"):
            known[f"metadata {op.token}"] = op.done
        for op in self.ledger.all("create", "version"):
            known[f"created {op.token}"] = op.done
        for op in self.ledger.all("race"):
            if not op.done or op.outcome["won"]:  # type: ignore[index]
                known[f"created {op.token}"] = op.done
        for op in self.ledger.all("upload"):
            known[f"created {op.token}"] = op.done
        for op in self.ledger.all("delete", "drop"):
            known[f"deleted {op.about.get('id') or op.about['name']}"] = op.done
        for token, done in known.items():
            count = seen.pop(token, 0)
            require(count == 1 or (count == 0 and not done), f"{token!r} is {count} times in the feed; acknowledged: {done}")
        moves = {token: count for token, count in seen.items() if token.startswith(("moved ", "rewind "))}
        require(not set(seen) - set(moves), f"nobody did these: {list(set(seen) - set(moves))[:5]}")
        self.counts["changes"] = len(seqs)

    # -- points

    def check_points(self) -> None:
        read = Counter(map(number_of, self.client.create_experiment(SHARED).metrics().to_dict()["value"]))
        doubled = [value for value, count in read.items() if count > 1]
        require(not doubled, f"points are there twice: {doubled[:5]} ({len(doubled)} of them)")
        total = 0
        for op in self.ledger.all("points"):
            first, count = op.who * SCALE + op.about["first"], op.about["count"]
            found = [value in read for value in range(first, first + count)]
            require(all(found) or not op.done, f"{op.token} logged {count} points, and {sum(found)} are there: {found[:10]}")
            require(found == sorted(found, reverse=True), f"points of {op.token} are there without earlier ones")
            total += sum(found)
        require(total == len(read), f"{len(read) - total} points are there that nobody logged")
        self.counts["points"] = total

    def check_own_series(self) -> None:
        for who, ops in self.ledger.ops.items():
            created = next((op for op in ops if op.do == "create"), None)
            mine = [op for op in ops if op.do in ("own", "rewind")]
            if not mine or created is None:
                continue
            experiment = self.client.create_experiment(created.token)
            table = experiment.metrics("x").to_dict()
            found = Counter(int(value) for value in table["value"])
            require(not found or max(found.values()) == 1, f"own points of life {who} are there twice")
            allowed = list(_allowed(mine))
            require(set(found) in allowed, f"life {who} should see {sorted(allowed[0])}, and sees {sorted(found)}")

    # -- objects

    def check_tags(self) -> None:
        versions = self.client.get_model(MODEL).list_versions() if self.client.list_models() else []
        held = Counter(tag for version in versions for tag in version.unique_tags)
        require(not held or max(held.values()) == 1, f"a unique tag has several holders: {held.most_common(1)}")
        holders = {tag: version.version for version in versions for tag in version.unique_tags}
        races: dict[str, list[Op]] = {}
        for op in self.ledger.all("race"):
            races.setdefault(op.about["tag"], []).append(op)
        for tag, ops in races.items():
            winners = [op.token for op in ops if op.done and op.outcome["won"]]  # type: ignore[index]
            lost = [op for op in ops if op.done and not op.outcome["won"]]  # type: ignore[index]
            require(len(winners) <= 1, f"{tag} was won by {winners}")
            require(not winners or holders.get(tag) == winners[0], f"{tag} was won by {winners}, and {holders.get(tag)} holds it")
            require(tag in holders or not lost, f"{tag} was lost by {[op.token for op in lost]} to nobody")
            self.counts["races won"] += len(winners)
            self.counts["races lost"] += len(lost)
        self.check_moves(holders)

    def check_moves(self, holders: dict[str, str]) -> None:
        moves = [change.payload["tag"] for change in self.changes if "tag" in change.payload]
        chain = [None, *(move["to"] for move in moves)]
        require([move["from"] for move in moves] == chain[:-1], "a move of the tag was not from its holder")
        require(holders.get("prod") == chain[-1], f"{chain[-1]!r} took the tag last, and {holders.get('prod')!r} holds it")
        made = Counter(move["to"] for move in moves)
        done, begun = Counter[str](), Counter[str]()
        for op in self.ledger.all("move"):
            moved = op.done and op.outcome["moved"]  # type: ignore[index]
            done[op.about["to"]] += bool(moved)
            begun[op.about["to"]] += bool(moved or not op.done)
            self.counts["moves won" if moved else "moves lost"] += op.done
        for version in made | begun:
            wanted = (done[version], begun[version])
            require(wanted[0] <= made[version] <= wanted[1], f"{version} took the tag {made[version]} times; {wanted} acknowledged")

    def check_objects(self) -> None:
        names = Counter(experiment.name for experiment in self.client.list_experiments("*"))
        require(not names or max(names.values()) == 1, f"an experiment is listed twice: {names.most_common(1)}")
        by_id = {change.object_id: change.payload["name"] for change in self.changes if change.action == "created"}
        gone = {by_id[op.about["id"]] for op in self.ledger.all("delete") if op.done}
        going = {by_id[op.about["id"]] for op in self.ledger.all("delete")}
        for op in self.ledger.all("create"):
            if op.done and op.token not in going:
                require(op.token in names, f"experiment {op.token} is not there")
        require(not gone & set(names), f"deleted experiments are there: {gone & set(names)}")
        metadata = self.client.create_experiment(SHARED).metadata()
        for who, ops in self.ledger.ops.items():
            mine = [op for op in ops if op.do == "metadata"]
            if any(op.done for op in mine):
                # What got no answer may also have been made late, after what came after it.
                allowed = {op.token for op in mine if not op.done} | {[op for op in mine if op.done][-1].token}
                require(metadata.get(f"w{who}") in allowed, f"metadata of {who} is {metadata.get(f'w{who}')}, not {allowed}")
        self.counts["commits"] = len([change for change in self.changes if change.action != "logged"])
        self.counts["events"] = len([change for change in self.changes if change.action == "logged"])

    def check_artifacts(self) -> None:
        dropped = {op.about["name"] for op in self.ledger.all("drop")}
        surely = {op.about["name"] for op in self.ledger.all("drop") if op.done}
        for who, ops in self.ledger.ops.items():
            own = next((op.token for op in ops if op.do == "create"), None)
            for op in ops:
                if op.do != "upload" or op.token in self.downloaded:
                    continue
                experiment = self.client.create_experiment(str(own))
                try:
                    art = experiment.artifact(op.token)
                except NotFoundError:
                    require(op.token in dropped or not op.done, f"artifact {op.token} of {who} is not there")
                    continue
                require(op.token not in surely, f"artifact {op.token} is deleted, and there")
                with tempfile.TemporaryDirectory() as folder:
                    (path,) = [path for path in art.download(folder, progress=False).rglob("*") if path.is_file()]
                    require(
                        Path(path).read_bytes() == content_of(op.about["seed"], op.about["size"]), f"{op.token} has other bytes"
                    )
                self.downloaded.add(op.token)
                self.counts["uploads"] += 1


def _token(change: Change) -> str:
    """Which operation a change is of; empty for what all workers do again and again."""
    payload: Any = change.payload
    if change.action == "logged":
        return f"logged {payload['name']}"
    if change.action == "deleted":
        return f"deleted {change.object_id if change.object_type == 'experiment' else payload['name']}"
    if change.action == "created":
        name = payload["version"] if change.object_type == "model_version" else payload["name"]
        return "" if name in (SHARED, MODEL) else f"created {name}"
    if "tag" in payload:
        return f"moved {payload['tag']['to']}"
    if "rewind" in payload:
        return f"rewind {payload['name']}"
    return f"metadata {next(iter(payload['metadata'].values()))}" if "metadata" in payload else f"odd {payload}"


def _allowed(ops: list[Op]) -> Iterator[set[int]]:
    """What may be seen of a series: each rewind without an answer was made or not, and of the last logging some points may lack."""
    unsure = [op for op in ops if op.do == "rewind" and not op.done]
    cuts = [None] if ops[-1].done or ops[-1].do == "rewind" else range(ops[-1].about["count"] + 1)
    for count in range(len(unsure) + 1):
        for missing in combinations(unsure, count):
            made = [op for op in ops if op not in missing]
            yield from (_visible(made, cut) for cut in cuts) if made else [set()]


def _visible(ops: list[Op], cut: int | None = None) -> set[int]:
    """The points of a series that can be seen after some operations; with ``cut``, only so many of the last logging."""
    visible: set[int] = set()
    for op in ops:
        if op.do == "rewind":
            visible = {value for value in visible if value % 40 <= op.about["step"]}
        else:
            count = cut if cut is not None and op is ops[-1] else op.about["count"]
            visible |= set(range(op.about["first"], op.about["first"] + count))
    return visible


def _breaks(seqs: list[int]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in pairwise([0, *seqs]) if b != a + 1][:5]
