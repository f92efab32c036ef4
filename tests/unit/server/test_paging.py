"""Lists come in pages, which fit together whatever is created or deleted meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from in_process_server import Served
from modelbox.records import PendingEvent
from modelbox.wire import service_pb2 as pb


def pages(call: Callable[[Any], Any], request: Any, field: str, size: int = 2) -> list[list[str]]:
    """The names on each page."""
    found = []
    request.page_size = size
    while True:
        response = call(request)
        found.append([item.name for item in getattr(response, field)])
        request.page_token = response.next_page_token
        if not request.page_token:
            return found


@pytest.fixture
def experiments(served: Served) -> list[str]:
    return [served.backend.create_experiment(name=f"e{i}", namespace="default", owner="o")[0].id for i in range(5)]


def test_experiments_and_models_come_newest_first(served: Served, experiments: list[str]) -> None:
    for number in range(3):
        served.backend.create_model(name=f"m{number}", namespace="other", owner="o")
    assert pages(served.stub.ListExperiments, pb.ListExperimentsRequest(), "experiments") == [["e4", "e3"], ["e2", "e1"], ["e0"]]
    assert pages(served.stub.ListModels, pb.ListModelsRequest(all_namespaces=True), "models") == [["m2", "m1"], ["m0"]]
    assert pages(served.stub.ListModels, pb.ListModelsRequest(), "models") == [[]]


def test_versions_artifacts_and_events_come_oldest_first(served: Served) -> None:
    model, _ = served.backend.create_model(name="m", namespace="default", owner="o")
    for number in range(3):
        served.backend.create_version(model.id, version=f"{number}", name=f"v{number}")
        served.backend.track_artifact(model.id, f"a{number}", uri="s3://b/x", checksum=None)
    stub = served.stub
    assert pages(stub.ListModelVersions, pb.ListModelVersionsRequest(model=model.id), "model_versions") == [["v0", "v1"], ["v2"]]
    assert pages(stub.ListArtifacts, pb.ListArtifactsRequest(object_id=model.id), "artifacts") == [["a0", "a1"], ["a2"]]
    times = [7, 5, 5, 9]
    served.backend.append_events("w", [event(model, n, us) for n, us in enumerate(times, 1)])
    request = pb.ListEventsRequest(parent_id=model.id)
    assert pages(stub.ListEvents, request, "events") == [["n2", "n3"], ["n1", "n4"]]


def event(owner: Any, number: int, us: int) -> PendingEvent:
    return PendingEvent(
        object_id=owner.id, uid=owner.uid, sequence=number, name=f"n{number}", source="", wallclock_us=us, metadata={}
    )


def test_a_page_of_any_size_shows_all(served: Served, experiments: list[str]) -> None:
    for size, number in ((0, 1), (1, 5), (4, 2), (5, 1), (6, 1), (2**32 - 1, 1)):
        found = pages(served.stub.ListExperiments, pb.ListExperimentsRequest(), "experiments", size)
        assert [name for page in found for name in page] == ["e4", "e3", "e2", "e1", "e0"], size
        assert len(found) == number, size


def test_creating_and_deleting_meanwhile_moves_nothing(served: Served, experiments: list[str]) -> None:
    first = served.stub.ListExperiments(pb.ListExperimentsRequest(page_size=2))
    served.backend.create_experiment(name="e5", namespace="default", owner="o")
    served.backend.delete(experiments[3])  # the last one on the first page
    request = pb.ListExperimentsRequest(page_size=2, page_token=first.next_page_token)
    second = served.stub.ListExperiments(request)
    assert [one.name for one in second.experiments] == ["e2", "e1"]
    served.backend.delete(experiments[1])
    served.backend.delete(experiments[0])
    assert not served.stub.ListExperiments(pb.ListExperimentsRequest(page_token=second.next_page_token)).experiments


@pytest.mark.parametrize("token", ["x", "äö", "e30=", "WzEsMiwzXQ==", "Ww==", "bnVsbA=="])
def test_what_is_no_token_is_refused(served: Served, experiments: list[str], token: str) -> None:
    with pytest.raises(grpc.RpcError, match="next_page_token") as caught:
        served.stub.ListExperiments(pb.ListExperimentsRequest(page_token=token))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_changes_come_in_pages_by_number_and_by_size(served: Served) -> None:
    backend = served.backend
    for number in range(4):
        where = "a" if number % 2 else "b"
        backend.create_experiment(name=f"e{number}", namespace=where, owner="o", metadata={"text": "x" * 600_000})

    def read(since: int, **request: Any) -> tuple[list[int], int, bool]:
        response = served.stub.ListChanges(pb.ListChangesRequest(since=since, **request))
        return [change.seq for change in response.changes], response.position, response.more

    assert read(0, all_namespaces=True) == ([1], 1, True)
    assert read(0, namespace="a") == ([2], 2, True)
    assert read(2, namespace="a") == ([4], 4, False)
    assert read(4, namespace="a") == ([], 4, False)
    assert read(0, namespace="nobody") == ([], 4, False)
    assert read(0, all_namespaces=True, limit=0) == ([], 0, True)
    assert read(3, namespace="b", limit=1) == ([], 4, False)
    assert read(9, all_namespaces=True) == ([], 9, False)
    owner, _ = backend.create_model(name="m", namespace="default", owner="o")
    backend.append_events("w", [event(owner, number, 0) for number in range(1, 1006)])
    seqs, position, more = read(5)
    assert (len(seqs), position, more) == (1000, 1005, True)
    assert read(1005)[1:] == (1010, False)
