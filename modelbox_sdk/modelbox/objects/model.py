"""Models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from modelbox.errors import InvalidArgumentError
from modelbox.objects.artifact import Artifact
from modelbox.objects.experiment import Experiment
from modelbox.objects.uploading import ArtifactHolder
from modelbox.objects.version import ModelVersion
from modelbox.records import ModelRecord


class Model(ArtifactHolder[ModelRecord]):
    """A named model with its versions: identity (namespace, name)."""

    __slots__ = ()

    @property
    def owner(self) -> str:
        """Who owns it."""
        return self._record.owner

    @property
    def task(self) -> str:
        """What it is for."""
        return self._record.task

    @property
    def description(self) -> str:
        """What it is."""
        return self._record.description

    @property
    def labels(self) -> dict[str, str]:
        """Labels for operations, such as who serves it."""
        return dict(self._record.labels)

    def set_labels(self, labels: Mapping[str, str | None]) -> None:
        """Merge labels into those it has; a value of None removes one."""
        self._record = cast(ModelRecord, self._session.backend.set_labels(self.id, labels))

    def create_version(
        self,
        version: str,
        *,
        name: str = "",
        description: str = "",
        experiment: Experiment | None = None,
        datasets: Iterable[Artifact] = (),
        framework: str = "",
        unique_tags: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> ModelVersion:
        """Get or create a version. One that exists is returned as it is stored, with ``exists == True``.

        Args:
            version: The version string.
            name: A name of its own; the model's when empty.
            description: What it is.
            experiment: Where it came from.
            datasets: Artifacts that it was made from.
            framework: A :class:`modelbox.MLFramework`, or its name in any case.
            unique_tags: Tags that only one version of a model holds, such as ``prod``.
            labels: Labels for operations.
            metadata: JSON values.

        Raises:
            AlreadyExistsError: Another version holds one of the tags; nothing is created.
        """
        record, exists = self._session.backend.create_version(
            self.id,
            version=version,
            name=name,
            description=description,
            experiment_id=None if experiment is None else experiment.id,
            dataset_ids=tuple(dataset.id for dataset in datasets),
            framework=framework,
            unique_tags=unique_tags if isinstance(unique_tags, str) else tuple(unique_tags),
            labels=labels,
            metadata=metadata,
        )
        return ModelVersion(self._session, record, exists=exists)

    def get_version(self, version: str | None = None, *, tag: str | None = None) -> ModelVersion:
        """The version with a version string, or the one that holds a unique tag.

        Raises:
            NotFoundError: There is none.
        """
        if version is None and tag is None:
            raise InvalidArgumentError("name a version, or a tag")
        return ModelVersion(self._session, self._session.backend.get_version(self.id, version=version, tag=tag))

    def list_versions(self) -> list[ModelVersion]:
        """The versions, oldest first."""
        return [ModelVersion(self._session, record) for record in self._session.backend.list_versions(self.id)]

    def delete_version(self, version: str, *, force: bool = False) -> None:
        """Delete a version, with all that hangs on it.

        Raises:
            NotFoundError: There is none.
            ConflictError: It holds a unique tag, and ``force`` is False.
        """
        backend = self._session.backend
        backend.delete(backend.get_version(self.id, version=version).id, force=force)

    def move_tag(self, tag: str, *, to: ModelVersion, if_held_by: str | None = None) -> None:
        """Give a unique tag to a version, taking it from its holder. Nobody ever sees two holders, or none in between.

        Args:
            tag: The tag; it need not exist yet.
            to: The version that is to hold it.
            if_held_by: The version string that must hold it now.

        Raises:
            ConflictError: ``if_held_by`` does not hold it.
        """
        if not isinstance(to, ModelVersion):
            raise TypeError(f"to must be a ModelVersion, not {type(to).__name__}")
        to._record = self._session.backend.move_tag(self.id, tag, version_id=to.id, if_held_by=if_held_by)

    def remove_tag(self, tag: str) -> None:
        """Take a unique tag from its holder.

        Raises:
            NotFoundError: No version holds it.
        """
        self._session.backend.remove_tag(self.id, tag)

    def _repr_html_(self) -> str:
        from modelbox.display import model_html

        return model_html(self)
