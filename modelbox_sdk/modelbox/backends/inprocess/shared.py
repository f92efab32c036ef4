"""What the parts of the in-process backend share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

from modelbox.backends import validation
from modelbox.backends.base import Backend
from modelbox.backends.inprocess import requests, rows
from modelbox.records import Action, ObjectRecord, ObjectType
from modelbox.stores.blobs import BlobStore
from modelbox.stores.metadata import MetadataStore, NewChange, Row, Transaction, View
from modelbox.stores.metrics import MetricsStore

T = TypeVar("T")
R = TypeVar("R", bound=ObjectRecord)


class StoreRules(Backend):
    """The base of the parts: three stores, and how an object is looked up, changed and recorded."""

    def __init__(self, metadata: MetadataStore, metrics: MetricsStore, blobs: BlobStore) -> None:
        self._metadata = metadata
        self._metrics = metrics
        self._blobs = blobs

    def once(self, request_id: str) -> AbstractContextManager[None]:
        return requests.request(request_id)

    def get_object(self, id: str, kind: ObjectType | None = None) -> ObjectRecord:
        view = self._metadata.view()
        return self._to_record(view, *self._require(view, id, *([kind] if kind else [])))

    def _require(self, view: View, id: str, *kinds: ObjectType) -> rows.Found:
        """The object with an id, of one of the given types if any are given."""
        found = rows.find(view, validation.id(id, *kinds))
        if found is None or (kinds and found[0] not in kinds):
            raise validation.not_found(id, *kinds)
        return found

    def _to_record(self, view: View, kind: ObjectType, row: Row) -> ObjectRecord:
        return rows.to_record(view, kind, row, self._blobs.uri)

    def _transact(self, body: Callable[[Transaction], T], object_id: str | None, again: Callable[[Transaction, bool], T]) -> T:
        """Change something, and within a request with an id only when that request has not done so before.

        Args:
            body: What changes it.
            object_id: The object that is changed; None when that shows only then.
            again: When it has been done before, the result: given the tables of now, and whether the object existed then.
        """
        request_id = requests.current_request()
        if request_id is not None:
            body = requests.noting(body, request_id, object_id, again)
        return self._metadata.transact(body)

    def _create(self, body: Callable[[Transaction], tuple[R, bool]], id: str, kind: ObjectType) -> tuple[R, bool]:
        """Get or create an object, as :meth:`_transact` does."""

        def again(transaction: Transaction, existed: bool) -> tuple[R, bool]:
            return cast(R, self._to_record(transaction, *self._require(transaction, id, kind))), existed

        return self._transact(body, id, again)

    def _change(self, body: Callable[[Transaction], R], id: str, *kinds: ObjectType) -> R:
        """Change an object, as :meth:`_transact` does."""

        def again(transaction: Transaction, existed: bool) -> R:
            del existed
            return cast(R, self._to_record(transaction, *self._require(transaction, id, *kinds)))

        return self._transact(body, id, again)

    def _update(self, id: str, *kinds: ObjectType, change: Callable[[Row], Mapping[str, Any]], **about: Any) -> ObjectRecord:
        """Change columns of an object's row in a transaction of its own; no columns, no change.

        Args:
            id: The object.
            *kinds: The types that this may be done to.
            change: Given the row, the columns that are to be different.
            **about: What the payload of the change is to say besides the state.
        """

        def body(transaction: Transaction) -> ObjectRecord:
            kind, row = self._require(transaction, id, *kinds)
            columns = change(row)
            if not columns:
                return self._to_record(transaction, kind, row)
            return self._put(transaction, Action.UPDATED, kind, {**row, **columns}, **about)

        return self._change(body, id, *kinds)

    def _put(self, transaction: Transaction, action: Action, kind: ObjectType, row: Row, **about: Any) -> ObjectRecord:
        """Write an object's row, touched now, and record the change."""
        row = {**row, "updated_at": transaction.now_us}
        transaction.put(rows.TABLE_OF[kind], row)
        record = self._to_record(transaction, kind, row)
        self._record(transaction, action, kind, row, rows.payload(record, **about))
        return record

    @staticmethod
    def _record(transaction: Transaction, action: Action, kind: ObjectType, row: Row, payload: Mapping[str, Any]) -> None:
        transaction.record(
            NewChange(
                action=action,
                object_type=kind,
                object_id=row["id"],
                uid=row["uid"],
                namespace=row["namespace"],
                payload=payload,
            )
        )

    @staticmethod
    def _put_metadata(transaction: Transaction, id: str, metadata: Mapping[str, Any]) -> None:
        for key, value in metadata.items():
            transaction.put("metadata", {"object_id": id, "key": key, "value": value})
