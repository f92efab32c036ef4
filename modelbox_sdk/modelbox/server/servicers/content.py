"""Artifacts, and content by its digest."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence

from modelbox.backends.served import DirectUpload, MissingContent, NewFile
from modelbox.errors import InvalidArgumentError
from modelbox.server.calls import Call, takes_bytes
from modelbox.server.servicers.defaults import optional
from modelbox.server.servicers.intake import Intake
from modelbox.server.servicers.served_content import ServedContent
from modelbox.wire import service_pb2 as pb
from modelbox.wire.content import chunk_of, encode_chunk, parse_upload_frame
from modelbox.wire.messages import artifact_to_message


class ContentServicer:
    """Artifacts, and content by its digest."""

    def __init__(self) -> None:
        self._served = ServedContent()

    # -- artifacts

    def GetArtifact(self, request: pb.GetArtifactRequest, call: Call) -> pb.GetArtifactResponse:
        record = call.backend.find_artifact(request.object_id, request.name)
        return pb.GetArtifactResponse(artifact=artifact_to_message(record))

    def TrackArtifact(self, request: pb.TrackArtifactRequest, call: Call) -> pb.TrackArtifactResponse:
        record = call.backend.track_artifact(
            request.object_id, request.name, uri=request.uri, checksum=optional(request, "checksum")
        )
        return pb.TrackArtifactResponse(artifact=artifact_to_message(record))

    # -- uploads

    def BeginUpload(self, request: pb.BeginUploadRequest, call: Call) -> pb.BeginUploadResponse:
        missing = call.backend.missing_content(request.object_id, request.name, _new_files(request.files), direct=request.direct)
        return pb.BeginUploadResponse(missing=map(_missing_to_message, missing))

    @takes_bytes
    def UploadContent(self, requests: Iterator[bytes], call: Call) -> pb.UploadContentResponse:
        with Intake(call.backend) as intake:
            for frame in requests:
                chunk = chunk_of(frame)
                if chunk is not None:
                    intake.take(chunk)
                    continue
                message = parse_upload_frame(frame)
                if message.WhichOneof("frame") == "header":
                    intake.begin(message.header)
                elif message.WhichOneof("frame") == "chunk":
                    intake.take(message.chunk)
                else:
                    raise InvalidArgumentError("there is a frame with neither a header nor a chunk")
            intake.finish()
            return pb.UploadContentResponse(completed=intake.completed)

    def FinishDirectUpload(self, request: pb.FinishDirectUploadRequest, call: Call) -> pb.FinishDirectUploadResponse:
        call.backend.finish_direct_upload(request.object_id, request.digest, request.size, request.upload_id, list(request.etags))
        return pb.FinishDirectUploadResponse()

    def CommitUpload(self, request: pb.CommitUploadRequest, call: Call) -> pb.CommitUploadResponse:
        record = call.backend.commit_artifact(request.object_id, request.name, _new_files(request.files))
        return pb.CommitUploadResponse(artifact=artifact_to_message(record) if record is not None else None)

    # -- downloads

    def DownloadContent(
        self, request: pb.DownloadContentRequest, call: Call
    ) -> Generator[pb.DownloadContentResponse | bytes, None, None]:
        file = call.backend.stored_file(request.artifact_id, request.blob)
        url = call.backend.download_url(file) if request.direct else None
        if url is not None:
            yield pb.DownloadContentResponse(info=pb.ContentInfo(size=file.size or 0, url=url))
            return
        with call.backend.open_file(file) as stream:
            size = stream.seek(0, os.SEEK_END)
            if request.offset > size:
                raise InvalidArgumentError(f"content of {size:,} bytes cannot be read from byte {request.offset:,} on")
            yield pb.DownloadContentResponse(info=pb.ContentInfo(size=size))
            length = optional(request, "length")
            left = size - request.offset
            for chunk in self._served.chunks(request.blob, stream, request.offset, left if length is None else min(length, left)):
                yield encode_chunk(chunk)


def _new_files(messages: Sequence[pb.NewFile]) -> list[NewFile]:
    return [NewFile(path=file.path, size=file.size, digest=file.digest, content_type=file.content_type) for file in messages]


def _missing_to_message(missing: MissingContent) -> pb.MissingContent:
    direct = _direct_to_message(missing.direct) if missing.direct is not None else None
    return pb.MissingContent(digest=missing.digest, received=missing.received, direct=direct)


def _direct_to_message(direct: DirectUpload) -> pb.DirectUpload:
    return pb.DirectUpload(upload_id=direct.upload_id, part_size=direct.part_size, urls=direct.urls, headers=direct.headers)
