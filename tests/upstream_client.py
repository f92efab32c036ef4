"""A client of upstream: it knows nothing but upstream's own proto file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import grpc
from google.protobuf import descriptor_pool, message_factory, struct_pb2, timestamp_pb2

from proto_files import UPSTREAM, compiled

TIMEOUT_S = 60.0
_PACKAGE = "modelbox"


@cache
def _pool() -> Any:
    """Descriptors of upstream's messages, apart from those of ours with the same names."""
    pool = descriptor_pool.DescriptorPool()
    for known in (struct_pb2, timestamp_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    file = compiled(UPSTREAM)
    file.ClearField("source_code_info")
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def message(name: str, /, **fields: Any) -> Any:
    """A message of upstream's."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))(**fields)


class UpstreamClient:
    """Calls a server through stubs made of upstream's descriptors. A context.

    Args:
        address: ``host:port``.
    """

    def __init__(self, address: str) -> None:
        # A connection of its own, which leads to another process of a server with several.
        self._channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
        self._service = _pool().FindServiceByName(f"{_PACKAGE}.ModelStore")

    def __enter__(self) -> UpstreamClient:
        return self

    def __exit__(self, *error: object) -> None:
        self._channel.close()

    def call(self, name: str, /, **fields: Any) -> Any:
        """Make a unary call, or one that is answered by a stream."""
        request = message(self._service.methods_by_name[name].input_type.name, **fields)
        return self.stub(name)(request, timeout=TIMEOUT_S)

    def stub(self, name: str) -> Callable[..., Any]:
        """The stub of a call."""
        method = self._service.methods_by_name[name]
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
        make = getattr(self._channel, kind)
        response = message_factory.GetMessageClass(method.output_type)
        serializer = message_factory.GetMessageClass(method.input_type).SerializeToString
        found: Callable[..., Any] = make(
            f"/{_PACKAGE}.ModelStore/{name}", request_serializer=serializer, response_deserializer=response.FromString
        )
        return found

    def upload(self, object_id: str, name: str, content: bytes, /, *, chunk: int = 1 << 16, **file: Any) -> Any:
        """Upload a file as upstream's Python client does."""
        file.setdefault("checksum", hashlib.md5(content).hexdigest())
        described = message("FileMetadata", parent_id=object_id, **file)
        first = message("UploadFileMetadata", artifact_name=name, object_id=object_id, metadata=described)

        def frames() -> Iterator[Any]:
            yield message("UploadFileRequest", metadata=first)
            for start in range(0, len(content), chunk):
                yield message("UploadFileRequest", chunks=content[start : start + chunk])

        return self.stub("UploadFile")(frames(), timeout=TIMEOUT_S)

    def download(self, file_id: str) -> tuple[Any, bytes]:
        """Download a file as upstream's clients do: what the server says of it, and its content."""
        frames = self.call("DownloadFile", file_id=file_id)
        first = next(frames)
        assert first.WhichOneof("stream_frame") == "metadata"
        return first.metadata, b"".join(frame.chunks for frame in frames)
