"""What upstream's clients ask for is bound by the rights of the caller, also where it does not go through the backend."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import pytest

from in_process_server import Serve, Served
from modelbox.server.authorised import AuthorisedBackend
from modelbox.server.rights import Grant
from upstream_client import UpstreamClient

READER = Grant(name="reader", namespaces=("theirs",), may_write=False)
STRANGER = Grant(name="stranger", namespaces=("mine",), may_write=True)
WRITER = Grant(name="writer", namespaces=("theirs",), may_write=True)

WRITES: dict[str, Callable[[UpstreamClient, str], Any]] = {
    "LogMetrics": lambda client, on: client.call("LogMetrics", parent_id=on, key="loss", value={"f_val": 1.0}),
    "LogEvent": lambda client, on: client.call("LogEvent", parent_id=on, event={"name": "happened"}),
    "TrackArtifacts": lambda client, on: client.call("TrackArtifacts", object_id=on, name="a", files=[{"src_path": "x"}]),
    "UploadFile": lambda client, on: client.upload(on, "a", b"x" * 100_000, src_path="x"),
    "UpdateMetadata": lambda client, on: client.call("UpdateMetadata", parent_id=on, metadata={"metadata": {"a": "1"}}),
}
READS: dict[str, Callable[[UpstreamClient, str], Any]] = {
    "GetMetrics": lambda client, on: client.call("GetMetrics", parent_id=on),
    "ListEvents": lambda client, on: client.call("ListEvents", parent_id=on),
    "ListArtifacts": lambda client, on: client.call("ListArtifacts", object_id=on),
}


def as_caller(grant: Grant) -> Callable[[Any], Any]:
    return lambda backend: lambda metadata: AuthorisedBackend(backend, grant)


def theirs(served: Served) -> str:
    return served.backend.create_experiment(name="e", namespace="theirs", owner="ada")[0].id


def status_of(call: Callable[[], Any]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code()


@pytest.mark.parametrize("name", WRITES)
def test_writing(name: str, serve: Serve) -> None:
    expected = {READER: grpc.StatusCode.PERMISSION_DENIED, STRANGER: grpc.StatusCode.NOT_FOUND}
    for grant, code in expected.items():
        served = serve(as_caller(grant))
        id = theirs(served)
        with UpstreamClient(f"127.0.0.1:{served.port}") as client:
            assert status_of(partial(WRITES[name], client, id)) is code
        assert not served.backend.read_metrics(id).num_rows
        assert not served.backend.events(id)
        assert not served.backend.list_artifacts(id)
    served = serve(as_caller(WRITER))
    with UpstreamClient(f"127.0.0.1:{served.port}") as client:
        WRITES[name](client, theirs(served))


@pytest.mark.parametrize("name", READS)
def test_reading(name: str, serve: Serve) -> None:
    served = serve(as_caller(READER))
    with UpstreamClient(f"127.0.0.1:{served.port}") as client:
        READS[name](client, theirs(served))
    served = serve(as_caller(STRANGER))
    with UpstreamClient(f"127.0.0.1:{served.port}") as client:
        assert status_of(lambda: READS[name](client, theirs(served))) is grpc.StatusCode.NOT_FOUND


def test_downloading_by_a_guessed_id(serve: Serve) -> None:
    owner = serve(as_caller(WRITER))
    with UpstreamClient(f"127.0.0.1:{owner.port}") as client:
        file_id = client.upload(theirs(owner), "a", b"secret", src_path="x").file_id
    stranger = serve(as_caller(STRANGER))
    with UpstreamClient(f"127.0.0.1:{stranger.port}") as client:
        assert status_of(lambda: client.download(file_id)) is grpc.StatusCode.NOT_FOUND
    reader = serve(as_caller(READER))
    with UpstreamClient(f"127.0.0.1:{reader.port}") as client:
        assert client.download(file_id)[1] == b"secret"


def test_watching_a_namespace(serve: Serve) -> None:
    served = serve(as_caller(STRANGER))
    theirs(served)
    with UpstreamClient(f"127.0.0.1:{served.port}") as client:
        watching = client.call("WatchNamespace", namespace="theirs")
        assert status_of(lambda: next(watching)) is grpc.StatusCode.PERMISSION_DENIED
