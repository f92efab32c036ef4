"""What anybody can send to the port: each call is answered with a fitting status, and the server goes on serving."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import grpc
import pytest

from in_process_server import Serve, Served
from modelbox.wire import service_pb2 as pb
from raw_http2 import DATA, HEADERS, PREFACE, RST_STREAM, RawCall, frame, headers, message

METHODS = list(pb.DESCRIPTOR.services_by_name["ModelStore"].methods)
OURS = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.DEADLINE_EXCEEDED,  # a watcher that waits as it should
}
TEXTS = [
    "",
    "x",
    "../../etc/passwd",
    "\0",
    "*",
    "a" * 5000,
    "%s%n",
    "é\u202e\U0001f600",
    "00" * 16,
    "'; drop table experiments; --",
]


@pytest.fixture
def still_serves(served: Served) -> Iterator[None]:
    """Whatever the test did, the server answers, and its store is sound."""
    yield
    with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
        create = channel.unary_unary("/modelbox.ModelStore/CreateModel")
        answer = pb.CreateModelResponse.FromString(create(pb.CreateModelRequest(name="after").SerializeToString(), timeout=20))
    assert served.backend.get_object(answer.id).name == "after"
    assert not served.backend.check()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def drain(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    data = b""
    with suppress(ConnectionResetError):
        while more := connection.recv(1 << 16):
            data += more
    return data


@pytest.mark.usefixtures("still_serves")
@pytest.mark.parametrize("seed", range(3))
def test_bytes_that_are_no_protocol(served: Served, seed: int) -> None:
    chance = random.Random(seed)
    for start in (b"", PREFACE, PREFACE + frame(4, 0, 0)):
        for _ in range(10):
            with connect(served.port) as connection:
                with suppress(ConnectionError):
                    connection.sendall(start + chance.randbytes(chance.randrange(1, 5000)))
                    connection.shutdown(socket.SHUT_WR)
                drain(connection)


@pytest.mark.usefixtures("still_serves")
@pytest.mark.parametrize(
    "text", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /modelbox.ModelStore/GetObject HTTP/1.0\r\n\r\n", b"\x16\x03\x01"]
)
def test_other_protocols(served: Served, text: bytes) -> None:
    with connect(served.port) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        assert b"200" not in drain(connection)


@pytest.mark.usefixtures("still_serves")
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_truncated_and_garbled_messages(served: Served, method: Any) -> None:
    chance = random.Random(method.name)
    whole = filled(getattr(pb, method.input_type.name)(), chance).SerializeToString()
    garbled = [whole[: chance.randrange(len(whole))] if whole else b"\xff" for _ in range(5)]
    garbled += [chance.randbytes(chance.randrange(1, 200)) for _ in range(5)]
    garbled += [b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f", b""]
    for data in garbled:
        assert status(served, method, [data]) in OURS, data
    if method.client_streaming:
        assert status(served, method, garbled) in OURS
        assert status(served, method, []) in OURS


@pytest.mark.usefixtures("still_serves")
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_nonsense(served: Served, method: Any) -> None:
    chance = random.Random(method.name)
    for _ in range(15):
        request = filled(getattr(pb, method.input_type.name)(), chance).SerializeToString()
        assert status(served, method, [request]) in OURS, request


def filled(request: Any, chance: random.Random, depth: int = 0) -> Any:
    """A message with some nonsense in each field."""
    for field in request.DESCRIPTOR.fields:
        if chance.random() < 0.2 or depth > 4:
            continue
        value = getattr(request, field.name)
        if hasattr(value, "MergeFrom") and field.message_type and field.message_type.GetOptions().map_entry:
            with suppress(TypeError, AttributeError):
                value[chance.choice(TEXTS)] = chance.choice(TEXTS)
        elif hasattr(value, "add"):
            filled(value.add(), chance, depth + 1)
        elif field.message_type:
            filled(value, chance, depth + 1)
            value.SetInParent()
        elif hasattr(value, "append"):
            value.extend(scalar(field, chance) for _ in range(chance.randrange(4)))
        else:
            setattr(request, field.name, scalar(field, chance))
    return request


def scalar(field: Any, chance: random.Random) -> Any:
    match field.cpp_type:
        case field.CPPTYPE_STRING:
            return chance.choice(TEXTS).encode() if field.type == field.TYPE_BYTES else chance.choice(TEXTS)
        case field.CPPTYPE_BOOL:
            return chance.random() < 0.5
        case field.CPPTYPE_DOUBLE | field.CPPTYPE_FLOAT:
            return chance.choice([0.0, -1.5, float("nan"), float("inf")])
        case field.CPPTYPE_INT64:
            return chance.choice([0, 1, -1, 2**63 - 1, -(2**63)])
        case field.CPPTYPE_UINT64:
            return chance.choice([0, 1, 2**64 - 1])
        case field.CPPTYPE_UINT32:
            return chance.choice([0, 1, 2**32 - 1])
        case field.CPPTYPE_ENUM:
            return chance.choice([0, 1, 99])
    return chance.choice([0, 1, -1, 2**31 - 1])


def status(served: Served, method: Any, messages: list[bytes], *, watch_s: float = 0.3) -> grpc.StatusCode:
    """The status with which a call ends; a watcher that waits as it should is given up after a while."""
    kinds: dict[tuple[bool, bool], Callable[[str], Any]] = {
        (False, False): served.channel.unary_unary,
        (False, True): served.channel.unary_stream,
        (True, False): served.channel.stream_unary,
    }
    kind = method.client_streaming, method.server_streaming
    call = kinds[kind](f"/modelbox.ModelStore/{method.name}")
    timeout = watch_s if method.name.startswith("Watch") else 30
    try:
        answer = call(iter(messages) if method.client_streaming else messages[0], timeout=timeout)
        if method.server_streaming:
            list(answer)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("method", ["GetObject", "AppendMetrics", "UploadContent", "WatchChanges", "Query"])
def test_messages_over_the_limit(serve: Serve, method: str) -> None:
    served = serve(max_message_bytes=1 << 20)
    descriptor = pb.DESCRIPTOR.services_by_name["ModelStore"].methods_by_name[method]
    assert status(served, descriptor, [b"\x0a" + b"x" * (2 << 20)], watch_s=30) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert served.stub.GetLastChange(pb.GetLastChangeRequest()).seq == 0


def test_calls_without_a_request_are_ended(serve: Serve) -> None:
    """Each of them holds a thread while it is waited for."""
    served = serve(threads=4, max_streams=4, request_timeout_s=1.0, stall_timeout_s=1.0)
    with ExitStack() as stack:
        calls = [
            stack.enter_context(RawCall(served.port, method, None))
            for method in ("GetObject", "Query", "UploadContent", "WatchChanges") * 4
        ]
        assert served.stub.GetLastChange(pb.GetLastChangeRequest(), timeout=60).seq == 0
        for call in calls:
            while not any(kind in (HEADERS, RST_STREAM) for kind, _, _ in call.frames()):
                pass


def test_a_request_in_two_messages_and_none(served: Served) -> None:
    with connect(served.port) as connection:
        opening = PREFACE + frame(4, 0, 0) + frame(HEADERS, 4, 1, headers("/modelbox.ModelStore/GetLastChange"))
        connection.sendall(opening + frame(DATA, 0, 1, message(b"") + message(b"")) + frame(DATA, 1, 1))
    with RawCall(served.port, "GetLastChange", None) as call:
        call.socket.sendall(frame(DATA, 1, 1))
        ended = b""
        while b"grpc-status" not in ended:
            ended += b"".join(payload for _, _, payload in call.frames())
    assert served.stub.GetLastChange(pb.GetLastChangeRequest()).seq == 0


def test_readers_that_never_drain(serve: Serve) -> None:
    served = serve(max_streams=4, stall_timeout_s=1.0, send_timeout_s=1.0)
    backend = served.backend
    owner = backend.create_experiment(name="e", namespace="default", owner="o", metadata={"text": "x" * 1_000_000})[0]
    points = pb.MetricPoints(keys=["x"], step=range(100_000), wallclock_us=range(100_000), value=[1.0] * 100_000)
    served.stub.AppendMetrics(
        pb.AppendMetricsRequest(batches=[pb.MetricBatch(object_id=owner.id, writer="w", sequence=1, points=points)])
    )
    requests = [
        ("ReadMetrics", pb.ReadMetricsRequest(object_id=owner.id)),
        ("Query", pb.QueryRequest(sql="select range as n from range(2000000)")),
        ("WatchChanges", pb.WatchChangesRequest(since=0)),
    ]
    with ExitStack() as stack:
        lazy = [stack.enter_context(RawCall(served.port, name, request.SerializeToString())) for name, request in requests * 3]
        for _ in range(20):
            assert served.stub.GetObject(pb.GetObjectRequest(id=owner.id)).object.experiment.name == "e"
        ended = 0
        for call in lazy:
            kinds: set[int] = set()
            while not kinds & {HEADERS, RST_STREAM} or (DATA in kinds and RST_STREAM not in kinds):
                kinds |= {kind for kind, _, _ in call.frames()}
            ended += RST_STREAM in kinds
    assert ended
    wait_for_a_free_thread(served)
    assert list(served.stub.ReadMetrics(pb.ReadMetricsRequest(object_id=owner.id)))


ENDLESS = "select count(*) from range(1000000) a, range(1000000) b, range(1000000) c where a.range + b.range <> c.range"


def test_queries_without_an_end(serve: Serve) -> None:
    served = serve(max_streams=1, query_timeout_s=3.0)
    with pytest.raises(grpc.RpcError, match="more than 3 s"):
        list(served.stub.Query(pb.QueryRequest(sql=ENDLESS)))
    wait_for_a_free_thread(served)


def test_a_query_that_nobody_waits_for(serve: Serve) -> None:
    served = serve(max_streams=1)
    with pytest.raises(grpc.RpcError) as caught:
        list(served.stub.Query(pb.QueryRequest(sql=ENDLESS), timeout=0.5))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_for_a_free_thread(served)


def wait_for_a_free_thread(served: Served) -> None:
    """Until a thread of the transfers before is free, which is soon after their answers."""
    query = next(method for method in METHODS if method.name == "Query")
    while (code := status(served, query, [pb.QueryRequest(sql="select 1").SerializeToString()])) is not grpc.StatusCode.OK:
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_query_that_takes_all_memory(serve: Serve) -> None:
    served = serve(query_memory_bytes=100 << 20)
    with pytest.raises(grpc.RpcError, match=r"(?i)memory") as caught:
        list(served.stub.Query(pb.QueryRequest(sql="select list(range) from range(100000000)")))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.usefixtures("still_serves")
def test_connections_that_say_nothing(served: Served) -> None:
    with ExitStack() as stack:
        for number in range(int(os.environ.get("MODELBOX_TEST_CONNECTIONS", "400"))):
            connection = stack.enter_context(connect(served.port))
            if number % 2:
                connection.sendall(PREFACE)
        assert served.stub.GetLastChange(pb.GetLastChangeRequest(), timeout=20).seq == 0


@pytest.mark.usefixtures("still_serves")
def test_clients_that_vanish_in_the_middle(served: Served) -> None:
    id = served.stub.CreateModel(pb.CreateModelRequest(name="m")).id
    chance = random.Random(1)
    get, watch = pb.GetObjectRequest(id=id).SerializeToString(), pb.WatchChangesRequest().SerializeToString()

    def vanish() -> None:
        for _ in range(25):
            method, request = chance.choice([("GetObject", get), ("WatchChanges", watch), ("UploadContent", None), ("Query", None)])
            RawCall(served.port, method, request).close()

    threads = [threading.Thread(target=vanish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
