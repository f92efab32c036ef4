"""The stores that a configuration can describe, and where their parts lie."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from blake3 import blake3

import modelbox
from modelbox.backends.base import SourceFile
from modelbox.backends.served import ServedBackend
from modelbox.points import SCHEMA
from modelbox.records import MetricBatch
from modelbox.server.configuration import FilesystemArtifacts, IntegratedStorage, S3Artifacts, ServerConfiguration
from modelbox.server.opening import open_backend

CONTENT = b"content"
Open = Callable[..., ServedBackend]


@pytest.fixture
def open_(tmp_path: Path) -> Iterator[Open]:
    """Opens the backend of a configuration: everything integrated, artifacts apart, unless it is told otherwise."""
    default = {
        "artifact_storage": "filesystem",
        "metadata_storage": "integrated",
        "metrics_storage": "integrated",
        "metadata_storage_integrated": IntegratedStorage(path=str(tmp_path / "store")),
        "artifact_storage_filesystem": FilesystemArtifacts(base_dir=str(tmp_path / "artifacts")),
    }
    with ExitStack() as stack:

        def opened(observe: Any = None, **settings: Any) -> ServedBackend:
            backend = open_backend(ServerConfiguration(**default | settings), observe)
            stack.callback(backend.close)
            return backend

        yield opened


def fill(backend: ServedBackend) -> str:
    """An experiment with a point and an artifact."""
    record, _ = backend.create_experiment(name="run", namespace="n", owner="o")
    one = {"key": "loss", "step": 1, "wallclock": 1, "value": 0.5, "text": None, "blob": None, "delay": 0}
    points = pa.Table.from_pylist([one], schema=SCHEMA)
    backend.append_metrics([MetricBatch(object_id=record.id, uid=record.uid, writer="w", sequence=1, points=points)])
    digest = f"blake3:{blake3(CONTENT).hexdigest()}"
    file = SourceFile(path="f", size=len(CONTENT), digest=digest, content_type="a/b", open=lambda: io.BytesIO(CONTENT))
    backend.put_artifact(record.id, "data", [file])
    return record.id


def content(backend: ServedBackend, id: str) -> bytes:
    with backend.open_file(backend.find_artifact(id, "data").files[0]) as stream:
        return stream.read()


def test_everything_in_memory_but_artifacts(open_: Open, tmp_path: Path) -> None:
    backend = open_(metadata_storage="ephemeral", metrics_storage="inmemory")
    id = fill(backend)
    assert backend.read_metrics(id).num_rows == 1
    assert content(backend, id) == CONTENT
    assert not (tmp_path / "store").exists()
    assert [folder.name for folder in (tmp_path / "artifacts").iterdir()] == [backend.store_id()]
    assert backend.spool().folder is None
    backend.close()
    backend.close()
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_everything_integrated_is_there_again(open_: Open, tmp_path: Path) -> None:
    first = open_()
    id = fill(first)
    first.close()
    again = open_()
    assert again.store_id() == first.store_id()
    assert again.read_metrics(id).num_rows == 1
    assert content(again, id) == CONTENT
    assert again.spool().folder == tmp_path / "store" / "journal"
    assert again.spool().shared


def test_a_store_in_one_folder_is_an_embedded_one(open_: Open, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "store")
    backend = open_(artifact_storage_filesystem=FilesystemArtifacts(base_dir=str(tmp_path / "link")))
    id = fill(backend)
    with modelbox.ModelBoxClient(tmp_path / "store", namespace="n") as client:
        experiment = client.get_experiment(id)
        assert len(experiment.metrics("loss")) == 1
        with experiment.artifact("data").open("f") as stream:
            assert stream.read() == CONTENT
    assert backend.check(verify_content=True) == []


def test_stores_that_share_a_place_for_artifacts_do_not_see_each_other(open_: Open, tmp_path: Path) -> None:
    one = open_()
    other = open_(metadata_storage_integrated=IntegratedStorage(path=str(tmp_path / "other")))
    id = fill(one)
    assert other.collect_garbage().blobs == 0
    assert content(one, id) == CONTENT


def test_metrics_in_a_place_of_their_own(open_: Open, tmp_path: Path) -> None:
    apart = IntegratedStorage(path=str(tmp_path / "metrics"))
    first = open_(metrics_storage_integrated=apart)
    id = fill(first)
    first.close()
    again = open_(metrics_storage_integrated=apart)
    assert again.read_metrics(id).num_rows == 1
    assert not (tmp_path / "store" / "metrics").exists()
    assert (tmp_path / "metrics" / again.store_id() / "metrics").exists()


def test_metrics_in_memory_beside_integrated_metadata(open_: Open) -> None:
    first = open_(metrics_storage="inmemory")
    id = fill(first)
    assert first.read_metrics(id).num_rows == 1
    assert first.spool().folder is None
    first.close()
    again = open_(metrics_storage="inmemory")
    assert again.read_metrics(id).num_rows == 0
    assert content(again, id) == CONTENT


def test_integrated_metrics_beside_metadata_in_memory(open_: Open, tmp_path: Path) -> None:
    apart = IntegratedStorage(path=str(tmp_path / "metrics"))
    backend = open_(metadata_storage="ephemeral", metrics_storage_integrated=apart)
    assert backend.read_metrics(fill(backend)).num_rows == 1
    backend.close()
    assert list((tmp_path / "metrics").iterdir()) == []


def test_a_folder_of_something_else_is_refused(open_: Open, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "mine").touch()
    with pytest.raises(modelbox.InvalidArgumentError, match="is not empty and not a ModelBox store"):
        open_()
    (tmp_path / "file").touch()
    with pytest.raises(modelbox.InvalidArgumentError, match="is not a folder"):
        open_(metadata_storage_integrated=IntegratedStorage(path=str(tmp_path / "file")))


def test_what_the_storage_does_is_told(open_: Open) -> None:
    told: list[tuple[str, str]] = []
    backend = open_(lambda store, operation, seconds: told.append((store, operation)))
    content(backend, fill(backend))
    assert {("metadata", "transact"), ("metrics", "append"), ("artifacts", "put_many"), ("artifacts", "open")} <= set(told)


def test_artifacts_in_a_bucket(open_: Open, s3_url: str, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, _, prefix = s3_url.removeprefix("s3://").partition("/")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    s3 = S3Artifacts(region="us-east-1", bucket=bucket, prefix=prefix, endpoint=s3_server)
    backend = open_(artifact_storage="s3", artifact_storage_s3=s3)
    id = fill(backend)
    assert content(backend, id) == CONTENT
    assert backend.find_artifact(id, "data").files[0].uri.startswith(f"{s3_url}/{backend.store_id()}/artifacts/")
