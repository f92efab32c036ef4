"""What every call has: errors that cross, changes that are made once, limits, and somebody who is told."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from in_process_server import Serve, Served
from modelbox.backends.served import ServedBackend
from modelbox.errors import PermissionDeniedError, UnauthenticatedError
from modelbox.server.observer import Observer
from modelbox.server.options import Role
from modelbox.wire import service_pb2 as pb
from modelbox.wire.errors import ERROR_HEADER, REQUEST_ID_HEADER


def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[grpc.StatusCode, str, str]:
    """The status, the message and the named class of a call that fails."""

    def whole() -> None:
        answer = call(*args, **kwargs)
        if isinstance(answer, grpc.Call):
            list(answer)

    with pytest.raises(grpc.RpcError) as caught:
        whole()
    trailers = dict(caught.value.trailing_metadata() or ())
    return caught.value.code(), caught.value.details(), trailers.get(ERROR_HEADER, "")


def test_defaults_are_those_of_upstream(served: Served) -> None:
    experiment = served.stub.CreateExperiment(pb.CreateExperimentRequest(name="e")).experiment
    model = served.stub.CreateModel(pb.CreateModelRequest(name="m")).model
    assert (experiment.namespace, experiment.owner, model.namespace, model.owner) == ("default", "unknown") * 2
    assert served.stub.GetModel(pb.GetModelRequest(name="m")).model == model
    version = served.stub.CreateModelVersion(pb.CreateModelVersionRequest(model=model.id, version="1", namespace="ignored"))
    assert (version.version.name, version.version.namespace, version.exists) == ("m", "default", False)


@pytest.mark.parametrize(
    ("method", "request_", "code", "kind", "details"),
    [
        ("GetObject", pb.GetObjectRequest(id="no"), grpc.StatusCode.NOT_FOUND, "NotFoundError", "no object with the id 'no'"),
        ("GetObject", pb.GetObjectRequest(id="no", type=99), grpc.StatusCode.INVALID_ARGUMENT, "InvalidArgumentError", "99"),
        ("CreateModel", pb.CreateModelRequest(), grpc.StatusCode.INVALID_ARGUMENT, "InvalidArgumentError", "must not be empty"),
        ("ReadMetrics", pb.ReadMetricsRequest(object_id="no"), grpc.StatusCode.NOT_FOUND, "NotFoundError", "no object"),
        ("Query", pb.QueryRequest(sql="selec"), grpc.StatusCode.INVALID_ARGUMENT, "InvalidArgumentError", "selec"),
        ("WatchChanges", pb.WatchChangesRequest(namespace="*"), grpc.StatusCode.INVALID_ARGUMENT, "InvalidArgumentError", "'*'"),
        ("SetLabels", pb.SetLabelsRequest(id="x\0"), grpc.StatusCode.NOT_FOUND, "NotFoundError", "x"),
    ],
)  # fmt: skip
def test_errors_cross(served: Served, method: str, request_: Any, code: grpc.StatusCode, kind: str, details: str) -> None:
    found = refused(getattr(served.stub, method), request_)
    assert (found[0], found[2]) == (code, kind)
    assert details in found[1]


def test_a_fault_of_the_server_keeps_its_reason_to_itself(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def authorise(_: ServedBackend) -> Any:
        return lambda metadata: {"secret": 1}[dict(metadata)["wanted"]]

    served = serve(authorise)
    with caplog.at_level(logging.ERROR, "modelbox.server"):
        code, details, kind = refused(served.stub.GetObject, pb.GetObjectRequest(), metadata=(("wanted", "hunter2"),))
    assert (code, kind) == (grpc.StatusCode.INTERNAL, "")
    assert "hunter2" not in details
    (record,) = caplog.records
    assert record.request_id in details
    assert "hunter2" in (record.exc_text or "")


def test_callers_are_known_by_their_headers(serve: Serve) -> None:
    def authorise(backend: ServedBackend) -> Any:
        def of(metadata: Any) -> ServedBackend:
            match dict(metadata).get("authorization"):
                case "Bearer good":
                    return backend
                case None:
                    raise UnauthenticatedError("who are you")
            raise PermissionDeniedError("not you")

        return of

    stub = serve(authorise).stub
    asked = pb.GetLastChangeRequest()
    assert refused(stub.GetLastChange, asked) == (grpc.StatusCode.UNAUTHENTICATED, "who are you", "UnauthenticatedError")
    bad = (("authorization", "Bearer bad"),)
    for method, request in (("GetLastChange", asked), ("Query", pb.QueryRequest()), ("WatchChanges", pb.WatchChangesRequest())):
        assert refused(getattr(stub, method), request, metadata=bad)[0] is grpc.StatusCode.PERMISSION_DENIED
    assert stub.GetLastChange(asked, metadata=(("authorization", "Bearer good"),)).seq == 0


def test_a_change_with_a_request_id_is_made_once(served: Served) -> None:
    stub, once = served.stub, ((REQUEST_ID_HEADER, "r1"),)
    request = pb.CreateExperimentRequest(name="e")
    first = stub.CreateExperiment(request, metadata=once)
    again = stub.CreateExperiment(request, metadata=once)
    assert not first.experiment_exists
    assert again == first
    assert stub.CreateExperiment(request, metadata=((REQUEST_ID_HEADER, "r2"),)).experiment_exists
    assert stub.GetLastChange(pb.GetLastChangeRequest()).seq == 1


def test_what_another_server_of_the_store_changed_is_seen_at_once(serve: Serve) -> None:
    one, other = serve(), serve()
    id = one.stub.CreateModel(pb.CreateModelRequest(name="m")).id
    request = pb.GetObjectRequest(id=id)
    for number in range(30):
        other.stub.SetLabels(pb.SetLabelsRequest(id=id, labels={"n": str(number)}))
        for served in (one, other, one):
            assert served.stub.GetObject(request).object.model.labels == {"n": str(number)}
    other.stub.DeleteObject(pb.DeleteObjectRequest(id=id))
    assert refused(one.stub.GetObject, request)[0] is grpc.StatusCode.NOT_FOUND


def test_an_empty_uid_is_the_present_life(served: Served) -> None:
    stub = served.stub
    id = stub.CreateExperiment(pb.CreateExperimentRequest(name="e")).experiment_id
    points = pb.MetricPoints(keys=["x"], step=[1, 2], wallclock_us=[5, 6], value=[0.5, 0.25])
    batch = pb.MetricBatch(object_id=id, writer="w", sequence=3, points=points)
    stub.AppendMetrics(pb.AppendMetricsRequest(batches=[batch, batch]))
    stub.AppendEvents(pb.AppendEventsRequest(writer="w", events=[pb.NewEvent(object_id=id, sequence=1, name="n")]))
    (response,) = stub.ReadMetrics(pb.ReadMetricsRequest(object_id=id))
    assert list(response.points.value) == [0.5, 0.25]
    assert stub.GetLastBatch(pb.GetLastBatchRequest(object_id=id, writer="w")).sequence == 3
    assert not stub.GetLastBatch(pb.GetLastBatchRequest(object_id=id, writer="v")).HasField("sequence")
    assert [event.name for event in stub.ListEvents(pb.ListEventsRequest(parent_id=id)).events] == ["n"]
    lost = pb.AppendMetricsRequest(batches=[pb.MetricBatch(object_id="no", writer="w", points=points)])
    assert refused(stub.AppendMetrics, lost)[0] is grpc.StatusCode.NOT_FOUND


def test_a_query_comes_in_chunks(served: Served) -> None:
    import pyarrow as pa

    responses = list(served.stub.Query(pb.QueryRequest(sql="select range as n from range(500000)")))
    assert len(responses) > 3
    assert max(len(response.arrow) for response in responses) <= 1 << 20
    table = pa.ipc.open_stream(b"".join(response.arrow for response in responses)).read_all()
    assert table.column("n").to_pylist() == list(range(500_000))


def test_a_server_for_content_offers_nothing_else(serve: Serve) -> None:
    served = serve(role=Role.BLOB)
    assert served.stub.GetServerInfo(pb.GetServerInfoRequest()).store_id == served.backend.store_id()
    id = served.backend.create_model(name="m", namespace="default", owner="o")[0].id
    assert not served.stub.ListArtifacts(pb.ListArtifactsRequest(object_id=id)).artifacts
    for method, request in (("GetObject", pb.GetObjectRequest(id=id)), ("WatchChanges", pb.WatchChangesRequest())):
        assert refused(getattr(served.stub, method), request)[0] is grpc.StatusCode.UNIMPLEMENTED


def _succeeds(call: Callable[..., Any], request: Any) -> bool:
    try:
        list(call(request))
    except grpc.RpcError:
        return False
    return True


def test_transfers_have_threads_of_their_own_and_a_limit(serve: Serve) -> None:
    served = serve(max_streams=2, threads=2)
    released = threading.Event()

    def slowly() -> Any:
        yield pb.UploadContentRequest(header=pb.ContentHeader(digest="blake3:" + "0" * 64, size=1))
        released.wait(30)

    request = pb.QueryRequest(sql="select 1")
    uploads: list[Any] = []
    deadline = time.monotonic() + 60
    while _succeeds(served.stub.Query, request):  # until both uploads are at work; one that met a query was refused
        assert time.monotonic() < deadline
        uploads = [upload for upload in uploads if not upload.done()]
        uploads += [served.stub.UploadContent.future(slowly()) for _ in range(2 - len(uploads))]
        time.sleep(0.05)
    code, details, kind = refused(served.stub.Query, request)
    assert (code, kind) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "UnavailableError")
    assert "2 transfers" in details
    assert served.stub.GetLastChange(pb.GetLastChangeRequest()).seq == 0
    released.set()
    for upload in uploads:
        assert upload.exception() is not None  # the content was not complete
    assert list(served.stub.Query(request))


class Noting(Observer):
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.bytes = [0, 0]
        self.open = 0

    def call_started(self, method: str) -> None:
        self.open += 1

    def call_finished(self, method: str, code: grpc.StatusCode, seconds: float, *_: Any) -> None:
        self.calls.append((method, code.name))
        self.open -= 1

    def transferred(self, method: str, received: int, sent: int) -> None:
        self.bytes[0] += received
        self.bytes[1] += sent


def test_an_observer_is_told(serve: Serve) -> None:
    noting = Noting()
    served = serve(observer=noting)
    with contextlib.suppress(grpc.RpcError):
        served.stub.GetObject(pb.GetObjectRequest(id="no"))
    sent = list(served.stub.Query(pb.QueryRequest(sql="select 1")))
    served.server.stop(2.0)
    assert noting.calls == [("GetObject", "NOT_FOUND"), ("Query", "OK")]
    assert noting.open == 0
    assert noting.bytes == [pb.QueryRequest(sql="select 1").ByteSize(), sum(one.ByteSize() for one in sent)]


def test_calls_in_flight_are_answered_when_the_server_stops(serve: Serve) -> None:
    entered, released = threading.Event(), threading.Event()

    def authorise(backend: ServedBackend) -> Any:
        def of(_: Any) -> ServedBackend:
            entered.set()
            released.wait(30)
            return backend

        return of

    served = serve(authorise)
    answer = served.stub.CreateModel.future(pb.CreateModelRequest(name="m"))
    assert entered.wait(30)
    stopping = threading.Thread(target=served.server.stop, args=(30.0,))
    stopping.start()
    with grpc.insecure_channel(f"127.0.0.1:{served.port}") as other:
        call = other.unary_unary("/modelbox.ModelStore/GetLastChange")
        while refused(call, b"")[0] is not grpc.StatusCode.UNAVAILABLE:
            pass
    released.set()
    stopping.join()
    assert answer.result().model.id == served.backend.find_model(name="m", namespace="default").id
