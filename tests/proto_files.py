"""Descriptors of the proto files, and what would break those who rely on an older one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

SERVICE = Path(__file__).parents[1] / "protos" / "modelbox" / "service.proto"
UPSTREAM = Path(__file__).parent / "compat" / "upstream_service.proto"


def compiled(path: Path) -> FileDescriptorProto:
    """The descriptor of a proto file, with its comments."""
    well_known = Path(protoc.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.binpb"
        options = ["--include_source_info", f"--descriptor_set_out={out}"]
        assert protoc.main(["protoc", f"-I{path.parent}", f"-I{well_known}", *options, str(path)]) == 0
        (file,) = FileDescriptorSet.FromString(out.read_bytes()).file
    return file


def breaks(old: FileDescriptorProto, new: FileDescriptorProto) -> list[str]:
    """What of an older file a newer one changed or dropped; additions are none of that."""
    found = [f"{name} was {getattr(old, name)!r}" for name in ("package", "syntax") if getattr(old, name) != getattr(new, name)]
    found += _messages(old.message_type, new.message_type, "")
    for enum, other in _pairs(old.enum_type, new.enum_type, "name", "enum", found):
        for value, renamed in _pairs(enum.value, other.value, "number", f"value of {enum.name}", found):
            if value.name != renamed.name:
                found.append(f"{enum.name}.{value.name} is {renamed.name}")
    for service, other in _pairs(old.service, new.service, "name", "service", found):
        for method, changed in _pairs(service.method, other.method, "name", "call", found):
            if _signature(method) != _signature(changed):
                found.append(f"call {method.name} was {_signature(method)}, is {_signature(changed)}")
    return found


def _messages(old: Iterable[Any], new: Iterable[Any], inside: str) -> list[str]:
    found: list[str] = []
    for message, other in _pairs(old, new, "name", "message", found):
        name = f"{inside}{message.name}"
        found += _messages(message.nested_type, other.nested_type, f"{name}.")
        if message.options.map_entry != other.options.map_entry:
            found.append(f"{name} is a map, or was one")
        for field, changed in _pairs(message.field, other.field, "number", f"field of {name}", found):
            if _field(message, field) != _field(other, changed):
                found.append(f"field {name}.{field.name} was {_field(message, field)}, is {_field(other, changed)}")
    return found


def _pairs(old: Iterable[Any], new: Iterable[Any], key: str, what: str, found: list[str]) -> Iterator[tuple[Any, Any]]:
    others = {getattr(item, key): item for item in new}
    for item in old:
        other = others.get(getattr(item, key))
        if other is None:
            found.append(f"{what} {item.name} is gone")
        else:
            yield item, other


def _signature(method: Any) -> tuple[Any, ...]:
    return method.input_type, method.client_streaming, method.output_type, method.server_streaming


def _field(message: Any, field: Any) -> tuple[Any, ...]:
    oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
    return field.name, field.type, field.label, field.type_name, oneof, field.options.packed
