"""A server as an operator meets it: started, stopped, killed, watched, in processes of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from blake3 import blake3
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from prometheus_client.parser import text_string_to_metric_families

import modelbox
from modelbox.wire import service_pb2 as pb
from modelbox.wire.service_pb2_grpc import ModelStoreStub
from services.server_process import ServerProcess

WAIT_S = 30.0
_METRICS = re.compile(r"metrics at (http://\S+)")


@contextlib.contextmanager
def stub_of(server: ServerProcess) -> Iterator[ModelStoreStub]:
    with grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield ModelStoreStub(channel)


def eventually(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT_S
    while not (found := holds()):
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)
    return found


def create(stub: ModelStoreStub, name: str, **options: Any) -> str:
    request = pb.CreateExperimentRequest(name=name, owner="o", namespace="n")
    id: str = stub.CreateExperiment(request, timeout=WAIT_S, **options).experiment_id
    return id


def metrics_of(server: ServerProcess) -> dict[tuple[str, ...], float]:
    """The samples at its metrics endpoint, by name and values of labels."""
    url = _METRICS.findall(server.log.read_text())[-1]
    text = urllib.request.urlopen(url, timeout=WAIT_S).read().decode()  # loopback
    families = text_string_to_metric_families(text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def is_alive(pid: int) -> bool:
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
    return bool(found) and not found.startswith("Z")


def refusal(server: ServerProcess) -> str:
    """What a server says that cannot start."""
    server.launch()
    with pytest.raises(AssertionError, match="does not start"):
        server.wait_until_ready()
    lines = server.log.read_text().splitlines()
    assert lines[-1].startswith("modelbox: ")
    assert "Traceback" not in server.log.read_text()
    return lines[-1]


# -- stopping


class Load:
    """Threads that change the store as fast as they can until the server does not answer any more, and what was acknowledged."""

    def __init__(self, server: ServerProcess, threads: int = 4) -> None:
        self.experiments: list[str] = []
        self.points: dict[str, int] = {}
        self.events: dict[str, int] = {}
        self._server = server
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(WAIT_S)

    def _work(self, number: int) -> None:
        with stub_of(self._server) as stub, contextlib.suppress(grpc.RpcError):
            id = create(stub, f"points-{number}")
            for step in range(1_000_000):
                self.experiments.append(create(stub, f"{number}-{step}"))
                value = pb.MetricsValue(step=step, f_val=0.5)
                stub.LogMetrics(pb.LogMetricsRequest(parent_id=id, key="loss", value=value), timeout=WAIT_S)
                self.points[id] = step + 1
                event = pb.Event(name="e")
                stub.LogEvent(pb.LogEventRequest(parent_id=id, event=event), timeout=WAIT_S)
                self.events[id] = step + 1


@pytest.mark.parametrize("workers", [1, 2])
def test_stopping_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path, workers: int) -> None:
    server = ServerProcess(tmp_path, workers=workers)
    with server:
        load = Load(server)
        eventually(lambda: len(load.experiments) > 40)
        assert server.stop() == 0
        load.wait()
    with modelbox.ModelBoxClient(server.store, namespace="n") as client:
        stored = {experiment.id for experiment in client.list_experiments()}
        assert set(load.experiments) <= stored
        for id, count in load.points.items():
            experiment = client.get_experiment(id)
            assert count <= len(experiment.metrics("loss")) <= count + 1
            assert load.events[id] <= len(experiment.events()) <= load.events[id] + 1


def test_watchers_are_told_to_resume_elsewhere_when_it_stops(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, stub_of(server) as stub:
        watch = stub.WatchChanges(pb.WatchChangesRequest(namespace="n"))
        create(stub, "a")
        next(watch)
        health = health_pb2_grpc.HealthStub(grpc.insecure_channel(server.address))
        statuses = health.Watch(health_pb2.HealthCheckRequest(service="modelbox.ModelStore"))
        assert next(statuses).status == health_pb2.HealthCheckResponse.SERVING
        assert server.stop() == 0
        assert next(statuses).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as ended:
            for _ in watch:
                pass
        assert ended.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_signal_that_comes_twice_at_once_is_one(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        for _ in range(3):  # as GNU timeout sends it to the process, and to its group
            os.kill(server.pid, signal.SIGTERM)
            time.sleep(0.01)
        assert server.wait() == 0
        assert "stopped" in server.log.read_text()


class Upload:
    """An upload of a few bytes, half of which are sent at once, and the rest when it is told to."""

    def __init__(self, stub: ModelStoreStub, object_id: str) -> None:
        content = os.urandom(1000)
        digest = f"blake3:{blake3(content).hexdigest()}"
        self._header = pb.ContentHeader(object_id=object_id, digest=digest, size=len(content))
        self._halves = content[:500], content[500:]
        self._half_sent = threading.Event()
        self.go_on = threading.Event()
        self.call = stub.UploadContent.future(self._requests())
        assert self._half_sent.wait(WAIT_S)

    def _requests(self) -> Iterator[pb.UploadContentRequest]:
        yield pb.UploadContentRequest(header=self._header)
        yield pb.UploadContentRequest(chunk=self._halves[0])
        self._half_sent.set()
        self.go_on.wait(WAIT_S)
        yield pb.UploadContentRequest(chunk=self._halves[1])


def begin_to_stop(server: ServerProcess) -> None:
    os.kill(server.pid, signal.SIGTERM)
    eventually(lambda: "stopping" in server.log.read_text())


def test_calls_in_flight_are_answered_when_it_stops(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, stub_of(server) as stub:
        upload = Upload(stub, create(stub, "a"))
        begin_to_stop(server)
        upload.go_on.set()
        assert upload.call.result(WAIT_S).completed == 1
        assert server.wait() == 0


def test_calls_that_do_not_end_are_cut_off_when_it_stops(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, stub_of(server) as stub:
        upload = Upload(stub, create(stub, "a"))
        assert server.stop() == 0
        upload.go_on.set()
        assert upload.call.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, workers: int) -> None:
    with ServerProcess(tmp_path, workers=workers) as server, stub_of(server) as stub:
        upload = Upload(stub, create(stub, "a"))
        children = server.workers()
        begin_to_stop(server)
        time.sleep(0.5)
        assert is_alive(server.pid)
        assert server.stop() == 128 + signal.SIGTERM
        assert "stopped" not in server.log.read_text()
        eventually(lambda: not any(map(is_alive, children)))
        upload.go_on.set()
        assert upload.call.code() == grpc.StatusCode.UNAVAILABLE


def test_what_was_in_memory_leaves_nothing_behind(tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    places = {"artifact_storage_filesystem": {"base_dir": str(artifacts)}}
    with ServerProcess(tmp_path, metadata_storage="ephemeral", metrics_storage="inmemory", **places) as server:
        with modelbox.ModelBoxClient(server.uri) as client:
            client.create_experiment("run").upload_artifact("weights", __file__)
        assert len(list(artifacts.rglob("artifacts/blake3/*/*"))) == 1
        assert server.stop() == 0
    assert list(artifacts.iterdir()) == []


# -- starting


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 2), (2, 2)])
def test_a_second_server_on_the_port_is_refused(tmp_path: Path, first: int, second: int) -> None:
    with ServerProcess(tmp_path / "first", workers=first) as server:
        late = ServerProcess(tmp_path / "second", workers=second, listen_addr=server.address)
        assert f"cannot listen on {server.address}" in refusal(late)
        with stub_of(server) as stub:
            create(stub, "still here")


def test_metrics_of_a_second_server_are_left_out_or_refused(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "first", metrics_addr="127.0.0.1:0") as server:
        taken = _METRICS.findall(server.log.read_text())[0].removeprefix("http://").removesuffix("/metrics")
        late = ServerProcess(tmp_path / "second", metrics_addr=taken)
        assert f"cannot serve metrics on {taken}" in refusal(late)


def test_a_worker_that_cannot_start_is_told_about(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "mine.txt").touch()
    server = ServerProcess(tmp_path, workers=2)
    assert "is not empty and not a ModelBox store" in refusal(server)
    assert server.workers() == []


def test_it_says_that_everybody_may_do_everything(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        warnings = [line for line in server.log.read_text().splitlines() if "WARNING" in line]
        assert len(warnings) == 1
        assert "can read and write everything" in warnings[0]


def test_standard_services(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        for service in ("", "modelbox.ModelStore"):
            assert check(health_pb2.HealthCheckRequest(service=service)).status == health_pb2.HealthCheckResponse.SERVING
        assert "modelbox.ModelStore" in ProtoReflectionDescriptorDatabase(channel).get_services()


# -- several processes


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, workers=2, metrics_addr="127.0.0.1:0") as server:
        for _ in range(20):  # connections of their own, so that both have some
            with stub_of(server) as stub:
                create(stub, "a")
        before = metrics_of(server)
        assert before["modelbox_calls_total", "OK", "CreateExperiment"] == 20
        victim, other = server.workers()
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: metrics_of(server).get(("modelbox_worker_restarts_total",)) == 1)
        eventually(lambda: metrics_of(server)["modelbox_workers",] == 2)
        assert victim not in server.workers()
        assert other in server.workers()
        for _ in range(20):
            with stub_of(server) as stub:
                create(stub, "a")
        assert metrics_of(server)["modelbox_calls_total", "OK", "CreateExperiment"] == 40
        assert server.stop() == 0


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, workers=2) as server:
        workers = server.workers()
        assert len(workers) == 2
        os.kill(server.pid, signal.SIGKILL)
        eventually(lambda: not any(map(is_alive, workers)))


def test_workers_leave_signals_to_their_parent(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, workers=2) as server:
        for pid in (*server.workers(), server.pid):  # as an init system does, and Ctrl-C in a terminal
            os.kill(pid, signal.SIGINT)
        assert server.stop() in (0, 128 + signal.SIGTERM)
        assert "started again" not in server.log.read_text()


# -- watching it


def test_metrics_are_served(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, metrics_addr="127.0.0.1:0") as server, stub_of(server) as stub:
        id = create(stub, "a")
        with pytest.raises(grpc.RpcError):
            stub.GetObject(pb.GetObjectRequest(id="nothing"))
        watch = stub.WatchChanges(pb.WatchChangesRequest(namespace="n"))
        next(watch)
        found = metrics_of(server)
        assert found["modelbox_calls_total", "OK", "CreateExperiment"] == 1
        assert found["modelbox_calls_total", "NOT_FOUND", "GetObject"] == 1
        assert found["modelbox_call_seconds_count", "CreateExperiment"] == 1
        assert found["modelbox_watchers",] == 1
        assert found["modelbox_received_bytes_total", "CreateExperiment"] > 0
        assert found["modelbox_sent_bytes_total", "CreateExperiment"] > len(id)
        assert found["modelbox_store_seconds_count", "transact", "metadata"] >= 1
        assert found["process_resident_memory_bytes",] > 1 << 20
        watch.cancel()
        eventually(lambda: metrics_of(server)["modelbox_watchers",] == 0)


def test_no_secret_is_told(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.toml"
    postgres = {"metadata_storage_postgres": {"password": "pa55-of-the-database"}}
    server = ServerProcess(tmp_path, workers=2, tokens_file=str(tokens), log_level="debug", log_format="json", **postgres)
    command = [sys.executable, "-m", "modelbox.cli", "server", "create-token", "--config-path", str(tmp_path / "server.toml")]
    made = subprocess.run([*command, "--name", "ci", "--namespace", "n", "--rights", "write"], capture_output=True, check=True)
    token = made.stdout.decode().strip()
    with server, stub_of(server) as stub:
        create(stub, "a", metadata=[("authorization", f"Bearer {token}")])
        for wrong in ("", f"Bearer {token}x", "Bearer mbx_other"):
            with pytest.raises(grpc.RpcError) as refused:
                create(stub, "a", metadata=[("authorization", wrong)])
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
            assert token not in refused.value.details()
        arguments = subprocess.run(["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True, check=True).stdout
        assert server.stop() == 0
    log = server.log.read_text()
    assert '"caller": "ci"' in log
    for secret in (token, "mbx_other", "pa55-of-the-database"):
        assert secret not in log
        assert secret not in arguments


def test_rights_reach_through_the_network(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.toml"
    server = ServerProcess(tmp_path, tokens_file=str(tokens))
    made = {}
    for name, rights in (("reader", "read"), ("writer", "write")):
        made[name] = modelbox_output(
            "server", "create-token", "--config-path", str(tmp_path / "server.toml"), "--name", name, "--namespace", "n",
            "--rights", rights,
        )  # fmt: skip
    with server:
        with modelbox.ModelBoxClient(server.uri, namespace="n", token=made["writer"]) as writer:
            run = writer.create_experiment("run")
            run.log_metrics({"loss": 0.5}, step=1)
            writer.flush()
            with pytest.raises(modelbox.PermissionDeniedError, match="'elsewhere'"):
                writer.create_experiment("run", namespace="elsewhere")
            with pytest.raises(modelbox.PermissionDeniedError, match="all namespaces"):
                writer.sql("select 1")
        with modelbox.ModelBoxClient(server.uri, namespace="n", token=made["reader"]) as reader:
            assert reader.get_experiment(run.id).metrics("loss").to_dict()["value"] == [0.5]
            with pytest.raises(modelbox.PermissionDeniedError, match="may read the namespace 'n', and not write"):
                reader.create_model("net")
        with pytest.raises(modelbox.UnauthenticatedError), modelbox.ModelBoxClient(server.uri) as nobody:
            nobody.list_models()


def modelbox_output(*arguments: str) -> str:
    command = [sys.executable, "-m", "modelbox.cli", *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


# -- a server for content


def test_a_blob_server_answers_calls_about_artifacts_only(tmp_path: Path) -> None:
    main = ServerProcess(tmp_path / "main")
    blob = ServerProcess(
        tmp_path / "blob",
        role="blob",
        metadata_storage_integrated={"path": str(main.store)},
        artifact_storage_filesystem={"base_dir": str(main.store)},
    )
    with main, blob, stub_of(main) as whole, stub_of(blob) as part:
        id = create(whole, "a")
        with pytest.raises(grpc.RpcError) as refused:
            create(part, "b")
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        info = [server.GetServerInfo(pb.GetServerInfoRequest()) for server in (whole, part)]
        assert info[0].store_id == info[1].store_id
        part.TrackArtifact(pb.TrackArtifactRequest(object_id=id, name="data", uri="s3://b/k"))
        assert [artifact.name for artifact in whole.ListArtifacts(pb.ListArtifactsRequest(object_id=id)).artifacts] == ["data"]


def test_blob_servers_are_announced(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, blob_servers=["blobs:8086"]) as server, stub_of(server) as stub:
        assert stub.GetServerInfo(pb.GetServerInfoRequest()).blob_servers == ["blobs:8086"]


def test_the_server_delivers_what_a_dead_embedded_client_left(tmp_path: Path) -> None:
    program = """
import os, signal, sys, modelbox
from modelbox.journal import delivery
delivery.EVENT_DELAY_S = 3600.0  # it dies before its own thread delivers
exp = modelbox.ModelBoxClient(sys.argv[1], owner="o").create_experiment("e")
exp.log_event("last words")
os.kill(os.getpid(), signal.SIGKILL)
"""
    with ServerProcess(tmp_path / "server") as server:
        subprocess.run([sys.executable, "-c", program, str(server.store)], check=False, timeout=60)
        with modelbox.ModelBoxClient(server.uri, owner="o") as client:
            exp = client.create_experiment("e")
            deadline = time.monotonic() + 30
            while not exp.events() and time.monotonic() < deadline:
                time.sleep(0.1)
            assert [event.name for event in exp.events()] == ["last words"]
