"""A client that was built years ago against upstream's proto file creates, logs, reads, uploads, downloads and watches here."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from modelbox import ModelBoxClient
from modelbox.wire import service_pb2 as pb
from modelbox.wire import service_pb2_grpc
from services.server_process import ServerProcess
from upstream_client import UpstreamClient, message

CODE = grpc.StatusCode
KEPT = {
    "durable": {"metadata_storage": "integrated", "metrics_storage": "integrated"},
    "in memory": {"metadata_storage": "ephemeral", "metrics_storage": "inmemory"},
}


@pytest.fixture(scope="module", params=KEPT)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server"), **KEPT[request.param]) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[UpstreamClient]:
    with UpstreamClient(server.address) as client:
        yield client


@pytest.fixture
def namespace() -> str:
    return f"team-{uuid.uuid4().hex}"


@pytest.fixture
def experiment(client: UpstreamClient, namespace: str) -> str:
    return str(client.call("CreateExperiment", name="e", owner="ada", namespace=namespace).experiment_id)


def refused(code: grpc.StatusCode, call: Any) -> str:
    """What the server says to a call that it must refuse with a status."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert caught.value.code() is code, caught.value.details()
    return str(caught.value.details())


# -- experiments and models


def test_an_experiment_is_got_or_created(client: UpstreamClient, namespace: str) -> None:
    asked = {"name": "e", "owner": "ada", "namespace": namespace, "framework": 1, "external_id": "x"}
    first = client.call("CreateExperiment", **asked)
    again = client.call("CreateExperiment", **asked | {"framework": 2, "external_id": "y"})
    assert (first.experiment_exists, again.experiment_exists) == (False, True)
    assert first.experiment_id == again.experiment_id
    assert first.created_at == again.created_at
    assert abs(first.created_at.seconds - time.time()) < 600
    stored = client.call("GetExperiment", id=first.experiment_id).experiment
    assert (stored.name, stored.owner, stored.namespace, stored.framework, stored.external_id) == ("e", "ada", namespace, 1, "x")


def test_other_identities_are_other_experiments(client: UpstreamClient, namespace: str) -> None:
    identities = [("ab", "c"), ("a", "bc"), ("abc", ""), ("ab", "d"), ("", "abc")]
    ids = {
        client.call("CreateExperiment", name=name, owner=owner, namespace=namespace).experiment_id
        for name, owner in identities
        if name
    }
    assert len(ids) == 4
    assert all(len(id) <= 40 for id in ids)
    refused(CODE.INVALID_ARGUMENT, lambda: client.call("CreateExperiment", name="", namespace=namespace))


def test_what_is_left_empty_has_a_default(client: UpstreamClient) -> None:
    name = uuid.uuid4().hex
    id = client.call("CreateExperiment", name=name).experiment_id
    stored = client.call("GetExperiment", id=id).experiment
    assert (stored.namespace, stored.owner) == ("default", "unknown")
    assert id in {found.id for found in client.call("ListExperiments").experiments}
    model = client.call("CreateModel", name=name)
    assert model.id in {found.id for found in client.call("ListModels", namespace="default").models}


def test_lists_are_of_a_namespace_newest_first(client: UpstreamClient, namespace: str) -> None:
    names = [f"e{number}" for number in range(5)]
    for name in names:
        client.call("CreateExperiment", name=name, namespace=namespace)
        client.call("CreateModel", name=name, namespace=namespace, owner="ada", task="vision", description="what")
    assert [found.name for found in client.call("ListExperiments", namespace=namespace).experiments] == names[::-1]
    models = client.call("ListModels", namespace=namespace).models
    assert [(found.name, found.owner, found.task, found.description) for found in models] == [
        (name, "ada", "vision", "what") for name in names[::-1]
    ]
    assert not client.call("ListModels", namespace="nobody's").models


