"""A push: the objects of a store, with all that hangs on them, to another backend."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from modelbox.backends.base import Backend
from modelbox.backends.inprocess import InProcessBackend
from modelbox.errors import InvalidArgumentError, NotFoundError
from modelbox.pushing.exclusion import Cuts, exclusively
from modelbox.pushing.objects import ObjectSender
from modelbox.pushing.patience import patiently
from modelbox.pushing.points import PointSender
from modelbox.pushing.report import Tally
from modelbox.records import ExperimentRecord, ModelRecord, ObjectRecord, PendingEvent, PushReport

_EVENTS_A_CALL = 500

Progress = Callable[[PushReport], None]


def push(local: Backend, target: Backend, *, namespace: str | None = None, progress: Progress = lambda _: None) -> PushReport:
    """Send what a store has and another backend lacks.

    It may be done again at any time: while others log to the store, and after a push that was killed at any moment. Every point,
    event and artifact is there once then. Nothing is deleted on the target. What is created in the store meanwhile is left to the
    next push, and what is deleted there is left out.

    Args:
        local: An embedded store.
        target: Where to.
        namespace: Only this one; all of them when None.
        progress: Told now and then what has been sent.

    Raises:
        InvalidArgumentError: It is not an embedded store.
        ConflictError: Another process is pushing this store.
        UnavailableError: The target, or the storage of the store, is out of reach; pushing again goes on from there.
    """
    if not isinstance(local, InProcessBackend):
        raise InvalidArgumentError(f"{local.description()} cannot be pushed; only an embedded store can")
    with exclusively(local.spool().folder, local.description()) as cuts:
        report = _Push(local, target, cuts, namespace, progress).run()
        cuts.clear()
    return report


class _Push:
    """One push: what objects are, then their points, then artifacts, then events, and the status of experiments at the end."""

    def __init__(self, local: InProcessBackend, target: Backend, cuts: Cuts, namespace: str | None, progress: Progress) -> None:
        self._local = local
        self._target = target
        self._namespace = namespace
        self._progress = progress
        self._tally = Tally()
        self._objects = ObjectSender(local, target, self._tally)
        self._points = PointSender(local, target, cuts, self._tally)

    def run(self) -> PushReport:
        # Before the objects are listed: an event up to here is on one of those, or on one that is gone.
        last_event = self._local.last_seq()
        experiments = self._local.list_experiments(namespace=self._namespace)[::-1]
        models = self._local.list_models(namespace=self._namespace)[::-1]
        holders: list[ObjectRecord] = [*self._send_experiments(experiments), *self._send_models(models)]
        for record in holders:
            self._send_points("experiments" if isinstance(record, ExperimentRecord) else "", record)
        for record in holders:
            self._send_artifacts(record)
        self._points.flush()
        for namespace in sorted({record.namespace for record in holders}):
            self._send_events(namespace, last_event)
        for experiment in experiments:
            with self._unless_deleted(experiment):
                self._objects.status(experiment)
        return self._tally.report()

    def _send_experiments(self, records: list[ExperimentRecord]) -> Iterator[ObjectRecord]:
        for record in records:
            with self._unless_deleted(record):
                self._objects.experiment(record)
                yield record

    def _send_models(self, records: list[ModelRecord]) -> Iterator[ObjectRecord]:
        for model in records:
            with self._unless_deleted(model):
                self._objects.model(model)
                yield model
                versions = self._local.list_versions(model.id)
                for version in versions:
                    with self._unless_deleted(version):
                        self._objects.version(version)
                        yield version
                self._objects.tags(model, [version for version in versions if version.id in self._objects.lives])

    def _send_points(self, counted: str, record: ObjectRecord) -> None:
        life = self._objects.lives.get(record.id)
        if life is None:
            return
        with self._unless_deleted(record):
            if self._points.send(record, life[1]) and counted:
                self._tally.touched[counted].add(record.id)
        self._progress(self._tally.report())

    def _send_artifacts(self, holder: ObjectRecord) -> None:
        with self._unless_deleted(holder):
            for artifact in self._local.list_artifacts(holder.id):
                with self._unless_deleted(artifact):
                    self._objects.artifact(artifact)
                self._send_points("artifacts", artifact)

    def _send_events(self, namespace: str, last: int) -> None:
        writer = f"push/{self._local.store_id()}/{namespace}"
        position = self._target.last_event(writer)
        while position < last:
            page = self._local.logged_events(since=position, limit=_EVENTS_A_CALL, namespace=namespace)
            events = [event for event in page if event.sequence <= last]
            if not events:
                return
            position = events[-1].sequence
            lives = self._objects.lives
            known = [
                dataclasses.replace(event, uid=lives[event.object_id][1])
                for event in events
                if event.object_id in lives and lives[event.object_id][0] == event.uid
            ]
            if known:
                self._send_page(writer, known)

    def _send_page(self, writer: str, events: list[PendingEvent]) -> None:
        patiently(self._target, lambda: self._target.append_events(writer, events))
        self._tally.events += len(events)
        self._progress(self._tally.report())

    @contextlib.contextmanager
    def _unless_deleted(self, record: ObjectRecord) -> Iterator[None]:
        """Leave the block when what it is about turns out to be deleted in the store meanwhile."""
        try:
            yield
        except NotFoundError:
            if self._is_alive(record):
                raise

    def _is_alive(self, record: ObjectRecord) -> bool:
        try:
            return self._local.get_object(record.id).uid == record.uid
        except NotFoundError:
            return False
