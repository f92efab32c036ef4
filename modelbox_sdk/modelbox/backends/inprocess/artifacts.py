"""Artifacts, deletion, and the collection of garbage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import BinaryIO, cast

from modelbox.backends import arguments, validation
from modelbox.backends.arguments import ARTIFACT_OWNERS
from modelbox.backends.base import SourceFile
from modelbox.backends.inprocess import rows
from modelbox.backends.inprocess.identity import derive_id, new_uid
from modelbox.backends.inprocess.shared import StoreRules
from modelbox.errors import ConflictError, ModelBoxError, NotFoundError
from modelbox.paths import content_type, refuse_clashes
from modelbox.records import Action, ArtifactRecord, FileRecord, GarbageReport, ObjectType
from modelbox.stores.blobs import BlobItem, blob_name, parse_blob_name
from modelbox.stores.metadata import Row, Transaction, View


class CondemnedError(Exception):
    """A collection of garbage took content away before the artifact that refers to it was committed."""


class ArtifactRules(StoreRules):
    """The part of the in-process backend about artifacts."""

    def put_artifact(
        self, object_id: str, name: str, files: Sequence[SourceFile], progress: Callable[[int], None] | None = None
    ) -> ArtifactRecord:
        arguments.put_artifact(object_id, name, files)
        self._require(self._metadata.view(), object_id, *ARTIFACT_OWNERS)
        while True:
            stored = self._store(files, progress)
            try:
                return self._commit(object_id, name, stored)
            except CondemnedError:
                progress = None  # has been told of every byte already

    def track_artifact(self, object_id: str, name: str, *, uri: str, checksum: str | None) -> ArtifactRecord:
        arguments.track_artifact(object_id, name, uri=uri, checksum=checksum)
        path = uri.rstrip("/").rpartition("/")[2] or name
        file = FileRecord(
            path=path,
            size=None,
            digest=checksum or "",
            content_type=content_type(path),
            uri=uri,
        )
        return self._commit(object_id, name, [file])

    def list_artifacts(self, object_id: str) -> list[ArtifactRecord]:
        view = self._metadata.view()
        self._require(view, object_id)
        return [rows.artifact(view, row, self._blobs.uri) for row in view.select("artifacts", object_id=object_id)]

    def find_artifact(self, object_id: str, name: str) -> ArtifactRecord:
        arguments.find_artifact(object_id, name)
        view = self._metadata.view()
        kind, owner = self._require(view, object_id)
        row = view.get("artifacts", derive_id(ObjectType.ARTIFACT, object_id, name))
        if row is None:
            raise NotFoundError(f"{kind} {owner['name']!r} has no artifact named {name!r}")
        return rows.artifact(view, row, self._blobs.uri)

    def open_file(self, file: FileRecord) -> BinaryIO:
        return self._blobs.open(validation.stored_blob(file))

    # -- deletion

    def delete(self, id: str, *, force: bool = False) -> None:
        def body(transaction: Transaction) -> list[str]:
            kind, row = self._require(transaction, id)
            if not force:
                self._refuse_tagged(transaction, kind, row)
            payload = rows.payload(self._to_record(transaction, kind, row))
            ended = self._remove(transaction, kind, row)
            self._record(transaction, Action.DELETED, kind, row, payload)
            return ended

        for uid in self._transact(body, id, lambda *_: []):
            with contextlib.suppress(ModelBoxError):  # it is deleted; what cannot be freed now is garbage, and collected as such
                self._metrics.delete(uid)

    @staticmethod
    def _refuse_tagged(view: View, kind: ObjectType, row: Row) -> None:
        if kind is ObjectType.MODEL:
            held = view.select("tags", model_id=row["id"])
            what = f"model {row['name']!r}"
        elif kind is ObjectType.MODEL_VERSION:
            held = view.select("tags", version_id=row["id"])
            what = f"version {row['version']!r}"
        else:
            return
        if held:
            tags = ", ".join(repr(tag) for tag in sorted(tag["tag"] for tag in held))
            raise ConflictError(f"{what} holds the unique tags {tags}; remove or move them, or delete with force=True")

    def _remove(self, transaction: Transaction, kind: ObjectType, row: Row) -> list[str]:
        """Remove an object and all that hangs on it; the lives that end."""
        ended = [row["uid"]]
        for artifact in transaction.select("artifacts", object_id=row["id"]):
            ended += self._remove(transaction, ObjectType.ARTIFACT, artifact)
        if kind is ObjectType.MODEL:
            for version in transaction.select("model_versions", model_id=row["id"]):
                ended += self._remove(transaction, ObjectType.MODEL_VERSION, version)
        elif kind is ObjectType.MODEL_VERSION:
            for tag in transaction.select("tags", version_id=row["id"]):
                transaction.delete("tags", tag["model_id"], tag["tag"])
        elif kind is ObjectType.ARTIFACT:
            transaction.delete("artifact_files", row["id"])
        transaction.delete("metadata", row["id"])
        transaction.delete(rows.TABLE_OF[kind], row["id"])
        return ended

    # -- garbage

    def collect_garbage(self, *, dry_run: bool = False) -> GarbageReport:
        """Free unreferenced content, in an order that no concurrent upload can suffer from.

        Content is condemned in a transaction before it is deleted: from then on that digest lives under the name of its next
        generation. An upload that found the old content there, and commits later, sees the new generation and stores it again.
        """
        stored = {blob.name: blob.size for blob in self._blobs.blobs()}
        if dry_run:
            garbage = _unreferenced(self._metadata.view(), stored)
        else:
            garbage = self._metadata.transact(lambda transaction: self._condemn(transaction, stored))
            for blob in garbage:
                self._blobs.delete(blob)
            self._free_metrics()
        staged = self._blobs.clean(dry_run=dry_run)
        return GarbageReport(blobs=len(garbage), bytes=sum(stored[blob] for blob in garbage) + staged, dry_run=dry_run)

    @staticmethod
    def _condemn(transaction: Transaction, stored: dict[str, int]) -> list[str]:
        garbage = _unreferenced(transaction, stored)
        for blob in garbage:
            digest, generation, _ = parse_blob_name(blob)
            # A variant that is not the current one might be about to become it.
            if generation == generation_of(transaction, digest):
                transaction.put("condemned_blobs", {"digest": digest, "generation": generation + 1})
        return garbage

    def _free_metrics(self) -> None:
        uids = self._metrics.uids()  # before looking who is alive: what is created later is not among them
        view = self._metadata.view()
        alive = {row["uid"] for table in rows.TABLE_OF.values() for row in view.select(table)}
        for uid in uids:
            if uid not in alive:
                self._metrics.delete(uid)

    # -- uploading

    def _store(self, files: Sequence[SourceFile], progress: Callable[[int], None] | None) -> list[FileRecord]:
        view = self._metadata.view()
        names = {file.digest: current_blob(view, file.digest) for file in files}
        self._blobs.put_many([BlobItem(names[file.digest], file.digest, file.size, file.open) for file in files], progress)
        return [
            FileRecord(
                path=file.path,
                size=file.size,
                digest=file.digest,
                content_type=file.content_type,
                uri=self._blobs.uri(names[file.digest]),
                blob=names[file.digest],
            )
            for file in files
        ]

    def _commit(self, object_id: str, name: str, files: Sequence[FileRecord]) -> ArtifactRecord:
        id = derive_id(ObjectType.ARTIFACT, object_id, name)
        uid = new_uid()

        def body(transaction: Transaction) -> ArtifactRecord:
            kind, owner = self._require(transaction, object_id, *ARTIFACT_OWNERS)
            for file in files:
                if file.blob is not None and file.blob != current_blob(transaction, file.digest):
                    raise CondemnedError
            kept = {file["path"] for file in transaction.select("artifact_files", artifact_id=id)}
            refuse_clashes(kept | {file.path for file in files})
            stored = transaction.get("artifacts", id)
            row = stored or {
                "id": id,
                "uid": uid,
                "namespace": owner["namespace"],
                "name": name,
                "object_id": object_id,
                "object_type": str(kind),
                "created_at": transaction.now_us,
                "rewinds": [],
            }
            for file in files:
                transaction.put("artifact_files", rows.file_row(id, file))
            action = Action.UPDATED if stored else Action.CREATED
            return cast(ArtifactRecord, self._put(transaction, action, ObjectType.ARTIFACT, row))

        return self._change(body, id, ObjectType.ARTIFACT)


def current_blob(view: View, digest: str) -> str:
    """The name that content with a digest has, or is to get."""
    generation = generation_of(view, digest)
    direct = view.get("direct_blobs", digest)
    variant = direct["variant"] if direct and direct["generation"] == generation else ""
    return blob_name(digest, generation, variant)


def generation_of(view: View, digest: str) -> int:
    """The generation that content with a digest is in."""
    row = view.get("condemned_blobs", digest)
    return int(row["generation"]) if row else 0


def _unreferenced(view: View, stored: dict[str, int]) -> list[str]:
    referenced = {file["blob"] for file in view.select("artifact_files")}
    return sorted(blob for blob in stored if blob not in referenced)
