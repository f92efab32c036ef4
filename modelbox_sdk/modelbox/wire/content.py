"""Frames of content, made and read without a message object: a third of the processor time of a transfer.

A frame with a chunk is the bytes ``12 <length> <chunk>`` in UploadContentRequest and in DownloadContentResponse alike. Anything
else, such as a frame of another implementation that has unknown fields too, is parsed as the message that it is.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from modelbox.errors import InvalidArgumentError, UnavailableError
from modelbox.wire import service_pb2 as pb

MAX_CHUNK = 1 << 20
"""Greatest chunk that is accepted."""

_CHUNK_TAG = 0x12  # field 2, length-delimited
_MAX_HEAD = 6


def encode_chunk(chunk: bytes | bytearray | memoryview) -> bytes:
    """A frame with a chunk."""
    length = len(chunk)
    head = bytearray((_CHUNK_TAG,))
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return b"".join((head, chunk))


def chunk_of(frame: bytes) -> memoryview | None:
    """The chunk in a frame; None when the frame must be parsed as a message."""
    if not frame or frame[0] != _CHUNK_TAG:
        return None
    length, shift = 0, 0
    for at in range(1, min(len(frame), _MAX_HEAD)):
        length |= (frame[at] & 0x7F) << shift
        if frame[at] <= 0x7F:
            start = at + 1
            return memoryview(frame)[start:] if length == len(frame) - start else None
        shift += 7
    return None


def parse_upload_frame(frame: bytes) -> pb.UploadContentRequest:
    """The message in a frame that is not a plain chunk.

    Raises:
        InvalidArgumentError: It is none.
    """
    try:
        message: pb.UploadContentRequest = pb.UploadContentRequest.FromString(frame)
    except DecodeError:
        raise InvalidArgumentError(f"a frame of {len(frame):,} bytes cannot be decoded") from None
    return message


def parse_download_frame(frame: bytes) -> pb.DownloadContentResponse:
    """The message in a frame that is not a plain chunk.

    Raises:
        UnavailableError: It is none.
    """
    try:
        message: pb.DownloadContentResponse = pb.DownloadContentResponse.FromString(frame)
    except DecodeError:
        raise UnavailableError(f"the server sent {len(frame):,} bytes that cannot be decoded") from None
    return message
