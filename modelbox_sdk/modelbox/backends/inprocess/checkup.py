"""Examining a whole store, and getting what is damaged out of the way of the rest."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from modelbox.backends.base import Backend, Spool
from modelbox.backends.inprocess import rows
from modelbox.errors import ModelBoxError
from modelbox.findings import Fault, Finding, FindingKind
from modelbox.journal import JournalState, adopt_abandoned, inspect, set_aside
from modelbox.oserrors import storage_errors
from modelbox.records import ObjectType
from modelbox.stores.blobs import BlobStore, Reference
from modelbox.stores.files import Files
from modelbox.stores.metadata import MetadataStore, View
from modelbox.stores.metrics import MetricsStore

QUARANTINE = "quarantine"
_IN_SPOOL = ".quarantine"

_Mend = Callable[[Fault], str]
"""Gets a fault out of the way, and says where what was there is now."""


class Checkup:
    """One examination of a store.

    Args:
        backend: Where journals are delivered to, before damaged ones are moved.
        metadata: Its metadata.
        metrics: Its points.
        blobs: Its content.
        storage: What they stand on, if they share it.
        marker: Raises what is wrong with the marker of the store.
        content: Whether all content is read, and its digests compared.
    """

    def __init__(
        self,
        backend: Backend,
        metadata: MetadataStore,
        metrics: MetricsStore,
        blobs: BlobStore,
        *,
        storage: Files | None,
        marker: Callable[[], None],
        content: bool,
    ) -> None:
        self._backend = backend
        self._metadata = metadata
        self._metrics = metrics
        self._blobs = blobs
        self._storage = storage
        self._marker = marker
        self._content = content
        self._objects: dict[str, str] = {}

    def run(self, *, quarantine: bool) -> list[Finding]:
        """Examine everything.

        Args:
            quarantine: Whether damaged files are got out of the way.

        Raises:
            ModelBoxError: The storage fails as a whole, or a file could not be moved.
        """
        found: list[Finding] = []
        for examine, mend in self._parts():
            for fault in examine():
                moved_to = mend(fault) if quarantine and fault.movable else ""
                found.append(self._finding(fault, moved_to))
        return found

    def _parts(self) -> Iterator[tuple[Callable[[], Iterator[Fault]], _Mend]]:
        yield self._marker_faults, _unmoved
        yield self._leftovers, _unmoved
        yield self._metadata.check, self._by(self._metadata.quarantine)
        yield self._journal_faults, self._mend_journal
        with contextlib.suppress(ModelBoxError):  # what is wrong with the metadata is told by then
            self._objects = _objects(self._metadata.view())
        yield self._metrics.check, self._by(self._metrics.quarantine)
        yield self._blob_faults, self._by(self._blobs.quarantine)

    def _by(self, quarantine: Callable[[Fault, str], None]) -> _Mend:
        def mend(fault: Fault) -> str:
            quarantine(fault, QUARANTINE)
            target = f"{QUARANTINE}/{fault.path}"
            if self._storage is None or self._storage.size(target) is None:
                return "nowhere; the rest was made readable without it"
            return self._storage.address(target)

        return mend

    def _finding(self, fault: Fault, moved_to: str) -> Finding:
        file = fault.path if self._storage is None or os.path.isabs(fault.path) else self._storage.address(fault.path)
        owner = self._objects.get(fault.uid, "an object that is deleted" if self._objects else "") if fault.uid else ""
        return Finding(
            kind=str(fault.kind),
            file=file,
            problem=fault.problem,
            meaning=fault.meaning,
            advice=fault.advice,
            object=owner,
            movable=fault.movable,
            moved_to=moved_to,
        )

    def _marker_faults(self) -> Iterator[Fault]:
        try:
            self._marker()
        except ModelBoxError as error:
            meaning = "no process can open the store, but those that have it open already"
            yield Fault(kind=FindingKind.DAMAGED, path="modelbox.json", problem=str(error), meaning=meaning, advice="restore it")

    def _leftovers(self) -> Iterator[Fault]:
        for info in self._storage.leftovers() if self._storage is not None else ():
            problem = f"a process that was killed left this temporary file of {info.size:,} bytes"
            yield Fault(kind=FindingKind.LEFTOVER, path=info.path, problem=problem, meaning="none", advice="it may be deleted")

    # -- journals

    def _journal_faults(self) -> Iterator[Fault]:
        spool = self._backend.spool()
        if spool.folder is None:
            return
        with storage_errors("read", str(spool.folder)):
            for state in inspect(spool.folder):
                yield from _journal_faults(state)

    def _mend_journal(self, fault: Fault) -> str:
        spool = self._backend.spool()
        assert spool.folder is not None  # noqa: S101
        with storage_errors("move", fault.path):
            adopt_abandoned(spool.folder, self._backend)
            for path in (fault.path, f"{fault.path}.damaged"):
                if path.endswith(".damaged") and os.path.exists(path):
                    target = _quarantine_of(spool) / Path(path).relative_to(spool.folder)
                    set_aside(path, str(target))
                    return str(target)
        return ""

    # -- content

    def _blob_faults(self) -> Iterator[Fault]:
        try:
            referenced = _references(self._metadata.view())
        except ModelBoxError as error:
            yield Fault(
                kind=FindingKind.UNREADABLE,
                path="artifacts",
                problem=f"content was not examined: {error}",
                meaning="none by itself",
                advice="examine the store again when its metadata can be read",
            )
            return
        for fault in self._blobs.check(referenced, content=self._content):
            name = fault.path.removeprefix("artifacts/")
            # It may have been deleted while it was examined.
            if fault.kind != FindingKind.MISSING or name in _references(self._metadata.view()):
                yield fault


def _unmoved(fault: Fault) -> str:
    del fault
    return ""


def _quarantine_of(spool: Spool) -> Path:
    assert spool.folder is not None  # noqa: S101
    return spool.folder.parent / QUARANTINE / spool.folder.name if spool.shared else spool.folder / _IN_SPOOL


def _journal_faults(state: JournalState) -> Iterator[Fault]:
    if state.set_aside:
        yield Fault(
            kind=FindingKind.DAMAGED,
            path=state.path,
            problem="a journal that was damaged; what could be read of it has been delivered",
            meaning="some of what was logged before its writer died may be lost",
            advice="move it away with --quarantine, and keep it if it matters",
            movable=True,
        )
    elif state.newer:
        meaning = "what is in it is not visible, and stays there"
        advice = "upgrade modelbox-sdk, and open the store"
        yield Fault(kind=FindingKind.UNREADABLE, path=state.path, problem=state.damage[0], meaning=meaning, advice=advice)
    elif state.damage:
        yield Fault(
            kind=FindingKind.DAMAGED,
            path=state.path,
            problem="; ".join(state.damage),
            meaning=f"some of what was logged is lost; {state.points:,} points and {state.events:,} events in it can be read",
            advice="its process delivers it" if state.alive else "deliver the rest and move it away with --quarantine",
            movable=not state.alive,
        )
    elif not state.alive and (state.points or state.events):
        yield Fault(
            kind=FindingKind.UNDELIVERED,
            path=state.path,
            problem=f"its writer died; {state.points:,} points and {state.events:,} events in it are not delivered",
            meaning="nothing is lost",
            advice="any process that logs to the store delivers it; so does: modelbox watch --since 0 --timeout 0",
        )


def _objects(view: View) -> dict[str, str]:
    """The objects by their lives, as people know them."""
    return {
        row["uid"]: f"{str(kind).replace('_', ' ')} {row.get('version') or row['name']} ({row['id']})"
        for kind, table in rows.TABLE_OF.items()
        for row in view.select(table)
    }


def _references(view: View) -> dict[str, Reference]:
    """What content has to be there, by name."""
    names = {row["id"]: row["name"] for row in view.select(rows.TABLE_OF[ObjectType.ARTIFACT])}
    return {
        row["blob"]: Reference(row["digest"], row["size"], f"{row['path']!r} of artifact {names.get(row['artifact_id'])!r}")
        for row in view.select("artifact_files")
        if row["blob"] is not None
    }
