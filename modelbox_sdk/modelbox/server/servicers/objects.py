"""Experiments, and what all objects have."""

from __future__ import annotations

from typing import cast

from modelbox.backends.served import ServedBackend
from modelbox.records import ExperimentRecord, ObjectType
from modelbox.server.calls import Call, takes_bytes
from modelbox.server.servicers.defaults import namespace_of, namespace_or_all, optional, owner_of
from modelbox.server.servicers.paging import page_of_objects
from modelbox.server.servicers.unchanged import Unchanged
from modelbox.wire import service_pb2 as pb
from modelbox.wire.messages import artifact_to_message, experiment_to_message, lineage_to_message, object_to_message
from modelbox.wire.values import (
    framework_from_enum,
    metadata_from_message,
    metadata_to_message,
    object_type_from_enum,
    status_from_enum,
)


class ObjectServicer:
    """Experiments, and what all objects have: metadata, labels, artifacts, lineage, deletion.

    Args:
        backend: What is served.
    """

    def __init__(self, backend: ServedBackend) -> None:
        self._unchanged = Unchanged(backend)

    # -- experiments

    def CreateExperiment(self, request: pb.CreateExperimentRequest, call: Call) -> pb.CreateExperimentResponse:
        record, existed = call.backend.create_experiment(
            name=request.name,
            namespace=namespace_of(request),
            owner=owner_of(request),
            external_id=request.external_id,
            framework=framework_from_enum(request.framework),
            task=request.task,
            metadata=metadata_from_message(request.metadata),
            parent_id=optional(request, "parent_id"),
        )
        message = experiment_to_message(record)
        return pb.CreateExperimentResponse(
            experiment_id=record.id,
            experiment_exists=existed,
            created_at=message.created_at,
            updated_at=message.updated_at,
            experiment=message,
        )

    def ListExperiments(self, request: pb.ListExperimentsRequest, call: Call) -> pb.ListExperimentsResponse:
        first = request.page_size + 1 if request.page_size and not request.page_token else None
        found = call.backend.list_experiments(
            namespace=namespace_or_all(request), limit=first, parent_id=optional(request, "parent_id")
        )
        page, token = page_of_objects(found, request.page_size, request.page_token, newest_first=True)
        return pb.ListExperimentsResponse(experiments=map(experiment_to_message, page), next_page_token=token)

    @takes_bytes
    def GetExperiment(self, request: bytes, call: Call) -> bytes:
        return self._unchanged.answer(pb.GetExperimentRequest, request, call, self._get_experiment)

    def _get_experiment(self, request: pb.GetExperimentRequest, call: Call) -> pb.GetExperimentResponse:
        record = cast(ExperimentRecord, call.backend.get_object(request.id, ObjectType.EXPERIMENT))
        return pb.GetExperimentResponse(experiment=experiment_to_message(record))

    def SetExperimentStatus(self, request: pb.SetExperimentStatusRequest, call: Call) -> pb.SetExperimentStatusResponse:
        record = call.backend.finish_experiment(request.id, status=status_from_enum(request.status))
        return pb.SetExperimentStatusResponse(experiment=experiment_to_message(record))

    # -- any object

    @takes_bytes
    def GetObject(self, request: bytes, call: Call) -> bytes:
        return self._unchanged.answer(pb.GetObjectRequest, request, call, self._get_object)

    def _get_object(self, request: pb.GetObjectRequest, call: Call) -> pb.GetObjectResponse:
        record = call.backend.get_object(request.id, object_type_from_enum(request.type))
        return pb.GetObjectResponse(object=object_to_message(record))

    def RewindMetrics(self, request: pb.RewindMetricsRequest, call: Call) -> pb.RewindMetricsResponse:
        record = call.backend.rewind(request.id, step=request.step, at_us=request.at_us)
        return pb.RewindMetricsResponse(object=object_to_message(record))

    def SetLabels(self, request: pb.SetLabelsRequest, call: Call) -> pb.SetLabelsResponse:
        labels = {**request.labels, **dict.fromkeys(request.removed)}
        return pb.SetLabelsResponse(object=object_to_message(call.backend.set_labels(request.id, labels)))

    def GetLineage(self, request: pb.GetLineageRequest, call: Call) -> pb.GetLineageResponse:
        return lineage_to_message(call.backend.lineage(request.id))

    def DeleteObject(self, request: pb.DeleteObjectRequest, call: Call) -> pb.DeleteObjectResponse:
        call.backend.delete(request.id, force=request.force)
        return pb.DeleteObjectResponse()

    def UpdateMetadata(self, request: pb.UpdateMetadataRequest, call: Call) -> pb.UpdateMetadataResponse:
        call.backend.update_metadata(request.parent_id, metadata_from_message(request.metadata))
        return pb.UpdateMetadataResponse()

    def ListMetadata(self, request: pb.ListMetadataRequest, call: Call) -> pb.ListMetadataResponse:
        return pb.ListMetadataResponse(metadata=metadata_to_message(call.backend.metadata(request.parent_id)))

    def ListArtifacts(self, request: pb.ListArtifactsRequest, call: Call) -> pb.ListArtifactsResponse:
        found = call.backend.list_artifacts(request.object_id)
        page, token = page_of_objects(found, request.page_size, request.page_token, newest_first=False)
        return pb.ListArtifactsResponse(artifacts=map(artifact_to_message, page), next_page_token=token)
