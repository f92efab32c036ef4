"""Twins of the messages with points, for sending and reading columns as bytes.

They declare a packed column of fixed-width numbers ``bytes``: the same on the wire, and a copy of memory in Python, where a
repeated field costs many times that.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from modelbox.errors import InvalidArgumentError
from modelbox.wire import service_pb2 as pb


def parse(data: bytes, twin: Any, typed: Any) -> Any:
    """The twin of a serialised message.

    A column may also come in several pieces, of which a twin keeps the last, or not packed, which it does not know. Both show in
    its size, and then the typed message has to read it.
    """
    try:
        message = twin.FromString(data)
        message.DiscardUnknownFields()
        if message.ByteSize() == len(data):
            return message
        plain = typed.FromString(data)
    except DecodeError:
        raise InvalidArgumentError(f"{len(data)} bytes are not a message of metric points") from None
    plain.DiscardUnknownFields()
    return twin.FromString(plain.SerializeToString())


def _twins() -> list[Any]:
    """The messages with points, made from their descriptors with ``bytes`` for columns, and for texts, which Arrow checks."""
    file = descriptor_pb2.FileDescriptorProto(name="modelbox/twins.proto", package="modelbox.twins", syntax="proto3")
    for original in (pb.MetricPoints, pb.MetricBatch, pb.AppendMetricsRequest, pb.ReadMetricsResponse):
        original.DESCRIPTOR.CopyToProto(file.message_type.add())
    for message in file.message_type:
        for field in message.field:
            _make_twin(field)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    names = [f"modelbox.twins.{message.name}" for message in file.message_type]
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names]


def _make_twin(field: Any) -> None:
    fixed = (field.TYPE_FIXED32, field.TYPE_SFIXED64, field.TYPE_DOUBLE)
    if field.type in fixed and field.label == field.LABEL_REPEATED:
        field.type, field.label = field.TYPE_BYTES, field.LABEL_OPTIONAL
    elif field.name == "text":
        field.type = field.TYPE_BYTES
    elif field.type_name:
        field.type_name = field.type_name.replace(".modelbox.", ".modelbox.twins.")


MetricPoints, _, AppendMetricsRequest, ReadMetricsResponse = _twins()
"""Take and give columns, and texts, as bytes."""
