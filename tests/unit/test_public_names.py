"""What users may rely on: the names, their signatures, and a docstring on each."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from typing import Any

import pytest

import modelbox

PUBLIC = {
    "AlreadyExistsError",
    "Artifact",
    "ArtifactFile",
    "Change",
    "ChecksumError",
    "ConflictError",
    "CorruptStoreError",
    "Event",
    "Experiment",
    "Finding",
    "GarbageReport",
    "Health",
    "InvalidArgumentError",
    "Lineage",
    "MLFramework",
    "MetricTable",
    "Model",
    "ModelBoxClient",
    "ModelBoxError",
    "ModelVersion",
    "NotFoundError",
    "PermissionDeniedError",
    "PushReport",
    "UnauthenticatedError",
    "UnavailableError",
    "__version__",
}

ON_EVERY_OBJECT = {
    "log_metrics": "(self, metrics, step=None, wallclock=None)",
    "metrics": "(self, *keys, start_step=None, end_step=None, max_points=None)",
    "update_metadata": "(self, *args)",
    "metadata": "(self)",
    "log_event": "(self, name, source='', metadata=None, wallclock=None)",
    "events": "(self, since=None)",
    "span": "(self, name, /, **metadata)",
    "id": "property",
    "name": "property",
    "namespace": "property",
    "created_at": "property",
    "updated_at": "property",
    "exists": "property",
}
ON_ARTIFACT_HOLDERS = {
    "upload_artifact": "(self, name, source, *, progress=True)",
    "track_artifact": "(self, name, uri, checksum=None)",
    "artifacts": "(self)",
    "artifact": "(self, name)",
}

SIGNATURES: dict[str, dict[str, str]] = {
    "ModelBoxClient": {
        "__init__": "(self, uri=None, *, namespace='default', owner=None, token=None, ca_cert=None, client_cert=None,"
        " client_key=None, offline=False)",
        "create_experiment": "(self, name, *, namespace=None, owner=None, external_id='', framework='', task='', metadata=None,"
        " parent=None)",
        "get_experiment": "(self, id)",
        "list_experiments": "(self, namespace=None, *, limit=None)",
        "delete_experiment": "(self, id)",
        "create_model": "(self, name, *, namespace=None, owner=None, task='', description='', labels=None, metadata=None)",
        "get_model": "(self, id_or_name, *, namespace=None)",
        "list_models": "(self, namespace=None, *, limit=None)",
        "delete_model": "(self, id, *, force=False)",
        "load_model": "(self, name, *, namespace=None, version=None, tag=None, artifact=None, progress=True)",
        "get_object": "(self, id)",
        "changes": "(self, namespace=None, *, since=0, limit=None)",
        "watch": "(self, namespace=None, *, since=None, timeout=None)",
        "sql": "(self, query)",
        "export": "(self, path, *, namespace=None)",
        "push": "(self, uri, *, namespace='*', token=None, progress=True)",
        "deliver_spool": "(self, folder)",
        "collect_garbage": "(self, *, dry_run=False)",
        "check": "(self, *, verify_content=False, quarantine=False)",
        "health": "(self)",
        "flush": "(self, timeout=None)",
        "close": "(self, timeout=30.0)",
    },
    "Experiment": {
        **ON_EVERY_OBJECT,
        **ON_ARTIFACT_HOLDERS,
        "owner": "property",
        "external_id": "property",
        "framework": "property",
        "task": "property",
        "status": "property",
        "parent_id": "property",
        "finish": "(self, status='finished')",
        "children": "(self)",
        "rewind": "(self, step)",
        "lineage": "(self)",
    },
    "Model": {
        **ON_EVERY_OBJECT,
        **ON_ARTIFACT_HOLDERS,
        "owner": "property",
        "task": "property",
        "description": "property",
        "labels": "property",
        "set_labels": "(self, labels)",
        "create_version": "(self, version, *, name='', description='', experiment=None, datasets=(), framework='', unique_tags=(),"
        " labels=None, metadata=None)",
        "get_version": "(self, version=None, *, tag=None)",
        "list_versions": "(self)",
        "delete_version": "(self, version, *, force=False)",
        "move_tag": "(self, tag, *, to, if_held_by=None)",
        "remove_tag": "(self, tag)",
    },
    "ModelVersion": {
        **ON_EVERY_OBJECT,
        **ON_ARTIFACT_HOLDERS,
        "version": "property",
        "model_id": "property",
        "description": "property",
        "framework": "property",
        "experiment_id": "property",
        "unique_tags": "property",
        "labels": "property",
        "set_labels": "(self, labels)",
        "lineage": "(self)",
    },
    "Artifact": {
        **ON_EVERY_OBJECT,
        "object_id": "property",
        "files": "property",
        "size": "property",
        "download": "(self, dst, *, progress=True)",
        "open": "(self, path=None)",
        "delete": "(self)",
    },
    "MetricTable": {
        "title": "property",
        "keys": "property",
        "to_arrow": "(self)",
        "to_pandas": "(self)",
        "to_dict": "(self)",
        "plot": "(self, *keys, ax=None)",
    },
}

FIELDS = {
    "ArtifactFile": ["path", "size", "digest", "content_type", "uri"],
    "Change": ["seq", "action", "object_type", "object_id", "namespace", "at", "payload"],
    "Event": ["name", "source", "wallclock", "metadata", "object_id", "seq"],
    "GarbageReport": ["blobs", "bytes", "dry_run"],
    "Health": ["backend", "waiting", "oldest_s", "last_error"],
    "Lineage": ["experiments", "datasets", "artifacts", "versions"],
}


def signature_of(value: Any) -> str:
    """Names, kinds and defaults of the parameters, without types."""
    if isinstance(value, property):
        return "property"
    signature = inspect.signature(inspect.unwrap(value))
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def public_members(name: str) -> dict[str, Any]:
    members = inspect.getmembers_static(getattr(modelbox, name))
    return {member: value for member, value in members if not member.startswith("_")}


def test_the_list_of_public_names() -> None:
    assert len(modelbox.__all__) == len(set(modelbox.__all__))
    assert set(modelbox.__all__) == PUBLIC


def test_public_names_are_listed_and_loaded_on_demand() -> None:
    assert set(modelbox.__all__) <= set(dir(modelbox))
    assert all(getattr(modelbox, name) is not None for name in modelbox.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = modelbox.no_such_name


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_signatures(name: str) -> None:
    found = {member: signature_of(value) for member, value in public_members(name).items()}
    if "__init__" in SIGNATURES[name]:
        found["__init__"] = signature_of(getattr(modelbox, name).__init__)
    assert found == SIGNATURES[name]


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_fields_of_records(name: str) -> None:
    record = getattr(modelbox, name)
    assert [field.name for field in dataclasses.fields(record)] == FIELDS[name]
    assert record.__dataclass_params__.frozen


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_everything_public_is_documented(name: str) -> None:
    value = getattr(modelbox, name)
    assert value.__doc__, name
    if issubclass(value, (BaseException, enum.Enum)):
        return
    own = {member: found for member, found in public_members(name).items() if not isinstance(found, type(dataclasses.MISSING))}
    fields = {field.name for field in dataclasses.fields(value)} if dataclasses.is_dataclass(value) else set()
    silent = [member for member, found in own.items() if member not in fields and not inspect.getdoc(found)]
    assert not silent, f"{name} has members without a docstring: {silent}"
    assert fields <= {member for member in fields if f"{member}:" in value.__doc__}, f"{name} has undocumented fields"


def test_errors_derive_from_one_class() -> None:
    errors = [getattr(modelbox, name) for name in PUBLIC if name.endswith("Error")]
    assert all(issubclass(error, modelbox.ModelBoxError) for error in errors)
    assert issubclass(modelbox.InvalidArgumentError, ValueError)


def test_frameworks() -> None:
    known = ["pytorch", "keras", "tensorflow", "jax", "sklearn", "xgboost", "lightgbm", "other"]
    assert list(modelbox.MLFramework) == known
