"""The generated code is that of the proto file, and the file explains itself."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from modelbox.wire import service_pb2
from proto_files import SERVICE, compiled

GENERATOR_VERSION = "1.68.0"
"""Of grpcio-tools; the one that the committed code is made with."""


@pytest.fixture(scope="module")
def file() -> FileDescriptorProto:
    return compiled(SERVICE)


def test_the_generated_messages_are_those_of_the_file(file: FileDescriptorProto) -> None:
    generated, expected = FileDescriptorProto(), FileDescriptorProto()
    service_pb2.DESCRIPTOR.CopyToProto(generated)
    expected.CopyFrom(file)
    expected.ClearField("source_code_info")
    for descriptor in (generated, expected):
        descriptor.ClearField("name")
        _without_json_names(descriptor.message_type)
    assert generated == expected, "run nox -s protos"


def _without_json_names(messages: Any) -> None:
    for message in messages:
        _without_json_names(message.nested_type)
        for field in message.field:
            field.ClearField("json_name")


@pytest.mark.skipif(version("grpcio-tools") != GENERATOR_VERSION, reason=f"the code is made with grpcio-tools {GENERATOR_VERSION}")
def test_the_generated_text_is_up_to_date() -> None:
    path = SERVICE.parents[1] / "generate.py"
    spec = importlib.util.spec_from_file_location("generate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    wire = Path(service_pb2.__file__).parent
    assert {name: (wire / name).read_text() for name in module.generate()} == module.generate()


def test_the_generator_is_no_newer_than_the_oldest_libraries_that_are_supported() -> None:
    """Generated code refuses older libraries than it was made with."""
    wire = Path(service_pb2.__file__).parent
    project = (SERVICE.parents[2] / "pyproject.toml").read_text()
    assert f"GRPC_GENERATED_VERSION = '{GENERATOR_VERSION}'" in (wire / "service_pb2_grpc.py").read_text()
    assert numbers(GENERATOR_VERSION) <= lowest(project, "grpcio")
    made_with = re.search(r"^# Protobuf Python Version: (\S+)$", (wire / "service_pb2.py").read_text(), re.MULTILINE)
    assert made_with is not None
    assert numbers(made_with[1]) <= lowest(project, "protobuf")


def lowest(project: str, name: str) -> tuple[int, ...]:
    found = re.search(rf'"{name}>=([0-9.]+)"', project)
    assert found is not None
    return numbers(found[1])


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_everything_has_a_comment(file: FileDescriptorProto) -> None:
    commented = {tuple(place.path) for place in file.source_code_info.location if place.leading_comments or place.trailing_comments}
    lacking = []
    for number, message in enumerate(file.message_type):
        lacking += [f"message {message.name}"] if (4, number) not in commented else []
        lacking += [f"{message.name}.{field.name}" for k, field in enumerate(message.field) if (4, number, 2, k) not in commented]
    lacking += [f"enum {enum.name}" for number, enum in enumerate(file.enum_type) if (5, number) not in commented]
    for method_number, method in enumerate(file.service[0].method):
        lacking += [f"call {method.name}"] if (6, 0, 2, method_number) not in commented else []
    assert not lacking


def test_no_number_that_clients_of_upstream_used_otherwise_is_taken(file: FileDescriptorProto) -> None:
    burnt = {
        "CreateExperimentRequest": {6},
        "CreateModelRequest": {7, 8},
        "CreateModelVersionRequest": {6, 7},
        "Model": {9},
        "ModelVersion": {6, 7},
        "TrackArtifactsResponse": {10},
        "UpdateMetadataResponse": {1, 5},
    }
    for message in file.message_type:
        assert not burnt.get(message.name, set()) & {field.number for field in message.field}, message.name
    calls = {method.name for method in file.service[0].method}
    assert not calls & {"CreateCheckpoint", "GetCheckpoint", "ListCheckpoints", "GetClusterMembers"}
