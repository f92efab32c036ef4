"""Uploading content: only what the server lacks, from where it stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

from modelbox.backends.base import SourceFile
from modelbox.backends.remote import storage
from modelbox.backends.remote.calls import Calls
from modelbox.backends.remote.interruptions import InterruptedCall, Repetitions
from modelbox.errors import ChecksumError, ConflictError, ModelBoxError, UnavailableError
from modelbox.hashing import CHUNK, read_into
from modelbox.records import ArtifactRecord
from modelbox.wire import service_pb2 as pb
from modelbox.wire.content import encode_chunk
from modelbox.wire.messages import artifact_from_message

_SLOWEST = 128 << 10
"""Bytes a second; an upload that is slower ends, and is continued."""
_SLOWEST_READ = 8 << 20
"""Bytes a second that a server reads from its storage, at least, when it verifies what was sent there."""
_GRACE_S = 60.0


class Upload:
    """One upload of files into an artifact.

    Args:
        calls: The connection.
        object_id: The object that the artifact hangs on.
        name: Name of the artifact.
        files: The files.
        progress: Told about bytes that are dealt with.
    """

    def __init__(
        self, calls: Calls, object_id: str, name: str, files: Sequence[SourceFile], progress: Callable[[int], None] | None
    ) -> None:
        self._calls = calls
        self._object_id = object_id
        self._name = name
        self._new_files = [
            pb.NewFile(path=file.path, size=file.size, digest=file.digest, content_type=file.content_type) for file in files
        ]
        self._contents = {file.digest: file for file in files}
        self._has_large = any(file.size >= storage.SMALLEST for file in files)
        self._reported = _Reported(files, progress)
        self._held = 0  # bytes that the server had at the last look; more may have been handed to grpc, and lost with a connection

    def run(self) -> ArtifactRecord:
        """Upload them; see ``Backend.put_artifact``."""
        repetitions = Repetitions(self._calls.retry_s)
        while True:
            reported, held = self._reported.total, self._held
            try:
                self._send(self._missing())
                record = self._commit()
            except InterruptedCall as interrupted:
                trouble = interrupted
            except storage.StorageError as error:  # with new URLs, or through the server
                trouble = InterruptedCall(error.as_unavailable())
                self._has_large = self._has_large and error.passing
            except ConflictError as error:  # somebody else is at this content, or what we wanted to continue is gone
                trouble = InterruptedCall(UnavailableError(str(error)))
            else:
                if record is not None:
                    self._reported.all()
                    return record
                trouble = InterruptedCall(UnavailableError(f"content of {self._name!r} was collected as garbage again and again"))
            if self._reported.total > reported or self._held > held:
                repetitions.progressed()
            repetitions.after(trouble)

    def _missing(self) -> dict[str, pb.MissingContent]:
        """The content that the server lacks, by digest."""
        direct = self._has_large and storage.is_reachable()
        request = pb.BeginUploadRequest(object_id=self._object_id, name=self._name, files=self._new_files, direct=direct)
        response = self._calls.unary("BeginUpload", request, deadline_s=_GRACE_S)
        missing = {content.digest: content for content in response.missing if content.digest in self._contents}
        held = {digest: missing[digest].received if digest in missing else file.size for digest, file in self._contents.items()}
        for digest, position in held.items():
            self._reported.up_to(digest, position)
        self._held = sum(held.values())
        return missing

    def _commit(self) -> ArtifactRecord | None:
        request = pb.CommitUploadRequest(object_id=self._object_id, name=self._name, files=self._new_files)
        response = self._calls.unary("CommitUpload", request, deadline_s=_GRACE_S)
        return artifact_from_message(response.artifact) if response.HasField("artifact") else None

    def _send(self, missing: Mapping[str, pb.MissingContent]) -> None:
        through = [(self._contents[one.digest], one.received) for one in missing.values() if not one.HasField("direct")]
        if through:
            self._send_through(through)
        for one in missing.values():
            if one.HasField("direct"):
                self._send_direct(self._contents[one.digest], one.direct)

    def _send_direct(self, file: SourceFile, direct: pb.DirectUpload) -> None:
        from modelbox.backends.remote.direct import send_parts

        etags = send_parts(file, direct, lambda position: self._reported.up_to(file.digest, position))
        request = pb.FinishDirectUploadRequest(
            object_id=self._object_id, digest=file.digest, size=file.size, upload_id=direct.upload_id, etags=etags
        )
        self._calls.unary("FinishDirectUpload", request, deadline_s=_GRACE_S + file.size / _SLOWEST_READ)

    def _send_through(self, contents: Sequence[tuple[SourceFile, int]]) -> None:
        left = sum(file.size - received for file, received in contents)
        frames = _Frames(self._object_id, contents, self._reported)
        try:
            with self._calls.stream("UploadContent", iter(frames), deadline_s=_GRACE_S + left / _SLOWEST) as responses:
                next(responses, None)
        except (ModelBoxError, InterruptedCall):
            if frames.error is not None:  # the server only noticed that the stream ended early
                raise frames.error from None
            raise
        if frames.error is not None:
            raise frames.error


class _Frames:
    """The requests of an upload. grpc asks for them from a thread of its own.

    Attributes:
        error: Why it ended early: grpc would only log what is raised there.
    """

    def __init__(self, object_id: str, contents: Sequence[tuple[SourceFile, int]], reported: _Reported) -> None:
        self.error: BaseException | None = None
        self._object_id = object_id
        self._contents = contents
        self._reported = reported
        self._buffer = memoryview(bytearray(CHUNK))

    def __iter__(self) -> Iterator[bytes]:
        try:
            for file, offset in self._contents:
                header = pb.ContentHeader(object_id=self._object_id, digest=file.digest, size=file.size, offset=offset)
                yield pb.UploadContentRequest(header=header).SerializeToString()
                with file.open() as source:
                    yield from self._chunks(file, source, offset)
        except Exception as error:  # noqa: BLE001 - raised again by who waits for the response
            self.error = error

    def _chunks(self, file: SourceFile, source: BinaryIO, at: int) -> Iterator[bytes]:
        if at:
            source.seek(at)
        while at < file.size:
            chunk = self._buffer[: min(CHUNK, file.size - at)]
            count = read_into(source, chunk)
            yield encode_chunk(chunk[:count])
            at += count
            self._reported.up_to(file.digest, at)
            if count < len(chunk):
                raise ChecksumError(f"{file.path} is shorter than it was when it was hashed")
        if read_into(source, self._buffer[:1]):
            raise ChecksumError(f"{file.path} is longer than it was when it was hashed")


class _Reported:
    """Counts bytes towards the progress, each once, however often they are sent.

    Attributes:
        total: Bytes of distinct content so far.
    """

    def __init__(self, files: Sequence[SourceFile], progress: Callable[[int], None] | None) -> None:
        self.total = 0
        self._progress = progress or (lambda _: None)
        self._size = sum(file.size for file in files)
        self._positions: dict[str, int] = {}
        self._lock = threading.Lock()

    def up_to(self, digest: str, position: int) -> None:
        """Content has been dealt with up to here."""
        with self._lock:  # a stream that broke may be at its last chunk while the next one begins
            before = self._positions.get(digest, 0)
            if position > before:
                self._positions[digest] = position
                self.total += position - before
                self._progress(position - before)

    def all(self) -> None:
        """All files have been dealt with, also those that have the content of others."""
        self._progress(self._size - self.total)
        self.total = self._size
