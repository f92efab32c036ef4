"""Delivering what clients of a server logged while it was away, and left in their spool when they died."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelbox.backends.base import Backend
from modelbox.errors import InvalidArgumentError, ModelBoxError, NotFoundError, UnavailableError
from modelbox.journal import JournalState, adopt_abandoned, inspect
from modelbox.oserrors import storage_errors
from modelbox.records import MetricBatch, PendingEvent, PushReport


def deliver_spool(folder: Path, target: Backend) -> PushReport:
    """Deliver the journals of dead writers, and remove them. Those of living ones are left to them.

    Args:
        folder: Where the folders of the writers are.
        target: Where to.

    Returns:
        How many points and events there were, and as problems what stays in the spool, and why.

    Raises:
        InvalidArgumentError: The folder is none, or is a store, or belongs to another server.
        UnavailableError: The target, or the spool, is out of reach; delivering again goes on from there.
    """
    if not folder.is_dir():
        raise InvalidArgumentError(f"{folder} is not a folder with journals; there is nothing to deliver")
    if (folder / "modelbox.json").exists():
        raise InvalidArgumentError(f"{folder} is a store, not a folder with journals; push it")
    counting = _CountingSink(target, trusted=_noted_store(folder) == target.spool().store or folder == target.spool().folder)
    with storage_errors("deliver", str(folder)):
        try:
            damage = adopt_abandoned(folder, counting).damage
        except ModelBoxError:
            raise
        except Exception as error:
            raise UnavailableError(f"what is in {folder} is not delivered, and stays: {error}") from error
        left = list(inspect(folder))
    problems = [f"{error}; the rest of it is delivered" for error in damage]
    problems += [_why(state) for state in left if not state.set_aside]
    return PushReport(points=counting.points, events=counting.events, problems=tuple(problems))


def _why(state: JournalState) -> str:
    if state.newer:
        return f"{state.path} is of a newer modelbox, and stays: upgrade modelbox-sdk"
    what = f"{state.points:,} points and {state.events:,} events in {state.path}"
    if state.alive:
        return f"{what} belong to a process that is alive, which delivers them itself"
    return f"{what} are not delivered; try again"


def _noted_store(folder: Path) -> str | None:
    try:
        return (folder / "store").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None


class _CountingSink:
    """Hands everything on, and counts it.

    Args:
        target: Where to.
        trusted: Whether the journals are known to be for the target. If they are for another one, it has none of their objects, and
            would take what is logged on them for that of deleted ones, and drop it.
    """

    def __init__(self, target: Backend, *, trusted: bool) -> None:
        self._target = target
        self._trusted = trusted
        self._known: set[tuple[str, str]] = set()
        self.points = 0
        self.events = 0

    def append_metrics(self, batches: Sequence[MetricBatch]) -> None:
        self._require({(batch.object_id, batch.uid) for batch in batches})
        self._target.append_metrics(batches)
        self.points += sum(len(batch.points) for batch in batches)

    def append_events(self, writer: str, events: Sequence[PendingEvent]) -> None:
        self._require({(event.object_id, event.uid) for event in events})
        self._target.append_events(writer, events)
        self.events += len(events)

    def _require(self, lives: set[tuple[str, str]]) -> None:
        for object_id, uid in () if self._trusted else sorted(lives - self._known):
            if self._life_of(object_id) != uid:
                raise InvalidArgumentError(
                    f"{self._target.description()} does not have the object {object_id} that was logged on; deliver the spool to"
                    " the server that it is of, or push the store that it belongs to first"
                )
            self._known.add((object_id, uid))

    def _life_of(self, object_id: str) -> str | None:
        try:
            return self._target.get_object(object_id).uid
        except NotFoundError:
            return None
