"""Content that comes apart from the artifact that it is for: what a server does with it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import partial

from modelbox.backends import arguments
from modelbox.backends.arguments import ARTIFACT_OWNERS
from modelbox.backends.inprocess import rows
from modelbox.backends.inprocess.artifacts import CondemnedError, current_blob
from modelbox.backends.inprocess.direct import DirectRules
from modelbox.backends.served import ContentReceiver, MissingContent, NewFile, ServedBackend, TrackedFile
from modelbox.errors import NotFoundError
from modelbox.paths import content_type
from modelbox.records import ArtifactRecord, FileRecord, ObjectType
from modelbox.stores.blobs import BlobItem
from modelbox.stores.metadata import View


class ContentRules(DirectRules, ServedBackend):
    """The part of the in-process backend about content that comes in pieces."""

    def missing_content(self, object_id: str, name: str, files: Sequence[NewFile], *, direct: bool = False) -> list[MissingContent]:
        arguments.new_files(object_id, name, files)
        view = self._metadata.view()
        self._require(view, object_id, *ARTIFACT_OWNERS)
        wanted = {file.digest: file.size for file in files}
        names, missing = self._missing(view, wanted)
        return [
            MissingContent(
                digest=digest,
                size=wanted[digest],
                received=self._blobs.received(names[digest], wanted[digest]),
                direct=self._sign(view, digest, wanted[digest]) if direct else None,
            )
            for digest in missing
        ]

    def receive_content(self, object_id: str, digest: str, size: int, offset: int) -> ContentReceiver:
        arguments.content(object_id, digest, size, offset)
        return self._blobs.receive(self._name_for(object_id, digest), digest, size, offset)

    def store_contents(self, object_id: str, contents: Mapping[str, bytes]) -> None:
        for digest, content in contents.items():
            arguments.content(object_id, digest, len(content))
        view = self._metadata.view()
        self._require(view, object_id, *ARTIFACT_OWNERS)
        self._blobs.put_many(
            [
                BlobItem(current_blob(view, digest), digest, len(content), partial(io.BytesIO, content))
                for digest, content in contents.items()
            ]
        )

    def stored_file(self, artifact_id: str, blob: str) -> FileRecord:
        view = self._metadata.view()
        _, artifact = self._require(view, artifact_id, ObjectType.ARTIFACT)
        for row in view.select("artifact_files", artifact_id=artifact_id):
            if row["blob"] == blob and blob:
                return rows.file(row, self._blobs.uri)
        raise NotFoundError(f"artifact {artifact['name']!r} has no content {blob!r}; it may have been replaced")

    def commit_artifact(self, object_id: str, name: str, files: Sequence[NewFile]) -> ArtifactRecord | None:
        arguments.new_files(object_id, name, files)
        view = self._metadata.view()
        self._require(view, object_id, *ARTIFACT_OWNERS)
        names, missing = self._missing(view, {file.digest: file.size for file in files})
        if missing:
            return None
        try:
            return self._commit(object_id, name, [self._stored(file, names[file.digest]) for file in files])
        except CondemnedError:
            return None

    def track_files(self, object_id: str, name: str, files: Sequence[TrackedFile]) -> ArtifactRecord:
        arguments.track_files(object_id, name, files)
        return self._commit(
            object_id,
            name,
            [
                FileRecord(
                    path=file.path,
                    size=None,
                    digest=file.checksum,
                    content_type=content_type(file.path),
                    uri=file.uri,
                    file_type=file.file_type,
                )
                for file in files
            ],
        )

    def _name_for(self, object_id: str, digest: str) -> str:
        """The name of content that an object is to hold."""
        view = self._metadata.view()
        self._require(view, object_id, *ARTIFACT_OWNERS)
        return current_blob(view, digest)

    def _missing(self, view: View, wanted: Mapping[str, int]) -> tuple[dict[str, str], list[str]]:
        """The names of content, by digest, and which of it is not there."""
        names = {digest: current_blob(view, digest) for digest in wanted}
        sizes = self._blobs.sizes(list(names.values()))
        return names, [digest for digest, size in wanted.items() if sizes.get(names[digest]) != size]

    def _stored(self, file: NewFile, blob: str) -> FileRecord:
        return FileRecord(
            path=file.path,
            size=file.size,
            digest=file.digest,
            content_type=file.content_type,
            uri=self._blobs.uri(blob),
            blob=blob,
            md5=file.md5,
            file_type=file.file_type,
            source_path=file.source_path,
        )