def test_versions_of_a_model(client: UpstreamClient, namespace: str) -> None:
    model = client.call("CreateModel", name="m", namespace=namespace).id
    assert client.call("CreateModel", name="m", namespace=namespace, owner="other").exists
    first = client.call("CreateModelVersion", model=model, version="1", unique_tags=["prod"], framework=2, namespace="elsewhere")
    again = client.call("CreateModelVersion", model=model, version="1", description="late")
    assert (first.exists, again.exists, first.model_version == again.model_version) == (False, True, True)
    refused(CODE.ALREADY_EXISTS, lambda: client.call("CreateModelVersion", model=model, version="2", unique_tags=["prod"]))
    client.call("CreateModelVersion", model=model, version="2", name="own name")
    one, two = client.call("ListModelVersions", model=model).model_versions
    assert (one.name, one.version, list(one.unique_tags), one.framework, one.description) == ("m", "1", ["prod"], 2, "")
    assert (two.name, two.version, two.model_id) == ("own name", "2", model)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ("GetExperiment", "id"),
        ("ListModelVersions", "model"),
        ("ListMetadata", "parent_id"),
        ("GetMetrics", "parent_id"),
        ("ListEvents", "parent_id"),
        ("ListArtifacts", "object_id"),
    ],
)
def test_an_id_that_does_not_exist(client: UpstreamClient, call: str, field: str) -> None:
    refused(CODE.NOT_FOUND, lambda: client.call(call, **{field: "0" * 32}))


# -- metadata


def test_metadata_is_json_and_merged(client: UpstreamClient, experiment: str) -> None:
    client.call(
        "UpdateMetadata", parent_id=experiment, metadata={"metadata": {"lr": "0.1", "tags": '["a", {"b": null}]', "n": "1"}}
    )
    client.call("UpdateMetadata", parent_id=experiment, metadata={"metadata": {"n": "2", "plain": "adam", "nan": "NaN"}})
    found = client.call("ListMetadata", parent_id=experiment).metadata.metadata
    values = {key: json.loads(text) for key, text in found.items()}
    assert values == {"lr": 0.1, "tags": ["a", {"b": None}], "n": 2, "plain": "adam", "nan": "NaN"}
    assert type(values["n"]) is int


# -- metrics


def log(client: UpstreamClient, id: str, key: str, **value: Any) -> None:
    client.call("LogMetrics", parent_id=id, key=key, value=value)


def test_points_are_read_as_soon_as_they_are_logged(client: UpstreamClient, experiment: str) -> None:
    for step in range(20):
        log(client, experiment, "loss", step=step, wallclock_time=1_600_000_000 + step, f_val=step / 8)
        values = client.call("GetMetrics", parent_id=experiment).metrics["loss"].values
        assert [(point.step, point.wallclock_time, point.f_val) for point in values] == [
            (number, 1_600_000_000 + number, number / 8) for number in range(step + 1)
        ]


def test_values_of_all_kinds(client: UpstreamClient, experiment: str) -> None:
    log(client, experiment, "text", step=1, s_tensor="[1, é]")
    log(client, experiment, "bytes", step=1, b_tensor=b"\x00\xff")
    log(client, experiment, "number", step=2**64 - 3, f_val=-1.5)
    log(client, experiment, "number", step=2**63 - 1, f_val=float("inf"))
    metrics = client.call("GetMetrics", parent_id=experiment).metrics
    assert {key: found.key for key, found in metrics.items()} == {"text": "text", "bytes": "bytes", "number": "number"}
    assert [point.s_tensor for point in metrics["text"].values] == ["[1, é]"]
    assert [point.b_tensor for point in metrics["bytes"].values] == [b"\x00\xff"]
    assert [(point.step, point.f_val) for point in metrics["number"].values] == [(2**64 - 3, -1.5), (2**63 - 1, float("inf"))]


def test_points_are_ordered_by_step_then_as_they_were_logged(client: UpstreamClient, experiment: str) -> None:
    for step, value in ((3, 1.0), (1, 2.0), (1, 1.0), (0, 9.0)):
        log(client, experiment, "loss", step=step, f_val=value)
    values = client.call("GetMetrics", parent_id=experiment).metrics["loss"].values
    assert [(point.step, point.f_val) for point in values] == [(0, 9.0), (1, 2.0), (1, 1.0), (3, 1.0)]
    assert all(abs(point.wallclock_time - time.time()) < 600 for point in values), "0 is now"


