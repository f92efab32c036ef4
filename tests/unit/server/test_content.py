"""The calls of content, from clients that do not do what they should."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import grpc
import pytest

from in_process_server import Served
from modelbox.hashing import digest_of
from modelbox.wire import service_pb2 as pb
from modelbox.wire.content import chunk_of, encode_chunk

INVALID = grpc.StatusCode.INVALID_ARGUMENT
CONTENT = os.urandom(2 << 20)


@pytest.fixture
def owner(served: Served) -> str:
    return served.stub.CreateExperiment(pb.CreateExperimentRequest(name="e")).experiment_id


def header(owner: str, content: bytes = CONTENT, **changed: object) -> pb.UploadContentRequest:
    fields = {"object_id": owner, "digest": digest_of(content), "size": len(content)} | changed
    return pb.UploadContentRequest(header=pb.ContentHeader(**fields))


def chunks(content: bytes, length: int = 512 << 10) -> Iterator[pb.UploadContentRequest]:
    for start in range(0, len(content), length):
        yield pb.UploadContentRequest(chunk=content[start : start + length])


def refused(served: Served, frames: Iterable[pb.UploadContentRequest]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        served.stub.UploadContent(iter(frames))
    return caught.value.code(), caught.value.details()


def upload(served: Served, owner: str, content: bytes = CONTENT) -> pb.Artifact:
    served.stub.UploadContent(iter([header(owner, content), *chunks(content)]))
    file = pb.NewFile(path="f", size=len(content), digest=digest_of(content), content_type="text/plain")
    return served.stub.CommitUpload(pb.CommitUploadRequest(object_id=owner, name="art", files=[file])).artifact


def download(served: Served, **request: object) -> tuple[int, bytes]:
    first, *rest = served.stub.DownloadContent(pb.DownloadContentRequest(**request))
    return first.info.size, b"".join(frame.chunk for frame in rest)


def test_content_through_the_generated_stub(served: Served, owner: str) -> None:
    frames = [header(owner), *chunks(CONTENT, 1 << 20), header(owner, b""), header(owner, b"small"), *chunks(b"small", 2)]
    assert served.stub.UploadContent(iter(frames)).completed == 3
    artifact = upload(served, owner)
    file = artifact.files[0]
    assert (file.path, file.size, file.content_type) == ("f", len(CONTENT), "text/plain")
    whole = {"artifact_id": artifact.id, "blob": file.blob}
    assert download(served, **whole) == (len(CONTENT), CONTENT)
    assert download(served, **whole, offset=5, length=7) == (len(CONTENT), CONTENT[5:12])
    assert download(served, **whole, offset=len(CONTENT)) == (len(CONTENT), b"")
    assert download(served, **whole, offset=10, length=1 << 40) == (len(CONTENT), CONTENT[10:])
    assert download(served, **whole, length=0, direct=True) == (len(CONTENT), b"")
    with pytest.raises(grpc.RpcError) as beyond:
        download(served, **whole, offset=len(CONTENT) + 1)
    assert beyond.value.code() is INVALID
    with pytest.raises(grpc.RpcError) as other:
        download(served, artifact_id=artifact.id, blob=f"{file.blob}x")
    assert other.value.code() is grpc.StatusCode.NOT_FOUND


def test_frames_that_make_no_sense(served: Served, owner: str) -> None:
    assert refused(served, chunks(CONTENT)) == (INVALID, "there is a chunk without a header that says which content it is of")
    assert refused(served, [pb.UploadContentRequest()])[0] is INVALID
    assert "at most 1,048,576" in refused(served, [header(owner), *chunks(CONTENT, len(CONTENT))])[1]
    assert "more bytes than" in refused(served, [header(owner, size=100), *chunks(CONTENT)])[1]
    assert "without a header" in refused(served, [header(owner), *chunks(CONTENT), *chunks(b"x")])[1]
    assert "did not come" in refused(served, [header(owner), *chunks(CONTENT[:-1])])[1]
    assert "did not come" in refused(served, [header(owner), header(owner)])[1]
    for changed in ({"digest": "blake3:../../etc"}, {"size": 1 << 62}, {"offset": len(CONTENT) + 1}):
        code, details = refused(served, [header(owner, **changed), *chunks(CONTENT)])
        assert code is INVALID, details
    never_begun = CONTENT[::-1]
    frames = [header(owner, never_begun, offset=1 << 20), *chunks(never_begun[1 << 20 :])]
    assert refused(served, frames)[0] is grpc.StatusCode.FAILED_PRECONDITION
    assert refused(served, [header("nowhere"), *chunks(CONTENT)])[0] is grpc.StatusCode.NOT_FOUND
    for content in (CONTENT, b"small"):
        wrong = content[:-1] + bytes([content[-1] ^ 1])
        assert refused(served, [header(owner, content), *chunks(wrong)])[0] is grpc.StatusCode.DATA_LOSS
    assert upload(served, owner).files[0].digest == digest_of(CONTENT)


def test_garbage_instead_of_frames(served: Served, owner: str) -> None:
    call = served.channel.stream_unary("/modelbox.ModelStore/UploadContent")
    for frame in (b"\xff\xff", b"\x12\xff\xff\xff\xff\xff\xff", os.urandom(100)):
        with pytest.raises(grpc.RpcError) as caught:
            call(iter([header(owner).SerializeToString(), frame]))
        assert caught.value.code() is INVALID


def test_a_reader_that_goes_away(served: Served, owner: str) -> None:
    artifact = upload(served, owner)
    request = pb.DownloadContentRequest(artifact_id=artifact.id, blob=artifact.files[0].blob)
    for _ in range(50):
        call = served.stub.DownloadContent(request)
        next(call)
        call.cancel()
    assert download(served, artifact_id=artifact.id, blob=artifact.files[0].blob)[1] == CONTENT


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383, 16384, 1 << 20])
def test_chunks_are_what_the_message_would_be(size: int) -> None:
    chunk = os.urandom(size)
    frame = encode_chunk(chunk)
    assert frame == pb.UploadContentRequest(chunk=chunk).SerializeToString()
    assert frame == pb.DownloadContentResponse(chunk=chunk).SerializeToString()
    assert bytes(chunk_of(frame) or b"") == chunk


def test_frames_of_others_are_parsed_as_messages() -> None:
    frame = pb.UploadContentRequest(chunk=b"abc").SerializeToString()
    unknown = b"\x98\x06\x01"
    for other in (frame + unknown, unknown + frame, frame + frame, b"\x12\x83\x80\x80\x80\x80\x80\x00abc", b"", b"\x12"):
        assert chunk_of(other) is None
    assert chunk_of(b"\x12\x83\x00abc") == b"abc"
    assert pb.UploadContentRequest.FromString(frame + unknown).chunk == b"abc"
