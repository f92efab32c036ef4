"""Delivering what dead writers left, and reading what any writer has not delivered yet."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from modelbox.errors import CorruptStoreError
from modelbox.journal import layout, ownership
from modelbox.journal.batches import build_batches
from modelbox.journal.decode import Contents, Decoder, event_chunks
from modelbox.records import MetricBatch

if TYPE_CHECKING:
    from modelbox.journal.delivery import Sink

DAMAGED_SUFFIX = ".damaged"
_log = logging.getLogger("modelbox")
_BATCHES_A_CALL = 64


@dataclass(slots=True)
class AdoptionReport:
    """What became of the journals of dead writers.

    Attributes:
        writers: Names of those whose journals were delivered.
        batches: Batches of metrics that were handed to the sink.
        events: Events that were.
        damage: What could not be read; the files in question are kept under a name that ends in ``.damaged``.
    """

    writers: list[str] = field(default_factory=list)
    batches: int = 0
    events: int = 0
    damage: list[CorruptStoreError] = field(default_factory=list)


@dataclass(slots=True)
class PendingPoints:
    """What is still in journals.

    Attributes:
        batches: In the order of the writers' names and sequences.
        damage: What could not be read.
    """

    batches: list[MetricBatch] = field(default_factory=list)
    damage: list[CorruptStoreError] = field(default_factory=list)


def adopt_abandoned(folder: str | os.PathLike[str], sink: Sink) -> AdoptionReport:
    """Deliver and remove the journals of dead writers. Of several processes that try, each journal goes to one.

    Raises:
        Exception: What the sink raised; what is not delivered stays, and can be adopted again.
    """
    report = AdoptionReport()
    for writer in abandoned(os.fspath(folder)):
        adopt_writer(os.fspath(folder), writer, sink, contextlib.nullcontext, report)
    return report


def abandoned(folder: str) -> list[str]:
    """Writers that may be dead, the youngest first."""
    ownership.remove_unborn(folder)
    return [writer for writer in reversed(ownership.writers(folder)) if not ownership.is_own(writer)]


def adopt_writer(
    folder: str,
    writer: str,
    sink: Sink,
    gate: Callable[[], AbstractContextManager[None]],
    report: AdoptionReport | None = None,
) -> None:
    """Deliver and remove the journals of a writer, if it is dead and nobody else is at it.

    Args:
        folder: Where the folders of all writers are.
        writer: Which one.
        sink: Where to.
        gate: Entered for each call of the sink, and while its argument is made.
        report: Where to note what was done.

    Raises:
        Exception: What the sink raised.
    """
    report = report or AdoptionReport()
    with ownership.claim(folder, writer) as claimed:
        if not claimed:
            return
        for path in files_of(os.path.join(folder, writer)):
            # A thread that outlived the closing of its journal, or an adopter where there are no locks, may be at it too.
            with contextlib.suppress(FileNotFoundError):
                _deliver_file(path, writer, sink, gate, report)
        ownership.remove_claimed(folder, writer)
        report.writers.append(writer)


def _deliver_file(
    path: str, writer: str, sink: Sink, gate: Callable[[], AbstractContextManager[None]], report: AdoptionReport
) -> None:
    data, contents = read_file(path, writer)
    batches = build_batches(data, contents, writer=writer)
    while True:
        with gate():  # also while batches are made: what pyarrow, or its import, has locked during a fork stays locked in the child
            chunk = list(islice(batches, _BATCHES_A_CALL))
            if not chunk:
                break
            sink.append_metrics(chunk)
        report.batches += len(chunk)
    for events in event_chunks(data, contents.events):
        with gate():
            sink.append_events(writer, events)
        report.events += len(events)
    report.damage += contents.damage
    for damage in contents.damage:
        _log.warning("%s; the rest of it is delivered, and modelbox doctor lists the file", damage)
    if contents.damage and not contents.newer:
        os.rename(path, path + DAMAGED_SUFFIX)
    elif not contents.newer:
        os.unlink(path)


def read_pending(folder: str | os.PathLike[str], uid: str | None = None) -> list[MetricBatch]:
    """The points that are still in the journals of any process, dead or alive.

    A reader calls this *before* it looks at what is stored, and drops the batches whose (writer, sequence, uid) it then finds
    there: a journal may be delivered and removed at any time, and the batch that is being filled grows until it is sealed.

    Args:
        folder: Where the folders of all writers are; it need not exist.
        uid: Only the points of this object.
    """
    return scan_pending(folder, uid).batches


def scan_pending(folder: str | os.PathLike[str], uid: str | None = None) -> PendingPoints:
    """As `read_pending`, with what could not be read."""
    found = PendingPoints()
    root = os.fspath(folder)
    for writer in ownership.writers(root):
        for path in files_of(os.path.join(root, writer)):
            with contextlib.suppress(FileNotFoundError):
                data, contents = read_file(path, writer)
                if contents.damage:
                    # A record that was being written while the file was read looks damaged, but only once.
                    data, contents = read_file(path, writer)
                found.batches += build_batches(data, contents, writer=writer, uid=uid)
                found.damage += contents.damage
    return found


def files_of(path: str) -> Iterator[str]:
    """The journals in the folder of a writer, oldest first."""
    try:
        names = sorted(name for name in os.listdir(path) if name.endswith(layout.SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        yield os.path.join(path, name)


def read_file(path: str, writer: str) -> tuple[memoryview, Contents]:
    """A journal, and what is in it."""
    with open(path, "rb") as file:
        data = memoryview(file.read())
    number = os.path.basename(path).removesuffix(layout.SUFFIX)
    if not number.isdigit():
        return data, Contents(damage=[CorruptStoreError(f"journal {path}: its name is not a number")])
    return data, Decoder(data, writer=writer, number=int(number), name=path).read_all()
