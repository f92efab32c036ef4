"""Models, their versions, and unique tags."""

from __future__ import annotations

from modelbox.server.calls import Call
from modelbox.server.servicers.defaults import namespace_of, namespace_or_all, optional, owner_of
from modelbox.server.servicers.paging import page_of_objects
from modelbox.wire import service_pb2 as pb
from modelbox.wire.messages import model_to_message, version_to_message
from modelbox.wire.values import framework_from_enum, metadata_from_message


class ModelServicer:
    """Models, their versions, and unique tags."""

    # -- models

    def CreateModel(self, request: pb.CreateModelRequest, call: Call) -> pb.CreateModelResponse:
        record, existed = call.backend.create_model(
            name=request.name,
            namespace=namespace_of(request),
            owner=owner_of(request),
            task=request.task,
            description=request.description,
            labels=dict(request.labels),
            metadata=metadata_from_message(request.metadata),
        )
        message = model_to_message(record)
        return pb.CreateModelResponse(
            id=record.id, exists=existed, created_at=message.created_at, updated_at=message.updated_at, model=message
        )

    def ListModels(self, request: pb.ListModelsRequest, call: Call) -> pb.ListModelsResponse:
        first = request.page_size + 1 if request.page_size and not request.page_token else None
        found = call.backend.list_models(namespace=namespace_or_all(request), limit=first)
        page, token = page_of_objects(found, request.page_size, request.page_token, newest_first=True)
        return pb.ListModelsResponse(models=map(model_to_message, page), next_page_token=token)

    def GetModel(self, request: pb.GetModelRequest, call: Call) -> pb.GetModelResponse:
        record = call.backend.find_model(name=request.name, namespace=namespace_of(request))
        return pb.GetModelResponse(model=model_to_message(record))

    # -- versions

    def CreateModelVersion(self, request: pb.CreateModelVersionRequest, call: Call) -> pb.CreateModelVersionResponse:
        record, existed = call.backend.create_version(
            request.model,
            version=request.version,
            name=request.name,
            description=request.description,
            experiment_id=optional(request, "experiment_id"),
            dataset_ids=list(request.dataset_ids),
            framework=framework_from_enum(request.framework),
            unique_tags=list(request.unique_tags),
            labels=dict(request.labels),
            metadata=metadata_from_message(request.metadata),
        )
        message = version_to_message(record)
        return pb.CreateModelVersionResponse(
            model_version=record.id,
            exists=existed,
            created_at=message.created_at,
            updated_at=message.updated_at,
            version=message,
        )

    def ListModelVersions(self, request: pb.ListModelVersionsRequest, call: Call) -> pb.ListModelVersionsResponse:
        found = call.backend.list_versions(request.model)
        page, token = page_of_objects(found, request.page_size, request.page_token, newest_first=False)
        return pb.ListModelVersionsResponse(model_versions=map(version_to_message, page), next_page_token=token)

    def GetModelVersion(self, request: pb.GetModelVersionRequest, call: Call) -> pb.GetModelVersionResponse:
        version, tag = optional(request, "version"), optional(request, "tag")
        record = call.backend.get_version(request.model_id, version=version, tag=tag)
        return pb.GetModelVersionResponse(version=version_to_message(record))

    # -- unique tags

    def MoveTag(self, request: pb.MoveTagRequest, call: Call) -> pb.MoveTagResponse:
        record = call.backend.move_tag(
            request.model_id, request.tag, version_id=request.version_id, if_held_by=optional(request, "if_held_by")
        )
        return pb.MoveTagResponse(version=version_to_message(record))

    def RemoveTag(self, request: pb.RemoveTagRequest, call: Call) -> pb.RemoveTagResponse:
        call.backend.remove_tag(request.model_id, request.tag)
        return pb.RemoveTagResponse()
