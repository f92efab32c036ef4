"""Model versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from modelbox.objects.lineage import Lineage
from modelbox.objects.uploading import ArtifactHolder
from modelbox.records import ModelVersionRecord


class ModelVersion(ArtifactHolder[ModelVersionRecord]):
    """A version of a model: identity (model, version string)."""

    __slots__ = ()

    @property
    def version(self) -> str:
        """The version string."""
        return self._record.version

    @property
    def model_id(self) -> str:
        """The model it is a version of."""
        return self._record.model_id

    @property
    def description(self) -> str:
        """What it is."""
        return self._record.description

    @property
    def framework(self) -> str:
        """A value of :class:`modelbox.MLFramework`, or ""."""
        return self._record.framework

    @property
    def experiment_id(self) -> str | None:
        """The experiment that it came from."""
        return self._record.experiment_id

    @property
    def unique_tags(self) -> list[str]:
        """The unique tags that it held when this handle last read or changed it."""
        return list(self._record.unique_tags)

    @property
    def labels(self) -> dict[str, str]:
        """Labels for operations, such as its privacy class."""
        return dict(self._record.labels)

    def set_labels(self, labels: Mapping[str, str | None]) -> None:
        """Merge labels into those it has; a value of None removes one."""
        self._record = cast(ModelVersionRecord, self._session.backend.set_labels(self.id, labels))

    def lineage(self) -> Lineage:
        """The experiments, datasets and artifacts behind this version."""
        return Lineage.of(self._session, self._session.backend.lineage(self.id))

    def _repr_html_(self) -> str:
        from modelbox.display import version_html

        return version_html(self)
