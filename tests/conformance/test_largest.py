"""The largest values that are accepted, and those that are a little larger, in an embedded store and on a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbox import InvalidArgumentError, ModelBoxClient
from services.server_farm import ServerFarm

MIB = 1 << 20


@pytest.fixture(params=["embedded", "server"])
def client(request: pytest.FixtureRequest, server_farm: ServerFarm, tmp_path: Path) -> Iterator[ModelBoxClient]:
    store = tmp_path / "store"
    uri = str(store) if request.param == "embedded" else server_farm.open(store)
    with ModelBoxClient(uri) as client:
        yield client
    if request.param == "server":
        server_farm.close(uri)


@pytest.mark.parametrize("client", ["server"], indirect=True)
def test_points(client: ModelBoxClient) -> None:
    exp = client.create_experiment("e")
    for step in range(2):  # at once: they must not become one message
        exp.log_metrics({"weights": bytes([step]) * (32 * MIB), "loss": 0.5}, step=step)
    client.flush()
    assert exp.metrics("weights").to_dict()["value"] == [bytes([step]) * (32 * MIB) for step in range(2)]


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"weights": b"x" * (32 * MIB + 1)}, "weights"),
        ({"text": "ä" * (16 * MIB + 1)}, "text"),
        ({"first": b"x" * (16 * MIB), "second": bytearray(16 * MIB + 1)}, "second"),
    ],
    ids=["bytes", "text", "together"],
)
def test_points_that_are_too_large(client: ModelBoxClient, values: dict[str, object], key: str) -> None:
    exp = client.create_experiment("e")
    with pytest.raises(InvalidArgumentError, match=f"metric '{key}' is .* upload_artifact"):
        exp.log_metrics({"loss": 0.5, **values})
    assert len(exp.metrics()) == 0


def test_metadata(client: ModelBoxClient) -> None:
    exp = client.create_experiment("e")
    largest = "ä" * (4 * MIB - 5)
    for key in "abc":
        exp.update_metadata({key: largest})
    assert exp.metadata() == dict.fromkeys("abc", largest)
    for name in "abc":  # at once: they must not become one transaction
        exp.log_event(name, metadata={"m": largest})
    assert [event.metadata for event in exp.events()] == [{"m": largest}] * 3
    too_much = {"m": "x" * (8 * MIB)}
    with pytest.raises(InvalidArgumentError, match=r"metadata is 8,388,617 bytes of JSON.* upload_artifact"):
        exp.update_metadata(too_much)
    with pytest.raises(InvalidArgumentError, match=r"metadata is 8,388,617 bytes of JSON.* upload_artifact"):
        exp.log_event("bigger", metadata=too_much)
    with pytest.raises(InvalidArgumentError, match=r"metadata is 8,388,617 bytes of JSON.* upload_artifact"):
        client.create_model("m", metadata=too_much)
    assert len(exp.events()) == 3


def test_texts_of_events(client: ModelBoxClient) -> None:
    exp = client.create_experiment("e")
    with pytest.raises(InvalidArgumentError, match="an event's name is 65,537 characters long"):
        exp.log_event("x" * 65_537)
