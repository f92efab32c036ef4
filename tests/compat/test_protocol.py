"""Whoever speaks an older protocol is understood from now on.

``service-1.binpb`` is the descriptor set of the last released ``service.proto``: replace it at a release, never in between.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from proto_files import SERVICE, UPSTREAM, breaks, compiled

KEPT = Path(__file__).parent / "service-1.binpb"


@pytest.fixture(scope="module")
def ours() -> FileDescriptorProto:
    return compiled(SERVICE)


def test_the_last_release_is_understood(ours: FileDescriptorProto) -> None:
    (released,) = FileDescriptorSet.FromString(KEPT.read_bytes()).file
    assert breaks(released, ours) == []


def test_upstream_is_understood(ours: FileDescriptorProto) -> None:
    upstream = compiled(UPSTREAM)
    assert (len(upstream.service[0].method), len(upstream.message_type)) == (18, 47)
    assert breaks(upstream, ours) == []


def _message(file: FileDescriptorProto, name: str) -> DescriptorProto:
    return next(message for message in file.message_type if message.name == name)


def _set(message: str, name: str, value: object) -> Callable[[FileDescriptorProto], None]:
    """Changes something about the first field of a message."""
    return lambda file: setattr(_message(file, message).field[0], name, value)


BREAKING: dict[str, Callable[[FileDescriptorProto], None]] = {
    "another package": lambda file: setattr(file, "package", "other"),
    "a message less": lambda file: file.message_type.pop(0),
    "a message renamed": lambda file: setattr(file.message_type[0], "name", "Other"),
    "a field less": lambda file: _message(file, "Experiment").field.pop(0),
    "another number": _set("Experiment", "number", 99),
    "another name": _set("Experiment", "name", "other"),
    "another type": _set("Experiment", "type", FieldDescriptorProto.TYPE_BYTES),
    "another message": _set("CreateModelResponse", "type_name", ".modelbox.Model"),
    "repeated": _set("Experiment", "label", FieldDescriptorProto.LABEL_REPEATED),
    "out of its oneof": lambda file: _message(file, "UploadFileRequest").field[0].ClearField("oneof_index"),
    "another type in a map": lambda file: setattr(
        _message(file, "Metadata").nested_type[0].field[1], "type", FieldDescriptorProto.TYPE_BYTES
    ),
    "an enum less": lambda file: file.enum_type.pop(0),
    "a value less": lambda file: file.enum_type[0].value.pop(1),
    "a value renamed": lambda file: setattr(file.enum_type[0].value[1], "name", "OTHER"),
    "a call less": lambda file: file.service[0].method.pop(3),
    "another request": lambda file: setattr(file.service[0].method[3], "input_type", ".modelbox.Model"),
    "another response": lambda file: setattr(file.service[0].method[3], "output_type", ".modelbox.Model"),
    "a stream": lambda file: setattr(file.service[0].method[3], "server_streaming", True),
    "a stream of requests": lambda file: setattr(file.service[0].method[3], "client_streaming", True),
    "a service less": lambda file: file.service.pop(0),
}


@pytest.mark.parametrize("change", BREAKING)
def test_a_change_that_breaks_is_found(change: str, ours: FileDescriptorProto) -> None:
    changed = FileDescriptorProto()
    changed.CopyFrom(ours)
    BREAKING[change](changed)
    assert breaks(ours, changed)


def test_an_addition_breaks_nothing(ours: FileDescriptorProto) -> None:
    changed = FileDescriptorProto()
    changed.CopyFrom(ours)
    changed.message_type.add(name="Added")
    _message(changed, "Experiment").field.add(name="added", number=999)
    changed.service[0].method.add(name="Added")
    changed.enum_type[0].value.add(name="ADDED", number=999)
    assert breaks(ours, changed) == []
