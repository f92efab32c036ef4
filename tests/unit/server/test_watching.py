"""Watchers: each sees every change of its namespace once and in order, however many and however slow they are."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest

from in_process_server import Serve, Served
from modelbox.backends.served import ServedBackend
from modelbox.records import PendingEvent
from modelbox.server.authorised import AuthorisedBackend
from modelbox.server.rights import Grant
from modelbox.wire import service_pb2 as pb
from raw_http2 import RST_STREAM, RawCall

QUICK = {"heartbeat_s": 0.5}


def seqs(responses: Iterator[Any], count: int) -> list[int]:
    """The numbers of so many changes, and that each response tells the right position."""
    found: list[int] = []
    position = -1
    while len(found) < count:
        response = next(responses)
        found += [change.seq for change in response.changes]
        assert response.position >= max([position, *found[-1:]])
        position = response.position
    return found


def experiment(served: Served, name: str = "e", namespace: str = "default") -> Any:
    return served.backend.create_experiment(name=name, namespace=namespace, owner="o")[0]


def events(owner: Any, first: int, count: int, size: int = 0) -> list[PendingEvent]:
    about = {"text": "x" * size}
    return [
        PendingEvent(object_id=owner.id, uid=owner.uid, sequence=n, name=f"n{n}", source="", wallclock_us=0, metadata=about)
        for n in range(first, first + count)
    ]


def test_what_was_and_what_comes(served: Served) -> None:
    owner = experiment(served)
    served.backend.append_events("w", events(owner, 1, 600))
    responses = served.stub.WatchChanges(pb.WatchChangesRequest(since=0))
    first = next(responses)
    assert (len(first.changes), first.position) == (0, 0)
    assert seqs(responses, 601) == list(range(1, 602))
    served.backend.append_events("w", events(owner, 601, 3))
    assert seqs(responses, 3) == [602, 603, 604]
    resumed = served.stub.WatchChanges(pb.WatchChangesRequest(since=603))
    assert seqs(resumed, 1) == [604]
    responses.cancel()
    resumed.cancel()


def test_each_sees_its_own_namespace(serve: Serve) -> None:
    served = serve(**QUICK)
    requests = {
        "a": pb.WatchChangesRequest(namespace="a"),
        "": pb.WatchChangesRequest(),
        "*": pb.WatchChangesRequest(all_namespaces=True),
    }
    watching = {name: served.stub.WatchChanges(request) for name, request in requests.items()}
    for responses in watching.values():
        next(responses)
    for number, namespace in enumerate(["a", "default", "b", "a"]):
        experiment(served, f"e{number}", namespace)
    assert seqs(watching["a"], 2) == [1, 4]
    assert seqs(watching[""], 1) == [2]
    assert seqs(watching["*"], 4) == [1, 2, 3, 4]
    while next(watching[""]).position < 4:  # told now and then, while nothing happens for it
        pass


def test_large_changes_come_in_several_responses(served: Served) -> None:
    owner = experiment(served)
    served.backend.append_events("w", events(owner, 1, 6, size=400_000))
    responses = served.stub.WatchChanges(pb.WatchChangesRequest(since=0))
    sizes = []
    while sum(size for size, _ in sizes) < 7:
        response = next(responses)
        assert response.ByteSize() < 2 << 20
        sizes.append((len(response.changes), response.position))
    assert sizes == [(0, 0), (3, 3), (2, 5), (2, 7)]
    resumed = served.stub.WatchChanges(pb.WatchChangesRequest(since=3))
    assert seqs(resumed, 4) == [4, 5, 6, 7]


def test_many_watchers_while_much_happens(served: Served) -> None:
    """Some join in the middle, behind and ahead of the others."""
    owner = experiment(served)
    total, found = 400, queue.SimpleQueue()  # type: ignore[var-annotated]

    def watch(since: int) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
            stub = type(served.stub)(channel)
            found.put(
                seqs(stub.WatchChanges(pb.WatchChangesRequest(since=since)), total + 1 - since) == [*range(since + 1, total + 2)]
            )

    threads = []
    for number in range(total):
        served.backend.append_events("w", events(owner, number + 1, 1))
        if number % 20 == 0:
            threads.append(threading.Thread(target=watch, args=(max(0, number - 50 if number % 40 else 0),)))
            threads[-1].start()
    for thread in threads:
        thread.join()
    assert [found.get() for _ in threads] == [True] * 20


def test_a_reader_that_never_drains_is_given_up_and_holds_up_nobody(serve: Serve) -> None:
    served = serve(send_timeout_s=1.0)
    owner = experiment(served)
    request = pb.WatchChangesRequest(since=0)
    with ExitStack() as stack:
        lazy = [stack.enter_context(RawCall(served.port, "WatchChanges", request.SerializeToString())) for _ in range(30)]
        attentive = served.stub.WatchChanges(request)
        served.backend.append_events("w", events(owner, 1, 40, size=50_000))
        assert seqs(attentive, 41) == list(range(1, 42))
        served.backend.append_events("w", events(owner, 41, 1))
        assert seqs(attentive, 1) == [42]
        for call in lazy:
            while not any(kind == RST_STREAM for kind, _, _ in call.frames()):
                pass


def test_there_is_a_limit(serve: Serve) -> None:
    served = serve(max_watchers=2)
    first = [served.stub.WatchChanges(pb.WatchChangesRequest()) for _ in range(2)]
    for responses in first:
        next(responses)
    with pytest.raises(grpc.RpcError, match="takes no more") as caught:
        next(served.stub.WatchChanges(pb.WatchChangesRequest()))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    first[0].cancel()
    while not accepted(served):  # until the server has noticed
        pass


def accepted(served: Served) -> bool:
    try:
        next(served.stub.WatchChanges(pb.WatchChangesRequest()))
    except grpc.RpcError:
        return False
    return True


def test_a_stopping_server_sends_its_watchers_elsewhere(served: Served) -> None:
    watching = [served.stub.WatchChanges(pb.WatchChangesRequest()) for _ in range(50)]
    for responses in watching:
        next(responses)
    served.server.stop(5.0)
    for responses in watching:
        with pytest.raises(grpc.RpcError, match="resume with another") as caught:
            next(responses)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_callers_see_what_they_may(serve: Serve) -> None:
    def authorise(backend: ServedBackend) -> Any:
        return lambda _: AuthorisedBackend(backend, Grant(name="t", namespaces=("a", "b"), may_write=False))

    served = serve(authorise)
    responses = served.stub.WatchChanges(pb.WatchChangesRequest(all_namespaces=True))
    next(responses)
    for number, namespace in enumerate(["a", "hidden", "b", "hidden", "a"]):
        experiment(served, f"e{number}", namespace)
    assert seqs(responses, 3) == [1, 3, 5]
    behind = served.stub.WatchChanges(pb.WatchChangesRequest(all_namespaces=True, since=0))
    assert seqs(behind, 3) == [1, 3, 5]
    with pytest.raises(grpc.RpcError) as caught:
        next(served.stub.WatchChanges(pb.WatchChangesRequest(namespace="hidden")))
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
