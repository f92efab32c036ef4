"""Models and their versions: identity, unique tags, labels, lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from modelbox.backends import arguments, validation
from modelbox.backends.inprocess import rows
from modelbox.backends.inprocess.identity import derive_id, new_uid
from modelbox.backends.inprocess.shared import StoreRules
from modelbox.errors import AlreadyExistsError, ConflictError, InvalidArgumentError, NotFoundError
from modelbox.records import Action, LineageRecord, ModelRecord, ModelVersionRecord, ObjectType
from modelbox.stores.metadata import Row, Transaction, View


class ModelRules(StoreRules):
    """The part of the in-process backend about models and versions."""

    # -- models

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
        id = derive_id(ObjectType.MODEL, new.namespace, new.name)
        row: Row = {
            "id": id,
            "uid": new_uid(),
            "namespace": new.namespace,
            "name": new.name,
            "owner": new.owner,
            "task": new.task,
            "description": new.description,
            "labels": new.labels,
            "rewinds": [],
        }

        def body(transaction: Transaction) -> tuple[ModelRecord, bool]:
            stored = transaction.get("models", id)
            if stored is not None:
                return rows.model(stored), True
            self._put_metadata(transaction, id, new.metadata)
            created = {**row, "created_at": transaction.now_us}
            record = self._put(transaction, Action.CREATED, ObjectType.MODEL, created, metadata=new.metadata)
            return cast(ModelRecord, record), False

        return self._create(body, id, ObjectType.MODEL)

    def find_model(self, *, name: str, namespace: str) -> ModelRecord:
        id = derive_id(ObjectType.MODEL, validation.namespace(namespace), validation.name(name, "name"))
        row = self._metadata.view().get("models", id)
        if row is None:
            raise NotFoundError(f"there is no model named {name!r} in namespace {namespace!r}")
        return rows.model(row)

    def list_models(self, *, namespace: str | None, limit: int | None = None) -> list[ModelRecord]:
        arguments.list_models(namespace=namespace, limit=limit)
        equals = {} if namespace is None else {"namespace": namespace}
        found = self._metadata.view().select("models", newest_first=True, limit=limit, **equals)
        return [rows.model(row) for row in found]

    # -- versions

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
        id = derive_id(ObjectType.MODEL_VERSION, model_id, new.version)
        row: Row = {
            "id": id,
            "uid": new_uid(),
            "model_id": model_id,
            "version": new.version,
            "name": new.name,
            "description": new.description,
            "framework": new.framework,
            "labels": new.labels,
            "rewinds": [],
        }

        def body(transaction: Transaction) -> tuple[ModelVersionRecord, bool]:
            _, model = self._require(transaction, model_id, ObjectType.MODEL)
            stored = transaction.get("model_versions", id)
            if stored is not None:
                return rows.version(transaction, stored), True
            for tag in new.unique_tags:
                self._require_free(transaction, model, tag)
            created = {**row, "created_at": transaction.now_us, "namespace": model["namespace"]}
            created["name"] = row["name"] or model["name"]
            if experiment_id is not None:
                _, experiment = self._require(transaction, experiment_id, ObjectType.EXPERIMENT)
                created |= {"experiment_id": experiment_id, "experiment_uid": experiment["uid"]}
            datasets = [self._require(transaction, dataset, ObjectType.ARTIFACT)[1] for dataset in new.dataset_ids]
            created["datasets"] = [[dataset["id"], dataset["uid"]] for dataset in datasets]
            for tag in new.unique_tags:
                transaction.put("tags", {"model_id": model_id, "tag": tag, "version_id": id})
            self._put_metadata(transaction, id, new.metadata)
            record = self._put(transaction, Action.CREATED, ObjectType.MODEL_VERSION, created, metadata=new.metadata)
            return cast(ModelVersionRecord, record), False

        return self._create(body, id, ObjectType.MODEL_VERSION)

    def get_version(self, model_id: str, *, version: str | None = None, tag: str | None = None) -> ModelVersionRecord:
        arguments.get_version(model_id, version=version, tag=tag)
        view = self._metadata.view()
        _, model = self._require(view, model_id, ObjectType.MODEL)
        if version is not None:
            row = view.get("model_versions", derive_id(ObjectType.MODEL_VERSION, model_id, version))
            if row is None:
                raise NotFoundError(f"model {model['name']!r} has no version {version!r}")
            return rows.version(view, row)
        if tag is not None:
            row = self._holder(view, model_id, tag)
            if row is None:
                raise NotFoundError(f"no version of model {model['name']!r} holds the tag {tag!r}")
            return rows.version(view, row)
        newest = view.select("model_versions", newest_first=True, limit=1, model_id=model_id)
        if not newest:
            raise NotFoundError(f"model {model['name']!r} has no versions")
        return rows.version(view, newest[0])

    def list_versions(self, model_id: str) -> list[ModelVersionRecord]:
        view = self._metadata.view()
        self._require(view, model_id, ObjectType.MODEL)
        return [rows.version(view, row) for row in view.select("model_versions", model_id=model_id)]

    # -- unique tags

    def move_tag(self, model_id: str, tag: str, *, version_id: str, if_held_by: str | None = None) -> ModelVersionRecord:
        arguments.move_tag(model_id, tag, version_id=version_id, if_held_by=if_held_by)

        def body(transaction: Transaction) -> ModelVersionRecord:
            _, model = self._require(transaction, model_id, ObjectType.MODEL)
            _, target = self._require(transaction, version_id, ObjectType.MODEL_VERSION)
            if target["model_id"] != model_id:
                raise InvalidArgumentError(
                    f"version {target['version']!r} is of another model; tag {tag!r} of model {model['name']!r} can only move"
                    " to a version of that model"
                )
            holder = self._holder(transaction, model_id, tag)
            held_by = holder["version"] if holder else None
            if if_held_by is not None and held_by != if_held_by:
                now = f"version {held_by!r} holds it" if holder else "no version holds it"
                raise ConflictError(f"tag {tag!r} of model {model['name']!r} is not held by version {if_held_by!r}: {now}")
            if holder is not None and holder["id"] == version_id:
                return rows.version(transaction, target)
            transaction.put("tags", {"model_id": model_id, "tag": tag, "version_id": version_id})
            about = {"tag": {"name": tag, "from": held_by, "to": target["version"]}}
            return cast(ModelVersionRecord, self._put(transaction, Action.UPDATED, ObjectType.MODEL_VERSION, target, **about))

        return self._change(body, version_id, ObjectType.MODEL_VERSION)

    def remove_tag(self, model_id: str, tag: str) -> None:
        arguments.remove_tag(model_id, tag)

        def body(transaction: Transaction) -> None:
            _, model = self._require(transaction, model_id, ObjectType.MODEL)
            holder = self._holder(transaction, model_id, tag)
            if holder is None:
                raise NotFoundError(f"no version of model {model['name']!r} holds the tag {tag!r}")
            transaction.delete("tags", model_id, tag)
            about = {"tag": {"name": tag, "from": holder["version"], "to": None}}
            self._put(transaction, Action.UPDATED, ObjectType.MODEL_VERSION, holder, **about)

        self._transact(body, None, lambda *_: None)

    @staticmethod
    def _holder(view: View, model_id: str, tag: str) -> Row | None:
        held = view.get("tags", model_id, tag)
        return view.get("model_versions", held["version_id"]) if held else None

    def _require_free(self, view: View, model: Row, tag: str) -> None:
        holder = self._holder(view, model["id"], tag)
        if holder is not None:
            raise AlreadyExistsError(
                f"tag {tag!r} of model {model['name']!r} is held by version {holder['version']!r}; move it with move_tag"
            )

    # -- labels and lineage

    def set_labels(self, id: str, labels: Mapping[str, str | None]) -> ModelRecord | ModelVersionRecord:
        changes = arguments.set_labels(id, labels)

        def change(row: Row) -> Mapping[str, Any]:
            merged = {key: value for key, value in {**row["labels"], **changes}.items() if value is not None}
            return {} if merged == row["labels"] else {"labels": merged}

        record = self._update(id, ObjectType.MODEL, ObjectType.MODEL_VERSION, change=change)
        return cast("ModelRecord | ModelVersionRecord", record)

    def lineage(self, id: str) -> LineageRecord:
        view = self._metadata.view()
        kind, row = self._require(view, id, ObjectType.EXPERIMENT, ObjectType.MODEL_VERSION)
        if kind is ObjectType.EXPERIMENT:
            versions = view.select("model_versions", experiment_id=id)
            return LineageRecord(versions=tuple(rows.version(view, v) for v in versions if v["experiment_uid"] == row["uid"]))
        experiment = view.get("experiments", row["experiment_id"]) if row.get("experiment_id") else None
        if experiment is not None and experiment["uid"] != row["experiment_uid"]:
            experiment = None
        owners = [row, *([experiment] if experiment else [])]
        datasets = [found for id, uid in row["datasets"] if (found := view.get("artifacts", id)) and found["uid"] == uid]
        return LineageRecord(
            experiments=(rows.experiment(experiment),) if experiment else (),
            datasets=tuple(rows.artifact(view, dataset, self._blobs.uri) for dataset in datasets),
            artifacts=tuple(
                rows.artifact(view, found, self._blobs.uri)
                for owner in owners
                for found in view.select("artifacts", object_id=owner["id"])
            ),
        )