def test_a_point_that_cannot_be_logged(client: UpstreamClient, experiment: str) -> None:
    refused(CODE.NOT_FOUND, lambda: log(client, "0" * 32, "loss", f_val=1.0))
    refused(CODE.INVALID_ARGUMENT, lambda: log(client, experiment, "", f_val=1.0))
    refused(CODE.INVALID_ARGUMENT, lambda: log(client, experiment, "a\0b", f_val=1.0))
    assert "no value" in refused(CODE.INVALID_ARGUMENT, lambda: log(client, experiment, "loss", step=1))
    refused(CODE.INVALID_ARGUMENT, lambda: log(client, experiment, "loss", f_val=1.0, wallclock_time=2**64 - 1))
    assert not client.call("GetMetrics", parent_id=experiment).metrics


def test_metrics_metadata_and_events_hang_on_anything(client: UpstreamClient, experiment: str, namespace: str) -> None:
    model = client.call("CreateModel", name="m", namespace=namespace).id
    version = client.call("CreateModelVersion", model=model, version="1").model_version
    artifact = client.upload(experiment, "a", b"x", src_path="x").artifact_id
    for id in (experiment, model, version, artifact):
        log(client, id, "loss", f_val=1.0)
        client.call("UpdateMetadata", parent_id=id, metadata={"metadata": {"a": "1"}})
        client.call("LogEvent", parent_id=id, event={"name": "happened"})
        assert len(client.call("GetMetrics", parent_id=id).metrics["loss"].values) == 1
        assert client.call("ListMetadata", parent_id=id).metadata.metadata == {"a": "1"}
        assert [event.name for event in client.call("ListEvents", parent_id=id).events] == ["happened"]


def test_doubles_for_a_client_of_ours(server: ServerProcess, client: UpstreamClient, experiment: str) -> None:
    with grpc.insecure_channel(server.address) as channel:
        stub = service_pb2_grpc.ModelStoreStub(channel)
        exact = pb.MetricsValue(step=1, f_val=0.1, double_value=0.1, wallclock_time=5, wallclock_us=1_600_000_000_000_001)
        stub.LogMetrics(pb.LogMetricsRequest(parent_id=experiment, key="lr", value=exact), timeout=60)
        (point,) = stub.GetMetrics(pb.GetMetricsRequest(parent_id=experiment), timeout=60).metrics["lr"].values
    assert (point.double_value, point.wallclock_us, point.wallclock_time) == (0.1, 1_600_000_000_000_001, 1_600_000_000)
    (point,) = client.call("GetMetrics", parent_id=experiment).metrics["lr"].values
    assert point.f_val == pytest.approx(0.1)


def test_a_client_of_ours_and_one_of_upstream_see_the_same(
    server: ServerProcess, client: UpstreamClient, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "ours.pt").write_bytes(b"ours")
    with ModelBoxClient(server.uri, namespace=namespace, owner="ada") as ours:
        id = client.call("CreateExperiment", name="e", owner="ada", namespace=namespace, framework=1).experiment_id
        experiment = ours.create_experiment("e")
        assert (experiment.id, experiment.exists, experiment.framework) == (id, True, "pytorch")
        log(client, id, "loss", step=1, f_val=0.5)
        assert experiment.metrics("loss").to_pandas()["value"].tolist() == [0.5]
        assert ours.sql(f"select count(*) as n from metrics where object_id = '{id}'").to_pylist() == [{"n": 1}]
        experiment.log_metrics({"loss": 0.25}, step=2)
        ours.flush()
        assert [point.f_val for point in client.call("GetMetrics", parent_id=id).metrics["loss"].values] == [0.5, 0.25]
        client.upload(id, "theirs", b"theirs", src_path="/data/theirs.pt")
        assert experiment.artifact("theirs").open("data/theirs.pt").read() == b"theirs"
        experiment.upload_artifact("ours", tmp_path / "ours.pt", progress=False)
    file = next(found for found in client.call("ListArtifacts", object_id=id).artifacts if found.name == "ours").files[0]
    told, content = client.download(file.id)
    assert (content, told.checksum) == (b"ours", hashlib.md5(b"ours").hexdigest())


# -- events


