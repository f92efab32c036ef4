"""What does not fit into one answer of upstream's calls is refused, and can be had otherwise."""

from __future__ import annotations

from array import array

import grpc
import pyarrow as pa
import pytest

from in_process_server import Served
from modelbox.columns import doubles, integers, strings
from modelbox.points import SCHEMA, TIMESTAMP
from modelbox.records import MetricBatch
from modelbox.wire import service_pb2 as pb
from modelbox.wire.points import points_from_message


def test_more_points_than_fit_into_one_answer(served: Served) -> None:
    record, _ = served.backend.create_experiment(name="e", namespace="default", owner="ada")
    rows = 1_000_001
    zeros = integers(array("q", bytes(8 * rows)))
    columns = [
        strings(["loss"]).take(zeros),
        zeros,
        zeros.view(TIMESTAMP),
        doubles([0.5]).take(zeros),
        pa.nulls(rows, pa.string()),
        pa.nulls(rows, pa.binary()),
        zeros,
    ]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    served.backend.append_metrics([MetricBatch(object_id=record.id, uid=record.uid, writer="w", sequence=1, points=table)])
    with pytest.raises(grpc.RpcError) as caught:
        served.stub.GetMetrics(pb.GetMetricsRequest(parent_id=record.id), timeout=60)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "ReadMetrics" in caught.value.details()
    parts = served.stub.ReadMetrics(pb.ReadMetricsRequest(object_id=record.id), timeout=60)
    assert sum(points_from_message(part.points, result=True).num_rows for part in parts) == rows
