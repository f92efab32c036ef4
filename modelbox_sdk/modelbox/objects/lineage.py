"""What is behind an object, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelbox.objects.artifact import Artifact
    from modelbox.objects.experiment import Experiment
    from modelbox.objects.session import Session
    from modelbox.objects.version import ModelVersion
    from modelbox.records import LineageRecord


@dataclass(frozen=True, slots=True)
class Lineage:
    """The neighbours of an object. What has been deleted is not there any more.

    Attributes:
        experiments: Experiments that a version came of.
        datasets: Artifacts that a version was made from.
        artifacts: Artifacts of the version and of its experiment.
        versions: Versions that came of an experiment.
    """

    experiments: tuple[Experiment, ...] = ()
    datasets: tuple[Artifact, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    versions: tuple[ModelVersion, ...] = ()

    @classmethod
    def of(cls, session: Session, record: LineageRecord) -> Lineage:
        """Handles for what a backend found."""
        from modelbox.objects.artifact import Artifact
        from modelbox.objects.experiment import Experiment
        from modelbox.objects.version import ModelVersion

        return cls(
            experiments=tuple(Experiment(session, found) for found in record.experiments),
            datasets=tuple(Artifact(session, found) for found in record.datasets),
            artifacts=tuple(Artifact(session, found) for found in record.artifacts),
            versions=tuple(ModelVersion(session, found) for found in record.versions),
        )
