"""Files as clients of upstream send and fetch them: one at a time, with MD5."""

from __future__ import annotations

import collections
import hashlib
import tempfile
import threading
from collections.abc import Generator, Iterator
from typing import BinaryIO, NamedTuple, cast

from modelbox.backends.served import NewFile, ServedBackend
from modelbox.errors import ChecksumError, ConflictError, InvalidArgumentError, NotFoundError
from modelbox.hashing import Hasher, chunks_of
from modelbox.oserrors import storage_errors
from modelbox.paths import content_type, validate_name
from modelbox.records import ArtifactRecord, FileRecord, ObjectType
from modelbox.server.calls import Call
from modelbox.server.servicers.source_paths import relative_path
from modelbox.wire import service_pb2 as pb
from modelbox.wire.file_ids import artifact_id_of, file_id
from modelbox.wire.messages import file_to_message
from modelbox.wire.values import file_type_from_enum

_CHUNK = 256 << 10
_IN_MEMORY = 1 << 20
_KNOWN_CHECKSUMS = 1000
_ATTEMPTS = 5


class UpstreamFileServicer:
    """Files as clients of upstream send and fetch them."""

    def __init__(self) -> None:
        self._checksums = _Checksums()

    def UploadFile(self, requests: Iterator[pb.UploadFileRequest], call: Call) -> pb.UploadFileResponse:
        upload = _upload_of(requests)
        described = upload.metadata
        validate_name(upload.artifact_name)
        object_id = upload.object_id or described.parent_id
        call.backend.writable_object(object_id)  # before gigabytes come for nothing
        path = relative_path(described.src_path, upload.artifact_name)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spooled:
            content = cast(BinaryIO, spooled)
            staged = _stage(_chunks(requests), content)
            if described.checksum and described.checksum.lower() != staged.md5:
                raise ChecksumError(
                    f"file {described.src_path!r} has the MD5 {staged.md5}, not {described.checksum!r} as it was said"
                )
            file = NewFile(
                path=path,
                size=staged.size,
                digest=staged.digest,
                content_type=content_type(path),
                md5=staged.md5,
                file_type=file_type_from_enum(described.file_type),
                source_path=described.src_path if described.src_path != path else "",
            )
            artifact = _store(call.backend, object_id, upload.artifact_name, file, content)
        return pb.UploadFileResponse(file_id=file_id(artifact.id, path), artifact_id=artifact.id)

    def DownloadFile(self, request: pb.DownloadFileRequest, call: Call) -> Generator[pb.DownloadFileResponse]:
        artifact, file = _find(call.backend, request.file_id)
        message = file_to_message(file, artifact)
        message.checksum = file.md5 or self._checksums.of(call.backend, file)
        yield pb.DownloadFileResponse(metadata=message)
        with call.backend.open_file(file) as content:
            for chunk in chunks_of(content, length=_CHUNK):
                yield pb.DownloadFileResponse(chunks=bytes(chunk))


# -- uploading


def _upload_of(requests: Iterator[pb.UploadFileRequest]) -> pb.UploadFileMetadata:
    """What the first frame says."""
    first = next(requests, None)
    if first is None or first.WhichOneof("stream_frame") != "metadata":
        raise InvalidArgumentError("the first frame of an upload must say what is uploaded")
    if not first.metadata.HasField("metadata"):
        raise InvalidArgumentError("the first frame of an upload must describe the file: its metadata is missing")
    return first.metadata


def _chunks(requests: Iterator[pb.UploadFileRequest]) -> Iterator[bytes]:
    for frame in requests:
        if frame.WhichOneof("stream_frame") != "chunks":
            raise InvalidArgumentError("all frames of an upload but the first must be chunks")
        yield frame.chunks


class _Staged(NamedTuple):
    """What is known of content that has come."""

    size: int
    digest: str
    md5: str


def _stage(chunks: Iterator[bytes], file: BinaryIO) -> _Staged:
    """Write content to a file."""
    hasher, md5 = Hasher(), hashlib.md5(usedforsecurity=False)
    for chunk in chunks:
        hasher.update(chunk)
        md5.update(chunk)
        with storage_errors("write", "a temporary file for an upload"):
            file.write(chunk)
    return _Staged(hasher.size, hasher.digest(), md5.hexdigest())


def _store(backend: ServedBackend, object_id: str, name: str, file: NewFile, content: BinaryIO) -> ArtifactRecord:
    """Store content that the store lacks, and commit it; once more when it was taken away in between."""
    for _ in range(_ATTEMPTS):
        for missing in backend.missing_content(object_id, name, [file]):
            receiver = backend.receive_content(object_id, file.digest, file.size, missing.received)
            try:
                content.seek(missing.received)
                for chunk in chunks_of(content, length=_CHUNK):
                    receiver.write(chunk)
                receiver.finish()
            finally:
                receiver.close()
        artifact = backend.commit_artifact(object_id, name, [file])
        if artifact is not None:
            return artifact
    raise ConflictError(f"the content of {file.path!r} was taken away {_ATTEMPTS} times while it was uploaded; upload it again")


# -- downloading


def _find(backend: ServedBackend, id: str) -> tuple[ArtifactRecord, FileRecord]:
    """The stored file with an id, and its artifact. An address that is only tracked is never followed."""
    try:
        artifact = cast(ArtifactRecord, backend.get_object(artifact_id_of(id), ObjectType.ARTIFACT))
    except NotFoundError:
        raise NotFoundError(f"there is no file with id {id!r}") from None
    file = next((file for file in artifact.files if file_id(artifact.id, file.path) == id), None)
    if file is None:
        raise NotFoundError(f"there is no file with id {id!r}")
    if file.blob is None:
        raise NotFoundError(f"file {file.path!r} is only tracked; its content is at {file.uri}, not in the store")
    return artifact, file


class _Checksums:
    """MD5s of content that nobody gave one for; each is computed once."""

    def __init__(self) -> None:
        self._known: collections.OrderedDict[str, str] = collections.OrderedDict()
        self._lock = threading.Lock()

    def of(self, backend: ServedBackend, file: FileRecord) -> str:
        """The MD5 of stored content, in hexadecimal digits."""
        with self._lock:
            known = self._known.get(file.digest)
        if known is None:
            known = _md5_of(backend, file)
            with self._lock:
                self._known[file.digest] = known
                while len(self._known) > _KNOWN_CHECKSUMS:
                    self._known.popitem(last=False)
        return known


def _md5_of(backend: ServedBackend, file: FileRecord) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    with backend.open_file(file) as content:
        for chunk in chunks_of(content):
            md5.update(chunk)
    return md5.hexdigest()
