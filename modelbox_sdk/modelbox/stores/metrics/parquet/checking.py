"""Examining the files of points, and getting damaged ones out of the way of the others. :mod:`.layout` tells what they are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from modelbox.columns import empty
from modelbox.errors import CorruptStoreError, ModelBoxError
from modelbox.findings import Fault, FindingKind
from modelbox.stores.files import Files
from modelbox.stores.metrics.order import ENCODED_SCHEMA
from modelbox.stores.metrics.parquet.folder import PointsFolder
from modelbox.stores.metrics.parquet.layout import Snapshot, batch_of, intent_file, interpret, number_of
from modelbox.stores.metrics.parquet.merging import merge
from modelbox.stores.metrics.parquet.segment import Segment, segment_bytes

_RESTORE = "restore it from a backup"
_MOVE = f"{_RESTORE}, or give its points up with --quarantine"


def check(files: Files, uid: str) -> Iterator[Fault]:
    """Read all points of an object, and report what is not as it should be."""
    for fault in _Examination(PointsFolder(files, uid)).run():
        yield replace(fault, uid=uid)


def quarantine(files: Files, fault: Fault, folder: str) -> None:
    """Get a file out of the way.

    A file that the record of a merge counts on is replaced by one without points, so that the others go on counting.
    """
    points = PointsFolder(files, fault.uid)
    name = fault.path.removeprefix(f"{points.path}/")
    if files.size(fault.path) is not None:
        files.copy(fault.path, f"{folder}/{fault.path}")
    intent = None if name.startswith("merge/") else points.last_intent()
    listing = {info.path.rpartition("/")[2] for info in files.files(points.path)}
    if intent is not None and fault.kind == FindingKind.MISSING and intent.result not in listing and name in intent.sources:
        # What is left of a merge that was never done, and cannot be done as it was meant.
        snapshot = {info.path.rpartition("/")[2]: info.size for info in files.files(points.path)}
        merge(points, {file: snapshot[file] for file in intent.sources if file in snapshot}, intent.result)
    elif intent is not None and (number_of(name) is not None or name in intent.sources):
        files.write(fault.path, segment_bytes(empty(ENCODED_SCHEMA)))
    else:
        files.delete(fault.path)


class _Examination:
    """Of the files of one object."""

    def __init__(self, folder: PointsFolder) -> None:
        self._folder = folder
        self._files = folder.files
        self._known: dict[str, Fault | None] = {}
        """What was found in the segments, which never change."""

    def run(self) -> Iterator[Fault]:
        last_is_damaged = False
        for fault in self._intents():
            last_is_damaged = not fault.movable
            yield fault
        if last_is_damaged:
            # Nothing tells which segments count, so each is looked at.
            names = [info.path.rpartition("/")[2] for info in self._files.files(self._folder.path)]
            yield from (found for name in names if (found := self._segment(name)) is not None)
            return
        try:
            yield from self._folder.load(self._segments)
        except CorruptStoreError as error:
            yield from self._missing(error)

    def _intents(self) -> Iterator[Fault]:
        numbers = self._folder.intents()
        listing = [info.path.rpartition("/")[2] for info in self._files.files(self._folder.path)]
        for number in numbers:
            try:
                self._folder.intent(number)
            except FileNotFoundError:
                continue  # swept meanwhile
            except CorruptStoreError as error:
                # An intent whose result was never made changed nothing: without it, the one before says how things are.
                undone = all((its := number_of(name)) is None or its < number for name in listing)
                newer = any(other > number for other in numbers)
                movable = undone or newer
                yield Fault(
                    kind=FindingKind.DAMAGED,
                    path=self._folder.path_of(intent_file(number)),
                    problem=str(error),
                    meaning="nothing is lost by it"
                    if movable
                    else "no metric of the object can be read: it says which files count",
                    advice="move it away with --quarantine" if movable else f"{_RESTORE}; it cannot be done without",
                    movable=movable,
                )

    def _segments(self, snapshot: Snapshot) -> list[Fault]:
        return [fault for name in snapshot.alive if (fault := self._segment(name)) is not None]

    def _segment(self, name: str) -> Fault | None:
        if batch_of(name) is None and number_of(name) is None:
            return None
        if name not in self._known:
            self._known[name] = self._examine(name)
        return self._known[name]

    def _examine(self, name: str) -> Fault | None:
        path = self._folder.path_of(name)
        try:
            with self._files.open(path) as stream:
                segment = Segment(stream, self._folder.address(name))
                for _ in segment.row_groups():
                    pass
        except CorruptStoreError as error:
            meaning = "metrics of the object that need this file cannot be read; those of other objects can"
            return Fault(kind=FindingKind.DAMAGED, path=path, problem=str(error), meaning=meaning, advice=_MOVE, movable=True)
        except ModelBoxError as error:
            meaning = "metrics of the object cannot be read"
            return Fault(
                kind=FindingKind.UNREADABLE, path=path, problem=str(error), meaning=meaning, advice="see why, and try again"
            )
        return None

    def _missing(self, error: CorruptStoreError) -> Iterator[Fault]:
        state: Snapshot | list[str] = []
        with contextlib.suppress(CorruptStoreError, FileNotFoundError):
            listing = self._files.files(self._folder.path)
            state = interpret(listing, self._folder.last_intent())
        for name in self._names(state):
            movable = number_of(name) is not None or batch_of(name) is not None
            yield Fault(
                kind=FindingKind.MISSING,
                path=self._folder.path_of(name),
                problem=str(error),
                meaning="no metric of the object can be read, for its points are gone, and there is no telling which",
                advice=_MOVE if movable else _RESTORE,
                movable=movable,
            )

    def _names(self, state: Snapshot | list[str]) -> list[str]:
        """The missing files; of a merge that was not done, the sources."""
        if isinstance(state, Snapshot):
            return []
        intent = self._folder.last_intent()
        if intent is None or state != [intent.result]:
            return state
        there = {info.path.rpartition("/")[2] for info in self._files.files(self._folder.path)}
        left = [file for file in intent.sources if file in there]
        # None left: it was done, its sources were removed, and then the result went.
        return [file for file in intent.sources if file not in there] if left else state
