"""What a server writes to stderr, and the figures that it counts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from modelbox.server import logs
from modelbox.server.call_log import CallLog
from modelbox.server.figures import BOUNDS, Figures, FiguresCollector, Latencies
from modelbox.server.telemetry import Telemetry


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger(logs.ROOT)
    before = root.handlers[:], root.level, root.propagate
    yield
    root.handlers[:], root.level, root.propagate = before


class Context:
    """As much of grpc's context of a call as the log looks at."""

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return [("modelbox-request-id", "r-1"), ("authorization", "Bearer mbx_secret")]

    def peer(self) -> str:
        return "ipv4:127.0.0.1:5"


def finish(level: str, code: str, seconds: float = 0.1, method: str = "GetObject", details: str = "") -> None:
    logs.configure(format="json", level=level)
    CallLog(slow_s=1.0, caller_of=lambda _: "ci").finished(method, code, seconds, Context(), details)


# -- lines


@pytest.mark.parametrize(
    ("level", "code", "seconds", "is_logged"),
    [
        ("debug", "OK", 0.1, True),
        ("info", "OK", 0.1, False),
        ("info", "OK", 1.1, True),
        ("info", "NOT_FOUND", 0.1, False),
        ("info", "PERMISSION_DENIED", 0.1, True),
        ("warning", "PERMISSION_DENIED", 0.1, False),
        ("warning", "INTERNAL", 0.1, True),
        ("warning", "UNAVAILABLE", 0.1, True),
        ("error", "INTERNAL", 0.1, False),
    ],
)
def test_calls_that_are_worth_a_line(
    level: str, code: str, seconds: float, is_logged: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(level, code, seconds)
    assert bool(capsys.readouterr().err) is is_logged


def test_a_transfer_is_not_slow(capsys: pytest.CaptureFixture[str]) -> None:
    finish("info", "OK", 100.0, "UploadContent")
    assert capsys.readouterr().err == ""


def test_a_line_says_what_happened_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    finish("info", "PERMISSION_DENIED", details="no rights")
    line = json.loads(capsys.readouterr().err)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "message": "GetObject PERMISSION_DENIED: no rights",
        "request_id": "r-1",
        "method": "GetObject",
        "code": "PERMISSION_DENIED",
        "seconds": 0.1,
        "caller": "ci",
        "peer": "ipv4:127.0.0.1:5",
    }


@pytest.mark.parametrize("format", ["text", "json"])
def test_what_a_client_sent_cannot_forge_a_line(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(format=format, level="info")
    logging.getLogger("modelbox.server").warning("no model %r", "x", extra={"request_id": "1\n2026 INFO all is well\x1b[2J"})
    logging.getLogger("modelbox.server").warning("no model x\n2026 INFO all is well")
    printed = capsys.readouterr().err
    assert len(printed.splitlines()) == 2
    assert "\x1b" not in printed


def test_an_exception_is_told_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(format="json", level="info")
    try:
        raise KeyError("k")
    except KeyError:
        logging.getLogger("modelbox").exception("it failed")
    assert "KeyError: 'k'" in json.loads(capsys.readouterr().err)["exception"]
    logs.configure(format="text", level="info")
    logging.getLogger("modelbox").error("it failed", exc_info=KeyError("k"))
    assert capsys.readouterr().err.splitlines()[-1] == "KeyError: 'k'"


def test_what_the_process_says_of_itself_is_shown_at_every_level(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(format="text", level="error")
    logging.getLogger(logs.ALWAYS).info("serving")
    logging.getLogger("modelbox").warning("beware")
    assert capsys.readouterr().err.endswith("INFO serving\n")


# -- figures


def shown(figures: Figures) -> dict[tuple[str, ...], float]:
    """The samples that Prometheus reads, by name and label values."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FiguresCollector(lambda: figures))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def call(telemetry: Telemetry, code: grpc.StatusCode, seconds: float, method: str = "GetObject") -> None:
    context: Any = Context()
    telemetry.call_started(method)
    telemetry.transferred(method, 10, 20)
    telemetry.call_finished(method, code, seconds, context)


def test_calls_are_counted() -> None:
    telemetry = Telemetry()
    call(telemetry, grpc.StatusCode.OK, 0.003)
    call(telemetry, grpc.StatusCode.OK, 0.0025)
    call(telemetry, grpc.StatusCode.NOT_FOUND, 100.0)
    telemetry.call_started("Query")
    telemetry.watchers_changed(3)
    telemetry.stored("metadata", "view", 0.02)
    found = shown(telemetry.figures())
    assert found["modelbox_calls_total", "OK", "GetObject"] == 2
    assert found["modelbox_calls_total", "NOT_FOUND", "GetObject"] == 1
    assert found["modelbox_calls_in_flight", "Query"] == 1
    assert found["modelbox_calls_in_flight", "GetObject"] == 0
    assert found["modelbox_received_bytes_total", "GetObject"] == 30
    assert found["modelbox_sent_bytes_total", "GetObject"] == 60
    assert found["modelbox_watchers",] == 3
    assert found["modelbox_call_seconds_count", "GetObject"] == 3
    assert found["modelbox_call_seconds_bucket", "0.0025", "GetObject"] == 1
    assert found["modelbox_call_seconds_bucket", "0.005", "GetObject"] == 2
    assert found["modelbox_call_seconds_bucket", "+Inf", "GetObject"] == 3
    assert found["modelbox_store_seconds_sum", "view", "metadata"] == 0.02


def test_the_process_is_measured() -> None:
    found = shown(Telemetry().figures())
    assert 1 << 20 < found["process_resident_memory_bytes",] < 1 << 40
    assert 3 < found["process_open_fds",] < found["process_max_fds",]
    assert found["process_cpu_seconds_total",] > 0


def test_figures_of_processes_add_up() -> None:
    total = Figures()
    for _ in range(2):
        telemetry = Telemetry()
        call(telemetry, grpc.StatusCode.OK, 0.003)
        telemetry.watchers_changed(2)
        total.add(telemetry.figures())
    found = shown(total)
    assert found["modelbox_calls_total", "OK", "GetObject"] == found["modelbox_call_seconds_count", "GetObject"] == 2
    assert found["modelbox_watchers",] == 4
    assert found["modelbox_workers",] == 2
    gone = shown(total.without_gauges())
    assert gone["modelbox_calls_total", "OK", "GetObject"] == 2
    assert ("modelbox_watchers",) not in gone


def test_a_copy_does_not_change() -> None:
    telemetry = Telemetry()
    call(telemetry, grpc.StatusCode.OK, 0.003)
    before = telemetry.figures()
    call(telemetry, grpc.StatusCode.OK, 0.003)
    assert before.counters["calls", "GetObject", "OK"] == 1
    assert sum(before.latencies["call", "GetObject"].buckets) == 1


def test_every_latency_has_a_bucket() -> None:
    latencies = Latencies()
    for seconds in (0.0, *BOUNDS, 1e9):
        latencies.observe(seconds)
    assert latencies.buckets == [2, *[1] * (len(BOUNDS) - 1), 1]
    assert latencies.cumulative()[-1] == ("+Inf", len(BOUNDS) + 2)