def test_events_keep_their_times_and_their_order(client: UpstreamClient, experiment: str) -> None:
    for name, seconds in (("second", 1_600_000_001), ("first", 1_600_000_000), ("first", 1_600_000_000)):
        stored = client.call(
            "LogEvent",
            parent_id=experiment,
            event={
                "name": name,
                "source": {"name": "trainer"},
                "wallclock_time": {"seconds": seconds, "nanos": 123_456_000},
                "metadata": {"metadata": {"epoch": "3", "note": "so"}},
            },
        )
        assert abs(stored.created_at.seconds - time.time()) < 600
    events = client.call("ListEvents", parent_id=experiment, since={}).events
    assert [event.name for event in events] == ["first", "first", "second"]
    assert [event.wallclock_time.seconds for event in events] == [1_600_000_000, 1_600_000_000, 1_600_000_001]
    for event in events:
        assert (event.source.name, event.wallclock_time.nanos) == ("trainer", 123_456_000)
        assert {key: json.loads(text) for key, text in event.metadata.metadata.items()} == {"epoch": 3, "note": "so"}
    (later,) = client.call("ListEvents", parent_id=experiment, since={"seconds": 1_600_000_001}).events
    assert later.name == "second"


def test_an_event_that_cannot_be_logged(client: UpstreamClient, experiment: str) -> None:
    refused(CODE.NOT_FOUND, lambda: client.call("LogEvent", parent_id="0" * 32, event={"name": "x"}))
    refused(CODE.INVALID_ARGUMENT, lambda: client.call("LogEvent", parent_id=experiment, event={}))
    refused(CODE.INVALID_ARGUMENT, lambda: client.call("LogEvent", parent_id=experiment))
    forever = {"name": "x", "wallclock_time": {"seconds": 2**62}}
    refused(CODE.INVALID_ARGUMENT, lambda: client.call("LogEvent", parent_id=experiment, event=forever))
    assert not client.call("ListEvents", parent_id=experiment).events


# -- files


@pytest.mark.parametrize("size", [0, 1, 1 << 16, (3 << 20) + 7])
def test_a_file_comes_back(client: UpstreamClient, experiment: str, size: int) -> None:
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    sent = client.upload(experiment, "weights", content, src_path="/home/ada/m.pt", file_type=2)
    (artifact,) = client.call("ListArtifacts", object_id=experiment).artifacts
    (file,) = artifact.files
    assert (artifact.id, artifact.name, artifact.object_id, file.id) == (sent.artifact_id, "weights", experiment, sent.file_id)
    assert (file.src_path, file.file_type, file.parent_id) == ("/home/ada/m.pt", 2, experiment)
    assert file.checksum == hashlib.md5(content).hexdigest()
    assert file.upload_path
    assert max(len(sent.file_id), len(sent.artifact_id)) <= 40
    told, received = client.download(sent.file_id)
    assert received == content
    assert (told.checksum, told.src_path, told.id) == (file.checksum, file.src_path, file.id)


def test_chunks_of_a_kilobyte(client: UpstreamClient, experiment: str) -> None:
    content = bytes(range(256)) * 400
    sent = client.upload(experiment, "a", content, chunk=1024, src_path="m.pt", checksum="")
    told, received = client.download(sent.file_id)
    assert (received, told.checksum) == (content, hashlib.md5(content).hexdigest())


def test_content_that_is_not_what_was_said_is_refused(client: UpstreamClient, experiment: str) -> None:
    refused(CODE.DATA_LOSS, lambda: client.upload(experiment, "a", b"content", src_path="m.pt", checksum="0" * 32))
    assert not client.call("ListArtifacts", object_id=experiment).artifacts


def test_an_upload_that_breaks_off_leaves_nothing(client: UpstreamClient, experiment: str) -> None:
    for number in range(40):
        sending, over = threading.Event(), threading.Event()

        def frames(name: str, sending: threading.Event, over: threading.Event) -> Iterator[Any]:
            described = message("FileMetadata", src_path="m.pt")
            yield message("UploadFileRequest", metadata={"artifact_name": name, "object_id": experiment, "metadata": described})
            yield message("UploadFileRequest", chunks=b"some")
            sending.set()
            over.wait(60)

        call = client.stub("UploadFile").future(frames(f"a{number}", sending, over), timeout=60)  # type: ignore[attr-defined]
        sending.wait(60)
        call.cancel()
        over.set()
    for _ in range(20):  # the server may still be at it
        assert not client.call("ListArtifacts", object_id=experiment).artifacts


