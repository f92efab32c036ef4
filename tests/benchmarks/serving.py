"""A server, and its clients in other processes of the same machine."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.rows import A_SECOND, MEGABYTES, MICROSECONDS, MILLISECONDS, POINTS_A_SECOND, SECONDS, Row, rounds
from tests.benchmarks.running import Scale, fresh, line_of, start
from tests.benchmarks.running import run as run_program
from tests.services.server_process import ServerProcess

import modelbox
from modelbox.wire import service_pb2 as pb
from modelbox.wire.messages import object_to_message

_CONNECTIONS = 16


def run_calls(scale: Scale) -> Iterable[Row]:
    """One call after the other over 16 connections at once, for an experiment in a durable store."""
    with scale.scratch() as folder:
        with ServerProcess(folder / "one") as server:
            experiment = _experiment(server)
            with _bare_server(experiment) as bare:
                _rate(server, experiment.id, scale)  # whatever is loaded or compiled at first
                floors, figures = rounds(
                    scale.rounds(7),
                    lambda: 1 / _rate_at(bare, experiment.id, scale),
                    lambda: 1 / _rate(server, experiment.id, scale),
                )
        yield Row(
            "a call for an experiment, 16 at once: time for each",
            MICROSECONDS,
            figures,
            floors,
            "grpcio, the same message from memory",
            ("ratio at most", 1.25),
        )
        with ServerProcess(folder / "one") as one, ServerProcess(folder / "two", workers=2) as two:
            alone, together = _experiment(one).id, _experiment(two).id
            floors, figures = rounds(scale.rounds(5), lambda: _rate(one, alone, scale), lambda: _rate(two, together, scale))
        yield Row("the same, two workers on one port: calls", A_SECOND, figures, floors, "one worker")


def _experiment(server: ServerProcess) -> modelbox.Experiment:
    with modelbox.ModelBoxClient(server.uri) as client:
        return client.create_experiment("served")


@contextmanager
def _bare_server(experiment: modelbox.Experiment) -> Iterator[int]:
    response = pb.GetObjectResponse(object=object_to_message(experiment._record))
    process = start("bare_server", response.SerializeToString().hex())
    try:
        yield int(line_of(process))
    finally:
        process.communicate()


def _rate(server: ServerProcess, id: str, scale: Scale) -> float:
    return _rate_at(_port(server), id, scale)


def _rate_at(port: int, id: str, scale: Scale, seconds: float = 3.0) -> float:
    """Calls a second."""
    rate: float = run_program("call_server", port, id, _CONNECTIONS, 0.2 if scale.quick else seconds).said["rate"]
    return rate


def _port(server: ServerProcess) -> int:
    return int(server.address.rpartition(":")[2])


def run_watchers(scale: Scale) -> Iterable[Row]:
    """1,000 watchers of one namespace, each on its own connection, while calls go on; changes now and then."""
    count, quiet, watched = scale.of(1000, 10), [], []
    latencies: dict[str, list[float]] = {}
    for _ in range(scale.rounds(3)):
        with scale.scratch() as folder, ServerProcess(folder / "server") as server, modelbox.ModelBoxClient(server.uri) as client:
            experiment = client.create_experiment("watched")
            _rate(server, experiment.id, scale)
            quiet.append(1 / _rate(server, experiment.id, scale))
            with _watchers(server, count, client.changes()[-1].seq) as watchers:
                watched.append(1 / _rate(server, experiment.id, scale))
                latencies.setdefault("idle", []).extend(_latencies(watchers, experiment, scale))
                calls = start("call_server", _port(server), experiment.id, _CONNECTIONS, 0.5 if scale.quick else 10.0)
                latencies.setdefault("busy", []).extend(_latencies(watchers, experiment, scale))
                calls.communicate()
    yield Row(
        "a change, to each of 1,000 watchers, while 16 others call: median",
        MILLISECONDS,
        [statistics.median(latencies["busy"])],
        bar=("at most", 0.15),
    )
    yield Row("the same, p99", MILLISECONDS, [_p99(latencies["busy"])])
    yield Row("the same, while nobody calls: median", MILLISECONDS, [statistics.median(latencies["idle"])])
    yield Row("the same, p99", MILLISECONDS, [_p99(latencies["idle"])])
    yield Row(
        "a call, 16 at once, beside 1,000 idle watchers: time for each",
        MICROSECONDS,
        watched,
        quiet,
        "without watchers",
        ("ratio at most", 1.2),
    )


@contextmanager
def _watchers(server: ServerProcess, count: int, since: int) -> Iterator[subprocess.Popen[str]]:
    process = start("watch_server", _port(server), count, since)
    try:
        assert line_of(process) == "ready"
        yield process
    finally:
        process.kill()
        process.communicate()


def _latencies(watchers: subprocess.Popen[str], experiment: modelbox.Experiment, scale: Scale) -> list[float]:
    """Seconds from before a change is asked for to its arrival at each watcher."""
    asked = []
    for number in range(scale.of(7, 2)):
        time.sleep(0.05 if scale.quick else 1.0)
        asked.append(time.monotonic_ns())
        experiment.update_metadata("number", [number, asked[-1]])
    time.sleep(0.2 if scale.quick else 1.5)
    print(file=watchers.stdin)
    arrived: dict[str, list[int]] = json.loads(line_of(watchers))
    assert len(arrived) == len(asked), f"{len(arrived)} changes came, of {len(asked)}"
    moments = [arrived[seq] for seq in sorted(arrived, key=int)]
    return [(at - began) / 1e9 for began, all in zip(asked, moments, strict=True) for at in all]


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def run_metrics(scale: Scale) -> Iterable[Row]:
    """Points through the journal of a client to a durable store behind a server, and back."""
    calls = scale.of(10_000, 50)
    said: list[dict[str, Any]] = []
    with scale.scratch() as folder:
        for _ in range(scale.rounds(5)):
            with ServerProcess(fresh(folder / "server")) as server:
                said.append(run_program("log_points", server.uri, calls, 100, "plain").said)
        yield Row(
            "100 scalars a call, 10,000 calls, to the end of `flush()`: durable on the server",
            POINTS_A_SECOND,
            [calls * 100 / one["flushed_s"] for one in said],
            bar=("at least", 1e6),
        )
        yield Row("one of these calls", MICROSECONDS, [one["logged_s"] / calls for one in said])
        yield from _reads(scale, folder, said[-1]["id"])


def _reads(scale: Scale, folder: Path, id: str) -> Iterable[Row]:
    with ServerProcess(folder / "server") as server:

        def wall(store: object) -> float:
            return run_program("read_points", "modelbox", store, id, "*").wall_s

        if not scale.quick:
            wall(server.uri)
        floors, figures = rounds(scale.rounds(7), lambda: wall(server.store), lambda: wall(server.uri))
    yield Row(
        "fresh process, 1 M points stored: everything to pandas",
        SECONDS,
        figures,
        floors,
        "embedded",
        ("ratio at most", 3),
    )


def run_starting(scale: Scale) -> Iterable[Row]:
    """From the start of the process to the first answer, and the memory that it has then, and after having worked."""
    started, idle = [], []
    with scale.scratch() as folder:
        server = ServerProcess(folder / "server")
        with server:
            _experiment(server)
        for _ in range(scale.rounds(9)):
            began = time.perf_counter()
            server.launch()
            with modelbox.ModelBoxClient(server.uri) as client:
                client.list_experiments()
            started.append(time.perf_counter() - began)
            time.sleep(0.1 if scale.quick else 3.0)  # it goes on importing for a moment
            idle.append(_memory(server))
            server.kill()
    yield Row("process start to the first answer", SECONDS, started, bar=("at most", 1.5))
    yield Row("memory of the server, idle", MEGABYTES, idle, bar=("at most", 150e6))


def _memory(server: ServerProcess) -> float:
    """Resident bytes of all its processes."""
    total = 0
    for pid in (server.pid, *server.workers()):
        with open(f"/proc/{pid}/status") as status:
            total += next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024
    return float(total)
