"""Bringing objects on the target to the state that they have in the store. Only what differs is sent, and nothing is deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from modelbox.backends.base import Backend
from modelbox.backends.inprocess import InProcessBackend
from modelbox.errors import InvalidArgumentError, NotFoundError
from modelbox.pushing.content import ContentSender
from modelbox.pushing.report import Tally
from modelbox.records import (
    ArtifactRecord,
    ExperimentRecord,
    ModelRecord,
    ModelVersionRecord,
    ObjectRecord,
    ObjectType,
)


class ObjectSender:
    """Sends what objects are. Whatever an object refers to is sent before it.

    Args:
        local: The store.
        target: Where to.
        tally: Where to count.

    Attributes:
        lives: The objects that were sent, by id: their life in the store, and that on the target.
    """

    def __init__(self, local: InProcessBackend, target: Backend, tally: Tally) -> None:
        self.lives: dict[str, tuple[str, str]] = {}
        self._local = local
        self._target = target
        self._tally = tally
        self._unsent: set[str] = set()
        """Artifacts that cannot be sent, for reasons that are reported."""
        self._content = ContentSender(local, target, tally)

    def experiment(self, record: ExperimentRecord) -> None:
        """Send an experiment, and first those that it is nested under. Its status comes last, with :meth:`status`."""
        if record.id in self.lives:
            return
        there = self._find(record.id, ObjectType.EXPERIMENT)
        if there is None:
            there, _ = self._target.create_experiment(
                name=record.name,
                namespace=record.namespace,
                owner=record.owner,
                external_id=record.external_id,
                framework=record.framework,
                task=record.task,
                metadata=self._local.metadata(record.id),
                parent_id=self._parent(record),
            )
            self._tally.touched["experiments"].add(record.id)
        self._rest("experiments", record, there)

    def status(self, record: ExperimentRecord) -> None:
        """Send the status of an experiment, now that all of it is there."""
        there = cast(ExperimentRecord, self._target.get_object(record.id, ObjectType.EXPERIMENT))
        if there.status != record.status:
            self._target.finish_experiment(record.id, status=str(record.status))
            self._tally.touched["experiments"].add(record.id)

    def model(self, record: ModelRecord) -> None:
        """Send a model, without its versions."""
        if record.id in self.lives:
            return
        there = self._find(record.id, ObjectType.MODEL)
        if there is None:
            there, _ = self._target.create_model(
                name=record.name,
                namespace=record.namespace,
                owner=record.owner,
                task=record.task,
                description=record.description,
                labels=record.labels,
                metadata=self._local.metadata(record.id),
            )
            self._tally.touched["models"].add(record.id)
        self._labels("models", record, cast(ModelRecord, there))
        self._rest("models", record, there)

    def version(self, record: ModelVersionRecord) -> None:
        """Send a version, after its model and its lineage, without its tags."""
        if record.id in self.lives:
            return
        self.model(cast(ModelRecord, self._local.get_object(record.model_id, ObjectType.MODEL)))
        there = self._find(record.id, ObjectType.MODEL_VERSION)
        if there is None:
            lineage = self._local.lineage(record.id)
            for experiment in lineage.experiments:
                self.experiment(experiment)
            for dataset in lineage.datasets:
                self.artifact(dataset)
                if dataset.id not in self.lives:  # lineage cannot be added later
                    self._tally.problems.append(
                        f"version {record.version!r} ({record.id}) is not sent, because its dataset {dataset.name!r} is not"
                    )
                    return
            there, _ = self._target.create_version(
                record.model_id,
                version=record.version,
                name=record.name,
                description=record.description,
                experiment_id=next((experiment.id for experiment in lineage.experiments), None),
                dataset_ids=[dataset.id for dataset in lineage.datasets],
                framework=record.framework,
                labels=record.labels,
                metadata=self._local.metadata(record.id),
            )
            self._tally.touched["versions"].add(record.id)
        self._labels("versions", record, cast(ModelVersionRecord, there))
        self._rest("versions", record, there)

    def tags(self, model: ModelRecord, versions: list[ModelVersionRecord]) -> None:
        """Send the unique tags of a model's versions; one that another version holds on the target is left there, and reported."""
        held = {tag: version for version in self._target.list_versions(model.id) for tag in version.unique_tags}
        for version in versions:
            for tag in version.unique_tags:
                holder = held.get(tag)
                if holder is None:
                    self._target.move_tag(model.id, tag, version_id=version.id)
                    self._tally.touched["versions"].add(version.id)
                elif holder.id != version.id:
                    self._tally.problems.append(
                        f"tag {tag!r} of model {model.name!r} is held by version {version.version!r} here and by"
                        f" {holder.version!r} on the target, and stays there; if it is to follow, move it there with move_tag"
                    )

    def artifact(self, record: ArtifactRecord) -> None:
        """Send an artifact with its content, after the object that it hangs on."""
        if record.id in self.lives or record.id in self._unsent:
            return
        self._any(self._local.get_object(record.object_id))
        there = self._content.send(record) if record.object_id in self.lives else None
        if there is None:
            self._unsent.add(record.id)
        else:
            self._rest("artifacts", record, there)

    def _any(self, record: ObjectRecord) -> None:
        if isinstance(record, ExperimentRecord):
            self.experiment(record)
        elif isinstance(record, ModelRecord):
            self.model(record)
        else:
            self.version(cast(ModelVersionRecord, record))

    def _parent(self, record: ExperimentRecord) -> str | None:
        if record.parent_id is None:
            return None
        try:
            parent = self._local.get_object(record.parent_id, ObjectType.EXPERIMENT)
        except NotFoundError:
            return None
        self.experiment(cast(ExperimentRecord, parent))
        return parent.id

    def _find(self, id: str, kind: ObjectType) -> ObjectRecord | None:
        try:
            return self._target.get_object(id, kind)
        except NotFoundError:
            return None

    def _labels(self, counted: str, record: ModelRecord | ModelVersionRecord, there: ModelRecord | ModelVersionRecord) -> None:
        if new := _differing(record.labels, there.labels):
            self._target.set_labels(record.id, new)
            self._tally.touched[counted].add(record.id)

    def _rest(self, counted: str, record: ObjectRecord, there: ObjectRecord) -> None:
        """What every object has."""
        if there.uid == record.uid:
            raise InvalidArgumentError("the target of the push is the store itself, or a copy of it; name another one")
        if record.id not in self._tally.touched[counted] or counted == "artifacts":
            self._metadata(counted, record)
        for rewind in record.rewinds:
            if rewind not in there.rewinds:
                self._target.rewind(record.id, step=rewind.step, at_us=rewind.at_us)
                self._tally.touched[counted].add(record.id)
        self.lives[record.id] = (record.uid, there.uid)

    def _metadata(self, counted: str, record: ObjectRecord) -> None:
        mine = self._local.metadata(record.id)
        if new := _differing(mine, self._target.metadata(record.id) if mine else {}):
            self._target.update_metadata(record.id, new)
            self._tally.touched[counted].add(record.id)


def _differing(mine: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mine.items() if key not in there or there[key] != value}