def test_frames_that_are_no_upload(client: UpstreamClient, experiment: str) -> None:
    def upload(*frames: Any) -> Any:
        return lambda: client.stub("UploadFile")(iter([message("UploadFileRequest", **frame) for frame in frames]), timeout=60)

    described = {"artifact_name": "a", "object_id": experiment, "metadata": {"src_path": "m.pt"}}
    for frames in ([], [{}], [{"chunks": b"x"}], [{"metadata": {"artifact_name": "a", "object_id": experiment}}]):
        refused(CODE.INVALID_ARGUMENT, upload(*frames))
    refused(CODE.INVALID_ARGUMENT, upload({"metadata": described}, {"metadata": described}))
    refused(CODE.INVALID_ARGUMENT, upload({"metadata": described | {"artifact_name": ""}}))
    refused(CODE.INVALID_ARGUMENT, upload({"metadata": described | {"artifact_name": "../up"}}))
    refused(CODE.NOT_FOUND, upload({"metadata": described | {"object_id": "0" * 32}}))
    assert not client.call("ListArtifacts", object_id=experiment).artifacts


def test_files_of_one_name_in_different_folders(client: UpstreamClient, experiment: str) -> None:
    sources = ["/a/m.pt", "/b/m.pt", "m.pt", "..\\m.pt", "C:\\a\\m.pt"]
    ids = {source: client.upload(experiment, "all", source.encode(), src_path=source).file_id for source in sources}
    assert len(set(ids.values())) == len(sources)
    for source, id in ids.items():
        told, received = client.download(id)
        assert (told.src_path, received) == (source, source.encode())


def test_a_file_again_is_an_update(client: UpstreamClient, experiment: str) -> None:
    first = client.upload(experiment, "all", b"old", src_path="/a/m.pt")
    again = client.upload(experiment, "all", b"new", src_path="/a/m.pt")
    assert (first.file_id, first.artifact_id) == (again.file_id, again.artifact_id)
    (artifact,) = client.call("ListArtifacts", object_id=experiment).artifacts
    assert [file.checksum for file in artifact.files] == [hashlib.md5(b"new").hexdigest()]
    assert client.download(first.file_id)[1] == b"new"


def test_tracked_and_uploaded_files_of_a_name_are_one_artifact(client: UpstreamClient, experiment: str) -> None:
    files = [message("FileMetadata", src_path=path, checksum="c1", file_type=1) for path in ("/data/a", "s3://bucket/b", "/data/a")]
    tracked = client.call("TrackArtifacts", name="all", object_id=experiment, files=files)
    sent = client.upload(experiment, "all", b"x", src_path="/data/x")
    assert tracked.id == sent.artifact_id
    (artifact,) = client.call("ListArtifacts", object_id=experiment).artifacts
    found = {file.src_path: (file.checksum, file.file_type, bool(file.upload_path)) for file in artifact.files}
    assert found == {
        "/data/a": ("c1", 1, False),
        "s3://bucket/b": ("c1", 1, False),
        "/data/x": (hashlib.md5(b"x").hexdigest(), 0, True),
    }
    assert len(artifact.files) == 3
    refused(CODE.INVALID_ARGUMENT, lambda: client.call("TrackArtifacts", name="all", object_id=experiment, files=[{}]))
    refused(CODE.NOT_FOUND, lambda: client.call("TrackArtifacts", name="all", object_id="0" * 32, files=files))


def test_a_tracked_file_is_never_read(client: UpstreamClient, experiment: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password")
    client.call("TrackArtifacts", name="all", object_id=experiment, files=[{"src_path": str(secret)}])
    (artifact,) = client.call("ListArtifacts", object_id=experiment).artifacts
    (file,) = artifact.files
    for wanted in (file.id, str(secret), f"file://{secret}", artifact.id, experiment, "", "x" * 40, "../" * 13 + "x"):
        refused(CODE.NOT_FOUND, partial(client.download, wanted))


# -- watching


class Watching:
    """Follows a namespace, and collects what it is told."""

    def __init__(self, client: UpstreamClient, namespace: str, since: int) -> None:
        self._call = client.call("WatchNamespace", namespace=namespace, since=since)

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *error: object) -> None:
        self._call.cancel()

    def next(self) -> tuple[int, dict[str, Any]]:
        """The next that it is told."""
        response = next(self._call)
        return response.event, dict(response.payload.struct_value)


