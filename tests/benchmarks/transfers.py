"""One large file to a server and back: through it, and past it to S3."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.rows import MEGABYTES, SECONDS, Bar, Row
from tests.benchmarks.running import Scale, fresh, line_of, start
from tests.benchmarks.running import run as run_program
from tests.services import seaweedfs
from tests.services.server_process import ServerProcess

from modelbox.stores.files import ObjectFiles


def run_through(scale: Scale) -> Iterable[Row]:
    """1 GiB through the server, which stores it in a folder."""
    said: list[dict[str, Any]] = []
    floors: list[dict[str, Any]] = []
    with scale.scratch() as folder:
        source = _random_file(folder / "large.bin", scale)
        with _bare_server(source) as port:
            for _ in range(scale.rounds(5)):
                os.sync()
                floors.append({way: run_program("bare_stream", way, port, source).said["took_s"] for way in ("up", "down")})
                with ServerProcess(fresh(folder / "server")) as server:
                    os.sync()
                    said.append(run_program("transfer", server.uri, server.pid, source).said)
    bare_name = "bare gRPC stream, hashed"
    bar: Bar = ("ratio at most", 1.25)
    yield Row("1 GiB through the server to its disk", SECONDS, _of(said, "put_s"), _of(floors, "up"), bare_name, bar)
    yield Row("1 GiB from the server", SECONDS, _of(said, "get_s"), _of(floors, "down"), bare_name, bar)
    yield Row("the same: extra memory of the client", MEGABYTES, _of(said, "client"), bar=("at most", 64e6))
    yield Row("the same: extra memory of the server", MEGABYTES, _of(said, "server"), bar=("at most", 64e6))
    yield Row("to hash it before it is sent", SECONDS, _of(said, "hashed_s"))


def run_direct(scale: Scale) -> Iterable[Row]:
    """1 GiB to an S3 server and back, with URLs that the server signs, and which it reads once to verify."""
    said: list[dict[str, Any]] = []
    with scale.scratch() as folder, _s3(folder / "s3") as endpoint:
        source = _random_file(folder / "large.bin", scale)
        files = ObjectFiles(f"s3://{seaweedfs.BUCKET}/bare")

        def alone() -> dict[str, Any]:
            name = uuid.uuid4().hex
            urls = [files.sign(name, method, 3600) for method in ("put_object", "get_object")]
            took = run_program("requests_alone", *urls, source).said
            files.delete(name)
            return took

        def ours() -> dict[str, Any]:
            bucket = {"bucket": seaweedfs.BUCKET, "prefix": uuid.uuid4().hex, "endpoint": endpoint}
            settings: dict[str, Any] = {"artifact_storage": "s3", "artifact_storage_s3": bucket}
            with ServerProcess(fresh(folder / "server"), **settings) as server:
                took = run_program("transfer", server.uri, server.pid, source).said
            ObjectFiles(f"s3://{seaweedfs.BUCKET}/{bucket['prefix']}").delete_tree("")
            return took

        floors = []
        for _ in range(scale.rounds(3)):
            floors.append(alone())
            said.append(ours())
        files.close()
    alone_name = "`requests` alone"
    bar: Bar = ("ratio at most", 1.2)
    yield Row("1 GiB to S3 by signed URLs, verified", SECONDS, _of(said, "put_s"), _of(floors, "put_s"), alone_name, bar)
    yield Row("1 GiB from S3 by signed URL, hashed", SECONDS, _of(said, "get_s"), _of(floors, "get_s"), alone_name, bar)


def _of(said: list[dict[str, Any]], name: str) -> list[float]:
    return [one[name] for one in said]


def _random_file(path: Path, scale: Scale) -> Path:
    with open(path, "wb") as file:
        for _ in range(scale.of(1 << 10, 9)):
            file.write(os.urandom(1 << 20))
    return path


@contextmanager
def _bare_server(source: Path) -> Iterator[int]:
    process = start("bare_stream_server", source)
    try:
        yield int(line_of(process))
    finally:
        process.communicate()


@contextmanager
def _s3(folder: Path) -> Iterator[str]:
    """An S3 server, and the environment that leads to it."""
    before = dict(os.environ)
    try:
        with seaweedfs.shared_server(folder) as endpoint:
            os.environ |= {
                "AWS_ENDPOINT_URL_S3": endpoint,
                "AWS_ACCESS_KEY_ID": seaweedfs.ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": seaweedfs.SECRET_KEY,
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            yield endpoint
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ |= before
