"""What a server needs of a backend besides what clients do."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from modelbox.backends.base import Backend
from modelbox.records import ArtifactRecord, FileRecord, ObjectRecord
from modelbox.stores.blobs.receiving import Receiver as ContentReceiver

__all__ = ["ContentReceiver", "DirectUpload", "MissingContent", "NewFile", "ServedBackend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that is to become part of an artifact, and whose content comes on another way.

    Attributes:
        path: Relative POSIX path inside the artifact.
        size: Bytes.
        digest: ``blake3:<hex>`` of the content.
        content_type: MIME type.
        md5: MD5 of the content in hexadecimal digits, or "" when nobody gave it.
        file_type: What its uploader says that it is, such as ``checkpoint``, or "".
        source_path: Where the uploader had it, or "".
    """

    path: str
    size: int
    digest: str
    content_type: str
    md5: str = ""
    file_type: str = ""
    source_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFile:
    """A file that is to be remembered by its address.

    Attributes:
        path: Relative POSIX path inside the artifact.
        uri: Any address.
        checksum: Kept as it is given; may be empty.
        file_type: What it is, such as ``checkpoint``, or "".
    """

    path: str
    uri: str
    checksum: str = ""
    file_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectUpload:
    """Where a client can send content over HTTP.

    Attributes:
        upload_id: Names the upload when it is finished.
        part_size: Bytes in each part but the last.
        urls: A signed URL for the PUT of each part, in order.
        headers: Headers of each PUT.
    """

    upload_id: str
    part_size: int
    urls: tuple[str, ...]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingContent:
    """Content that the store lacks.

    Attributes:
        digest: Its digest.
        size: Bytes.
        received: Bytes that an interrupted upload left: :meth:`ServedBackend.receive_content` continues there.
        direct: Where it can be sent directly; None when it must come through ``receive_content``.
    """

    digest: str
    size: int
    received: int = 0
    direct: DirectUpload | None = None


class ServedBackend(Backend):
    """A backend that can be offered to others: content arrives in pieces, and calls may come twice."""

    @abc.abstractmethod
    def store_id(self) -> str:
        """Identifies the store: the same for all backends on it, another one for each other store."""

    @abc.abstractmethod
    def once(self, request_id: str) -> AbstractContextManager[None]:
        """What this thread changes in the block is changed once, however often the block is run with the same id.

        The second time, within a quarter of an hour, by whichever process on this store, a method that creates or changes returns
        what it returned the first time (with the state of now), and changes nothing. A block has one such call. Appending metrics
        and events has identifiers of its own, and putting content is idempotent anyway.
        """

    @abc.abstractmethod
    def missing_content(self, object_id: str, name: str, files: Sequence[NewFile], *, direct: bool = False) -> list[MissingContent]:
        """The content of files that the store lacks, each digest once.

        Args:
            object_id: The object that the artifact is to hang on.
            name: Name of the artifact.
            files: The files.
            direct: Whether the caller can send to signed URLs.

        Raises:
            NotFoundError: There is no such object.
            InvalidArgumentError: A name, path or digest cannot be used.
        """

    @abc.abstractmethod
    def receive_content(self, object_id: str, digest: str, size: int, offset: int) -> ContentReceiver:
        """Begin to take content in, from an offset that is not beyond what an interrupted upload left.

        Args:
            object_id: The object that is to hold it.
            digest: What it must hash to.
            size: Bytes of all of it.
            offset: Where what follows begins.

        Raises:
            NotFoundError: There is no such object.
            ConflictError: Less than ``offset`` bytes are here; ask :meth:`missing_content` again.
            InvalidArgumentError: The digest or a number cannot be used.
        """

    @abc.abstractmethod
    def store_contents(self, object_id: str, contents: Mapping[str, bytes]) -> None:
        """Store many small pieces of content, by their digests, together. Durable when it returns.

        Raises:
            NotFoundError: There is no such object.
            ChecksumError: A piece has another digest; some of the others may have been stored.
            InvalidArgumentError: A digest cannot be used.
        """

    @abc.abstractmethod
    def finish_direct_upload(self, object_id: str, digest: str, size: int, upload_id: str, etags: Sequence[str]) -> None:
        """Take over content that was sent to the storage directly.

        It is verified before it is served to anybody.

        Raises:
            NotFoundError: There is no such object.
            ConflictError: The storage does not have all parts of it; upload it again.
            ChecksumError: It has another digest or size; nothing is kept of it.
        """

    @abc.abstractmethod
    def commit_artifact(self, object_id: str, name: str, files: Sequence[NewFile]) -> ArtifactRecord | None:
        """Make files part of the artifact with this name on an object, as ``put_artifact`` does.

        Returns:
            The artifact; None when content is missing (again), and nothing was done.

        Raises:
            NotFoundError: There is no such object.
            InvalidArgumentError: A name or path cannot be used.
        """

    @abc.abstractmethod
    def track_files(self, object_id: str, name: str, files: Sequence[TrackedFile]) -> ArtifactRecord:
        """Remember addresses in the artifact with this name on an object, all of them as one change.

        Raises:
            NotFoundError: There is no such object.
            InvalidArgumentError: A name, path or address cannot be used.
        """

    def writable_object(self, id: str) -> ObjectRecord:
        """The object with an id, which the caller may change: for what reaches the store past this backend.

        Raises:
            NotFoundError: There is none.
            PermissionDeniedError: The caller may not change it.
        """
        return self.get_object(id)

    @abc.abstractmethod
    def stored_file(self, artifact_id: str, blob: str) -> FileRecord:
        """The file of an artifact that has some content of the store; one of them, when several have.

        Raises:
            NotFoundError: There is no such artifact, or it has no such content (any more).
        """

    @abc.abstractmethod
    def download_url(self, file: FileRecord) -> str | None:
        """A signed URL of the content of a file, or None when the storage has no such thing."""