def test_a_watcher_is_told_what_happens(client: UpstreamClient, namespace: str) -> None:
    client.call("CreateExperiment", name="before", namespace=namespace, owner="ada")
    with Watching(client, namespace, int(time.time()) - 60) as watching:
        created, payload = watching.next()
        assert (created, payload["name"], payload["owner"], payload["namespace"]) == (1, "before", "ada", namespace)
        client.call("CreateExperiment", name="elsewhere", namespace=f"{namespace}-other")
        model = client.call("CreateModel", name="m", namespace=namespace).id
        assert watching.next()[1]["name"] == "m"
        client.call("CreateModelVersion", model=model, version="1")
        created, payload = watching.next()
        assert (created, payload["version"], payload["model_id"], list(payload["unique_tags"])) == (1, "1", model, [])
        client.call("UpdateMetadata", parent_id=model, metadata={"metadata": {"big": str(10**400), "deep": "[" * 60 + "]" * 60}})
        updated, payload = watching.next()
        assert (updated, payload["name"]) == (2, "m")
        client.call("LogEvent", parent_id=model, event={"name": "happened"})
        assert watching.next()[1]["name"] == "happened"


def test_a_watcher_begins_at_a_second(client: UpstreamClient, namespace: str) -> None:
    for number in range(3):
        client.call("CreateExperiment", name=f"early {number}", namespace=namespace)
    time.sleep(1.1)
    for number in range(3):
        client.call("CreateExperiment", name=f"late {number}", namespace=namespace)
    stored = client.call("ListExperiments", namespace=namespace).experiments
    since = next(found.created_at.seconds for found in stored if found.name == "late 0")
    with Watching(client, namespace, since) as watching:
        assert [watching.next()[1]["name"] for _ in range(3)] == ["late 0", "late 1", "late 2"]
    with Watching(client, namespace, 0) as watching:
        assert watching.next()[1]["name"] == "early 0"
    with Watching(client, namespace, 2**64 - 1) as watching, ThreadPoolExecutor(1) as pool:
        told = pool.submit(watching.next)
        for number in itertools.count():  # a watch begins some time after it was asked for
            client.call("CreateExperiment", name=f"now {number}", namespace=namespace)
            with contextlib.suppress(TimeoutError):
                assert told.result(0.2)[1]["name"].startswith("now ")
                break


# -- the server's death, and its siblings


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    content = b"weights" * 1000
    with ServerProcess(tmp_path) as server:
        with UpstreamClient(server.address) as client:
            id = client.call("CreateExperiment", name="e").experiment_id
            for step in range(50):
                log(client, id, "loss", step=step, f_val=float(step))
            client.call("LogEvent", parent_id=id, event={"name": "happened"})
            file_id = client.upload(id, "a", content, src_path="m.pt").file_id
        server.kill()
        server.start()
        with UpstreamClient(server.address) as client:
            values = client.call("GetMetrics", parent_id=id).metrics["loss"].values
            assert [point.step for point in values] == list(range(50))
            assert [event.name for event in client.call("ListEvents", parent_id=id).events] == ["happened"]
            assert client.download(file_id)[1] == content
            log(client, id, "loss", step=50, f_val=50.0)
        assert server.stop() == 0
        server.start()
        with UpstreamClient(server.address) as client:
            assert len(client.call("GetMetrics", parent_id=id).metrics["loss"].values) == 51


def test_what_one_process_takes_another_one_shows(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, workers=2) as server:
        with UpstreamClient(server.address) as client:
            id = client.call("CreateExperiment", name="e").experiment_id
        for step in range(12):
            with UpstreamClient(server.address) as writer, UpstreamClient(server.address) as reader:
                log(writer, id, "loss", step=step, f_val=1.0)
                assert len(reader.call("GetMetrics", parent_id=id).metrics["loss"].values) == step + 1
