"""Experiments: identity, status, nesting, rewinding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from modelbox.backends import arguments, validation
from modelbox.backends.inprocess import rows
from modelbox.backends.inprocess.identity import derive_id, new_uid
from modelbox.backends.inprocess.shared import StoreRules
from modelbox.errors import InvalidArgumentError
from modelbox.records import Action, ExperimentRecord, ObjectRecord, ObjectType, Status
from modelbox.stores.metadata import Row, Transaction


class ExperimentRules(StoreRules):
    """The part of the in-process backend about experiments."""

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
        id = derive_id(ObjectType.EXPERIMENT, new.namespace, new.name, new.owner)
        row: Row = {
            "id": id,
            "uid": new_uid(),
            "namespace": new.namespace,
            "name": new.name,
            "owner": new.owner,
            "external_id": new.external_id,
            "framework": new.framework,
            "task": new.task,
            "status": str(Status.RUNNING),
            "rewinds": [],
        }
        if parent_id == id:
            raise InvalidArgumentError(f"experiment {name!r} cannot be its own parent")

        def body(transaction: Transaction) -> tuple[ExperimentRecord, bool]:
            stored = transaction.get("experiments", id)
            if stored is not None:
                if stored["status"] == Status.RUNNING:
                    return rows.experiment(stored), True
                running = {**stored, "status": str(Status.RUNNING)}
                record = self._put(transaction, Action.UPDATED, ObjectType.EXPERIMENT, running)
                return cast(ExperimentRecord, record), True
            created = {**row, "created_at": transaction.now_us}
            if parent_id is not None:
                _, parent = self._require(transaction, parent_id, ObjectType.EXPERIMENT)
                created |= {"parent_id": parent_id, "parent_uid": parent["uid"]}
            self._put_metadata(transaction, id, new.metadata)
            record = self._put(transaction, Action.CREATED, ObjectType.EXPERIMENT, created, metadata=new.metadata)
            return cast(ExperimentRecord, record), False

        return self._create(body, id, ObjectType.EXPERIMENT)

    def list_experiments(
        self, *, namespace: str | None, limit: int | None = None, parent_id: str | None = None
    ) -> list[ExperimentRecord]:
        arguments.list_experiments(namespace=namespace, limit=limit, parent_id=parent_id)
        equals: dict[str, Any] = {} if namespace is None else {"namespace": namespace}
        view = self._metadata.view()
        if parent_id is None:
            return [rows.experiment(row) for row in view.select("experiments", newest_first=True, limit=limit, **equals)]
        _, parent = self._require(view, parent_id, ObjectType.EXPERIMENT)
        children = view.select("experiments", newest_first=True, parent_id=parent_id, **equals)
        return [rows.experiment(row) for row in children if row["parent_uid"] == parent["uid"]][:limit]

    def finish_experiment(self, id: str, *, status: str) -> ExperimentRecord:
        wanted = str(validation.status(status))
        validation.id(id, ObjectType.EXPERIMENT)
        record = self._update(id, ObjectType.EXPERIMENT, change=lambda row: {} if row["status"] == wanted else {"status": wanted})
        return cast(ExperimentRecord, record)

    def rewind(self, id: str, *, step: int, at_us: int) -> ObjectRecord:
        checked = arguments.rewind(id, step=step, at_us=at_us)

        def change(row: Row) -> Mapping[str, Any]:
            # One to the same step or an earlier one hides all that an older one does; two processes may commit in the other order.
            kept = [old for old in row.get("rewinds") or () if old[0] < checked or old[1] > at_us]
            return {"rewinds": [*kept, [checked, at_us]]}

        return self._update(id, change=change, rewind={"step": checked})
