"""Experiments, models and versions, on a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from modelbox.backends import arguments, validation
from modelbox.backends.remote.shared import RemoteBase, in_namespace
from modelbox.records import (
    ExperimentRecord,
    LineageRecord,
    ModelRecord,
    ModelVersionRecord,
    ObjectRecord,
    ObjectType,
)
from modelbox.wire import messages, values
from modelbox.wire import service_pb2 as pb


class RemoteObjects(RemoteBase):
    """The part of the remote backend about objects."""

    # -- any object

    def get_object(self, id: str, kind: ObjectType | None = None) -> ObjectRecord:
        validation.id(id, *([kind] if kind else []))
        response = self._calls.unary("GetObject", pb.GetObjectRequest(id=id, type=values.object_type_to_enum(kind)))
        return messages.object_from_message(response.object)

    def rewind(self, id: str, *, step: int, at_us: int) -> ObjectRecord:
        checked = arguments.rewind(id, step=step, at_us=at_us)
        response = self._calls.unary("RewindMetrics", pb.RewindMetricsRequest(id=id, step=checked, at_us=at_us))
        return messages.object_from_message(response.object)

    def delete(self, id: str, *, force: bool = False) -> None:
        self._calls.unary("DeleteObject", pb.DeleteObjectRequest(id=validation.id(id), force=bool(force)))

    # -- experiments

    def create_experiment(
        self,
        *,
        name: str,
        namespace: str,
        owner: str,
        external_id: str = "",
        framework: str = "",
        task: str = "",
        metadata: Mapping[str, Any] | None = None,
        parent_id: str | None = None,
    ) -> tuple[ExperimentRecord, bool]:
        new = arguments.create_experiment(
            name=name,
            namespace=namespace,
            owner=owner,
            external_id=external_id,
            framework=framework,
            task=task,
            metadata=metadata,
            parent_id=parent_id,
        )
        request = pb.CreateExperimentRequest(
            name=new.name,
            namespace=new.namespace,
            owner=new.owner,
            external_id=new.external_id,
            framework=values.framework_to_enum(new.framework),
            task=new.task,
            metadata=values.metadata_to_message(new.metadata),
            parent_id=new.parent_id,
        )
        response = self._calls.unary("CreateExperiment", request)
        return messages.experiment_from_message(response.experiment), response.experiment_exists

    def list_experiments(
        self, *, namespace: str | None, limit: int | None = None, parent_id: str | None = None
    ) -> list[ExperimentRecord]:
        arguments.list_experiments(namespace=namespace, limit=limit, parent_id=parent_id)
        request = in_namespace(pb.ListExperimentsRequest(parent_id=parent_id), namespace)
        return self._list("ListExperiments", request, lambda page: page.experiments, messages.experiment_from_message, limit)

    def finish_experiment(self, id: str, *, status: str) -> ExperimentRecord:
        wanted = validation.status(status)
        validation.id(id, ObjectType.EXPERIMENT)
        request = pb.SetExperimentStatusRequest(id=id, status=values.status_to_enum(wanted))
        return messages.experiment_from_message(self._calls.unary("SetExperimentStatus", request).experiment)

    # -- models and versions

    def create_model(
        self,
        *,
        name: str,
        namespace: str,
        owner: str,
        task: str = "",
        description: str = "",
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[ModelRecord, bool]:
        new = arguments.create_model(
            name=name, namespace=namespace, owner=owner, task=task, description=description, labels=labels, metadata=metadata
        )
        request = pb.CreateModelRequest(
            name=new.name,
            namespace=new.namespace,
            owner=new.owner,
            task=new.task,
            description=new.description,
            labels=new.labels,
            metadata=values.metadata_to_message(new.metadata),
        )
        response = self._calls.unary("CreateModel", request)
        return messages.model_from_message(response.model), response.exists

    def find_model(self, *, name: str, namespace: str) -> ModelRecord:
        request = pb.GetModelRequest(namespace=validation.namespace(namespace), name=validation.name(name, "name"))
        return messages.model_from_message(self._calls.unary("GetModel", request).model)

    def list_models(self, *, namespace: str | None, limit: int | None = None) -> list[ModelRecord]:
        arguments.list_models(namespace=namespace, limit=limit)
        request = in_namespace(pb.ListModelsRequest(), namespace)
        return self._list("ListModels", request, lambda page: page.models, messages.model_from_message, limit)

    def create_version(
        self,
        model_id: str,
        *,
        version: str,
        name: str = "",
        description: str = "",
        experiment_id: str | None = None,
        dataset_ids: Sequence[str] = (),
        framework: str = "",
        unique_tags: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[ModelVersionRecord, bool]:
        new = arguments.create_version(
            model_id,
            version=version,
            name=name,
            description=description,
            experiment_id=experiment_id,
            dataset_ids=dataset_ids,
            framework=framework,
            unique_tags=unique_tags,
            labels=labels,
            metadata=metadata,
        )
        request = pb.CreateModelVersionRequest(
            model=new.model_id,
            version=new.version,
            name=new.name,
            description=new.description,
            experiment_id=new.experiment_id,
            dataset_ids=new.dataset_ids,
            framework=values.framework_to_enum(new.framework),
            unique_tags=new.unique_tags,
            labels=new.labels,
            metadata=values.metadata_to_message(new.metadata),
        )
        response = self._calls.unary("CreateModelVersion", request)
        return messages.version_from_message(response.version), response.exists

    def get_version(self, model_id: str, *, version: str | None = None, tag: str | None = None) -> ModelVersionRecord:
        arguments.get_version(model_id, version=version, tag=tag)
        request = pb.GetModelVersionRequest(model_id=model_id, version=version, tag=tag)
        return messages.version_from_message(self._calls.unary("GetModelVersion", request).version)

    def list_versions(self, model_id: str) -> list[ModelVersionRecord]:
        request = pb.ListModelVersionsRequest(model=validation.id(model_id, ObjectType.MODEL))
        return self._list("ListModelVersions", request, lambda page: page.model_versions, messages.version_from_message)

    def move_tag(self, model_id: str, tag: str, *, version_id: str, if_held_by: str | None = None) -> ModelVersionRecord:
        arguments.move_tag(model_id, tag, version_id=version_id, if_held_by=if_held_by)
        request = pb.MoveTagRequest(model_id=model_id, tag=tag, version_id=version_id, if_held_by=if_held_by)
        return messages.version_from_message(self._calls.unary("MoveTag", request).version)

    def remove_tag(self, model_id: str, tag: str) -> None:
        arguments.remove_tag(model_id, tag)
        self._calls.unary("RemoveTag", pb.RemoveTagRequest(model_id=model_id, tag=tag))

    def set_labels(self, id: str, labels: Mapping[str, str | None]) -> ModelRecord | ModelVersionRecord:
        changes = arguments.set_labels(id, labels)
        request = pb.SetLabelsRequest(
            id=id,
            labels={key: value for key, value in changes.items() if value is not None},
            removed=[key for key, value in changes.items() if value is None],
        )
        record = messages.object_from_message(self._calls.unary("SetLabels", request).object)
        return cast("ModelRecord | ModelVersionRecord", record)

    def lineage(self, id: str) -> LineageRecord:
        validation.id(id, ObjectType.EXPERIMENT, ObjectType.MODEL_VERSION)
        return messages.lineage_from_message(self._calls.unary("GetLineage", pb.GetLineageRequest(id=id)))
