"""What no client of ours logs is refused with a status, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from in_process_server import Served
from modelbox.wire import service_pb2 as pb

POINTS = pb.MetricPoints(keys=["loss"], step=[1], wallclock_us=[1], value=[0.5])
BATCHES: dict[str, dict[str, Any]] = {
    "no writer": {"writer": ""},
    "a writer with NUL": {"writer": "a\0b"},
    "a writer that fits no file": {"writer": "a" * 250},
    "a writer that fits no file when it is escaped": {"writer": "/" * 70},
    "a sequence of 64 bits": {"sequence": 2**64 - 1},
    "a key with NUL": {"points": pb.MetricPoints(keys=["a\0b"], step=[1], wallclock_us=[1], value=[0.5])},
    "an empty key": {"points": pb.MetricPoints(keys=[""], step=[1], wallclock_us=[1], value=[0.5])},
    "a column that is too short": {"points": pb.MetricPoints(keys=["a"], step=[1, 2], wallclock_us=[1], value=[0.5])},
}
EVENTS: dict[str, dict[str, Any]] = {
    "no name": {"name": ""},
    "a name with NUL": {"name": "a\0b"},
    "a source with NUL": {"source": "a\0b"},
    "a sequence of 64 bits": {"sequence": 2**63},
    "a time beyond all years": {"wallclock_us": 2**63 - 1},
    "a list": {"metadata_json": "[]"},
    "no JSON": {"metadata_json": "{"},
    "infinity": {"metadata_json": '{"a": 1e400}'},
    "half a character": {"metadata_json": '{"a": "\\ud800"}'},
    "nesting": {"metadata_json": '{"a":' * 200 + "1" + "}" * 200},
}


def refuse(call: Any, request: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=60)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, caught.value.details()


@pytest.fixture
def owner(served: Served) -> str:
    return served.backend.create_experiment(name="e", namespace="default", owner="ada")[0].id


@pytest.mark.parametrize("name", BATCHES)
def test_batches(name: str, served: Served, owner: str) -> None:
    good = pb.MetricBatch(object_id=owner, writer="w", sequence=1, points=POINTS)
    bad = pb.MetricBatch(**{"object_id": owner, "writer": "w", "sequence": 2, "points": POINTS} | BATCHES[name])
    refuse(served.stub.AppendMetrics, pb.AppendMetricsRequest(batches=[good, bad]))
    assert served.backend.read_metrics(owner).num_rows == 0
    served.stub.AppendMetrics(pb.AppendMetricsRequest(batches=[good]), timeout=60)
    assert served.backend.read_metrics(owner).num_rows == 1


@pytest.mark.parametrize("name", EVENTS)
def test_events(name: str, served: Served, owner: str) -> None:
    good = pb.NewEvent(object_id=owner, sequence=1, name="good")
    bad = pb.NewEvent(**{"object_id": owner, "sequence": 2, "name": "bad"} | EVENTS[name])
    refuse(served.stub.AppendEvents, pb.AppendEventsRequest(writer="w", events=[good, bad]))
    assert served.backend.events(owner) == []
    served.stub.AppendEvents(pb.AppendEventsRequest(writer="w", events=[good]), timeout=60)
    assert [event.name for event in served.backend.events(owner)] == ["good"]
