"""Records of objects to messages and back, without loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelbox.errors import InvalidArgumentError
from modelbox.records import (
    ArtifactRecord,
    ExperimentRecord,
    FileRecord,
    GarbageReport,
    LineageRecord,
    ModelRecord,
    ModelVersionRecord,
    ObjectRecord,
    Rewind,
)
from modelbox.wire import service_pb2 as pb
from modelbox.wire.file_ids import artifact_id_of, file_id
from modelbox.wire.values import (
    file_type_from_enum,
    file_type_to_enum,
    framework_from_enum,
    framework_to_enum,
    object_type_from_enum,
    object_type_to_enum,
    status_from_enum,
    status_to_enum,
    timestamp_from_message,
    timestamp_to_message,
)

# -- objects


def experiment_to_message(record: ExperimentRecord) -> pb.Experiment:
    """The message of an experiment."""
    return pb.Experiment(
        **_common_to_message(record),
        owner=record.owner,
        framework=framework_to_enum(record.framework),
        external_id=record.external_id,
        task=record.task,
        status=status_to_enum(record.status),
        parent_id=record.parent_id,
    )


def experiment_from_message(message: pb.Experiment) -> ExperimentRecord:
    """The record of an experiment."""
    return ExperimentRecord(
        **_common_from_message(message),
        owner=message.owner,
        framework=framework_from_enum(message.framework),
        external_id=message.external_id,
        task=message.task,
        status=status_from_enum(message.status),
        parent_id=_optional(message, "parent_id"),
    )


def model_to_message(record: ModelRecord) -> pb.Model:
    """The message of a model."""
    return pb.Model(
        **_common_to_message(record),
        owner=record.owner,
        description=record.description,
        task=record.task,
        labels=dict(record.labels),
    )


def model_from_message(message: pb.Model) -> ModelRecord:
    """The record of a model."""
    return ModelRecord(
        **_common_from_message(message),
        owner=message.owner,
        description=message.description,
        task=message.task,
        labels=dict(sorted(message.labels.items())),
    )


def version_to_message(record: ModelVersionRecord) -> pb.ModelVersion:
    """The message of a model version."""
    return pb.ModelVersion(
        **_common_to_message(record),
        model_id=record.model_id,
        version=record.version,
        description=record.description,
        framework=framework_to_enum(record.framework),
        unique_tags=record.unique_tags,
        labels=dict(record.labels),
        experiment_id=record.experiment_id,
        dataset_ids=record.dataset_ids,
    )


def version_from_message(message: pb.ModelVersion) -> ModelVersionRecord:
    """The record of a model version."""
    return ModelVersionRecord(
        **_common_from_message(message),
        model_id=message.model_id,
        version=message.version,
        description=message.description,
        framework=framework_from_enum(message.framework),
        unique_tags=tuple(message.unique_tags),
        labels=dict(sorted(message.labels.items())),
        experiment_id=_optional(message, "experiment_id"),
        dataset_ids=tuple(message.dataset_ids),
    )


def artifact_to_message(record: ArtifactRecord) -> pb.Artifact:
    """The message of an artifact, with ids of its files for clients of upstream."""
    return pb.Artifact(
        **_common_to_message(record),
        object_id=record.object_id,
        object_type=object_type_to_enum(record.object_type),
        files=[file_to_message(file, record) for file in record.files],
    )


def artifact_from_message(message: pb.Artifact) -> ArtifactRecord:
    """The record of an artifact."""
    kind = object_type_from_enum(message.object_type)
    if kind is None:
        raise InvalidArgumentError(f"the artifact {message.id!r} does not say on which type of object it hangs")
    return ArtifactRecord(
        **_common_from_message(message),
        object_id=message.object_id,
        object_type=kind,
        files=tuple(file_from_message(file) for file in message.files),
    )


def file_to_message(record: FileRecord, artifact: ArtifactRecord) -> pb.FileMetadata:
    """The message of a file of an artifact, filled for clients of upstream and for ours."""
    stored = record.blob is not None
    return pb.FileMetadata(
        id=file_id(artifact.id, record.path),
        parent_id=artifact.object_id,
        file_type=file_type_to_enum(record.file_type),
        checksum=record.md5 if stored else record.digest,
        src_path=(record.source_path or record.path) if stored else record.uri,
        upload_path=record.uri if stored else "",
        created_at=timestamp_to_message(artifact.created_at_us),
        updated_at=timestamp_to_message(artifact.updated_at_us),
        path=record.path,
        size=record.size,
        digest=record.digest,
        content_type=record.content_type,
        uri=record.uri,
        blob=record.blob,
    )


def file_from_message(message: pb.FileMetadata) -> FileRecord:
    """The record of a file of an artifact."""
    blob = _optional(message, "blob")
    return FileRecord(
        path=message.path,
        size=_optional(message, "size"),
        digest=message.digest,
        content_type=message.content_type,
        uri=message.uri,
        blob=blob,
        md5="" if blob is None else message.checksum,
        file_type=file_type_from_enum(message.file_type),
        source_path="" if blob is None or message.src_path == message.path else message.src_path,
        artifact_id=artifact_id_of(message.id),
    )


def object_to_message(record: ObjectRecord) -> pb.StoredObject:
    """The message of an object of whichever type."""
    if isinstance(record, ExperimentRecord):
        return pb.StoredObject(experiment=experiment_to_message(record))
    if isinstance(record, ModelRecord):
        return pb.StoredObject(model=model_to_message(record))
    if isinstance(record, ModelVersionRecord):
        return pb.StoredObject(version=version_to_message(record))
    if isinstance(record, ArtifactRecord):
        return pb.StoredObject(artifact=artifact_to_message(record))
    raise TypeError(f"a {type(record).__name__} has no message")


def object_from_message(message: pb.StoredObject) -> ObjectRecord:
    """The record of an object of whichever type.

    Raises:
        InvalidArgumentError: It is empty, or of a type that came after this version.
    """
    match message.WhichOneof("object"):
        case "experiment":
            return experiment_from_message(message.experiment)
        case "model":
            return model_from_message(message.model)
        case "version":
            return version_from_message(message.version)
        case "artifact":
            return artifact_from_message(message.artifact)
    raise InvalidArgumentError("the message holds no object of a known type")


def lineage_to_message(record: LineageRecord) -> pb.GetLineageResponse:
    """The message of a lineage."""
    return pb.GetLineageResponse(
        experiments=map(experiment_to_message, record.experiments),
        datasets=map(artifact_to_message, record.datasets),
        artifacts=map(artifact_to_message, record.artifacts),
        versions=map(version_to_message, record.versions),
    )


def lineage_from_message(message: pb.GetLineageResponse) -> LineageRecord:
    """The record of a lineage."""
    return LineageRecord(
        experiments=tuple(map(experiment_from_message, message.experiments)),
        datasets=tuple(map(artifact_from_message, message.datasets)),
        artifacts=tuple(map(artifact_from_message, message.artifacts)),
        versions=tuple(map(version_from_message, message.versions)),
    )


def garbage_to_message(report: GarbageReport) -> pb.CollectGarbageResponse:
    """The message of a report about garbage."""
    return pb.CollectGarbageResponse(blobs=report.blobs, bytes=report.bytes)


def garbage_from_message(message: pb.CollectGarbageResponse, *, dry_run: bool) -> GarbageReport:
    """The report about garbage that answers a request with this ``dry_run``."""
    return GarbageReport(blobs=message.blobs, bytes=message.bytes, dry_run=dry_run)


# -- what all have


def _common_to_message(record: ObjectRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "uid": record.uid,
        "namespace": record.namespace,
        "name": record.name,
        "created_at": timestamp_to_message(record.created_at_us),
        "updated_at": timestamp_to_message(record.updated_at_us),
        "rewinds": _rewinds_to_message(record.rewinds),
    }


def _common_from_message(message: Any) -> dict[str, Any]:
    return {
        "id": message.id,
        "uid": message.uid,
        "namespace": message.namespace,
        "name": message.name,
        "created_at_us": timestamp_from_message(message.created_at),
        "updated_at_us": timestamp_from_message(message.updated_at),
        "rewinds": tuple(Rewind(rewind.step, rewind.at_us) for rewind in message.rewinds),
    }


def _rewinds_to_message(rewinds: Sequence[Rewind]) -> list[pb.Rewind]:
    return [pb.Rewind(step=rewind.step, at_us=rewind.at_us) for rewind in rewinds]


def _optional(message: Any, name: str) -> Any:
    """The value of an optional field, or None."""
    return getattr(message, name) if message.HasField(name) else None
