"""Experiments."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from modelbox.objects.lineage import Lineage
from modelbox.objects.uploading import ArtifactHolder
from modelbox.records import ExperimentRecord, Status


class Experiment(ArtifactHolder[ExperimentRecord]):
    """A run of training or evaluation: identity (namespace, name, owner).

    As a context manager it finishes at the end of the block: as failed when an exception leaves it.
    """

    __slots__ = ()

    @property
    def owner(self) -> str:
        """Who owns it."""
        return self._record.owner

    @property
    def external_id(self) -> str:
        """Its id in another system, or ""."""
        return self._record.external_id

    @property
    def framework(self) -> str:
        """A value of :class:`modelbox.MLFramework`, or ""."""
        return self._record.framework

    @property
    def task(self) -> str:
        """What it is for, such as ``image-classification``; may be empty."""
        return self._record.task

    @property
    def status(self) -> str:
        """``running``, ``finished`` or ``failed``, when this handle last read or changed it."""
        return str(self._record.status)

    @property
    def parent_id(self) -> str | None:
        """The experiment it is nested under."""
        return self._record.parent_id

    def finish(self, status: str = "finished") -> None:
        """Set the status to ``finished`` or ``failed``; creating the experiment again sets it running.

        Raises:
            InvalidArgumentError: The status is not known.
            NotFoundError: The experiment has been deleted.
        """
        self._record = self._session.backend.finish_experiment(self.id, status=status)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.finish(Status.FINISHED if error is None else Status.FAILED)

    def children(self) -> list[Experiment]:
        """The experiments nested under this one, newest first."""
        found = self._session.backend.list_experiments(namespace=None, parent_id=self.id)
        return [Experiment(self._session, record) for record in found]

    def rewind(self, step: int) -> None:
        """Hide the points logged so far after a step, as when training resumes from an earlier checkpoint. Deletes nothing.

        Args:
            step: The last step that stays visible.
        """
        self._session.backend.rewind(self.id, step=step, at_us=self._session.journal.now_us())

    def lineage(self) -> Lineage:
        """The model versions that came of this experiment."""
        return Lineage.of(self._session, self._session.backend.lineage(self.id))

    def _repr_html_(self) -> str:
        from modelbox.display import experiment_html

        return experiment_html(self)
