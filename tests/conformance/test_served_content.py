"""Content that comes apart from its artifact, as a server takes it, on every storage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modelbox.backends.inprocess import open_store
from modelbox.backends.served import NewFile, ServedBackend
from modelbox.errors import ChecksumError, ConflictError, InvalidArgumentError, NotFoundError
from modelbox.hashing import digest_of

LARGE = os.urandom(3 << 20)
SMALL = b"small"


def new_file(path: str, content: bytes) -> NewFile:
    return NewFile(path=path, size=len(content), digest=digest_of(content), content_type="application/octet-stream")


@pytest.fixture(params=["memory", "folder", pytest.param("bucket", marks=pytest.mark.s3)])
def backend(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedBackend]:
    monkeypatch.setenv("MODELBOX_SPOOL_DIR", str(tmp_path / "spool"))
    uri = {"memory": "memory://", "folder": str(tmp_path / "store")}.get(request.param)
    with closing(open_store(uri or request.getfixturevalue("s3_url"))) as backend:
        yield backend


@pytest.fixture
def owner(backend: ServedBackend) -> str:
    return backend.create_experiment(name="e", namespace="n", owner="o")[0].id


def send(backend: ServedBackend, owner: str, content: bytes, offset: int = 0) -> None:
    with closing(backend.receive_content(owner, digest_of(content), len(content), offset)) as receiver:
        receiver.write(content[offset:])
        receiver.finish()


def missing(backend: ServedBackend, owner: str, *contents: bytes) -> list[str]:
    files = [new_file(f"f{number}", content) for number, content in enumerate(contents)]
    return [one.digest for one in backend.missing_content(owner, "art", files)]


def test_what_is_missing_is_sent_and_then_committed(backend: ServedBackend, owner: str) -> None:
    files = [new_file("a", LARGE), new_file("b", SMALL), new_file("c", LARGE), new_file("d", b"")]
    found = backend.missing_content(owner, "art", files)
    assert [(one.digest, one.size, one.received, one.direct) for one in found] == [
        (digest_of(content), len(content), 0, None) for content in (LARGE, SMALL, b"")
    ]
    assert backend.commit_artifact(owner, "art", files) is None
    assert backend.list_artifacts(owner) == []
    send(backend, owner, LARGE)
    assert missing(backend, owner, LARGE, SMALL) == [digest_of(SMALL)]
    backend.store_contents(owner, {digest_of(SMALL): SMALL, digest_of(b""): b""})
    record = backend.commit_artifact(owner, "art", files)
    assert record is not None
    assert record == backend.find_artifact(owner, "art")
    for file, content in zip(record.files, (LARGE, SMALL, LARGE, b""), strict=True):
        assert file.artifact_id == record.id
        with backend.open_file(file) as stream:
            assert stream.read() == content
        assert file.blob is not None
        assert backend.stored_file(record.id, file.blob).digest == file.digest
    assert missing(backend, owner, LARGE, SMALL, b"") == []


def test_what_was_interrupted_is_continued(backend: ServedBackend, owner: str) -> None:
    digest = digest_of(LARGE)
    with closing(backend.receive_content(owner, digest, len(LARGE), 0)) as receiver:
        receiver.write(LARGE[: 1 << 20])
    (found,) = backend.missing_content(owner, "art", [new_file("a", LARGE)])
    assert found.received in (0, 1 << 20)
    with pytest.raises(ConflictError):
        backend.receive_content(owner, digest, len(LARGE), found.received + 1)
    send(backend, owner, LARGE, found.received)
    assert missing(backend, owner, LARGE) == []


def test_other_content_than_was_announced_is_refused(backend: ServedBackend, owner: str) -> None:
    with closing(backend.receive_content(owner, digest_of(LARGE), len(LARGE), 0)) as receiver:
        receiver.write(LARGE[:-1] + bytes([LARGE[-1] ^ 1]))
        with pytest.raises(ChecksumError):
            receiver.finish()
    with pytest.raises(ChecksumError):
        backend.store_contents(owner, {digest_of(SMALL): b"other"})
    assert missing(backend, owner, LARGE, SMALL) == [digest_of(LARGE), digest_of(SMALL)]


def test_content_that_is_collected_before_it_is_committed_is_missing_again(backend: ServedBackend, owner: str) -> None:
    files = [new_file("a", LARGE)]
    send(backend, owner, LARGE)
    assert backend.missing_content(owner, "art", files) == []
    backend.collect_garbage()
    assert backend.commit_artifact(owner, "art", files) is None
    send(backend, owner, LARGE)
    record = backend.commit_artifact(owner, "art", files)
    assert record is not None
    assert record.files[0].blob is not None
    assert record.files[0].blob.endswith(".1")
    backend.collect_garbage()
    with backend.open_file(record.files[0]) as stream:
        assert stream.read() == LARGE


def test_a_receiver_from_before_a_collection_writes_what_nobody_refers_to(backend: ServedBackend, owner: str) -> None:
    send(backend, owner, SMALL * 1000)
    with closing(backend.receive_content(owner, digest_of(SMALL * 1000), 5000, 0)) as receiver:
        receiver.write(SMALL * 1000)
        backend.collect_garbage()
        receiver.finish()
    assert backend.commit_artifact(owner, "art", [new_file("a", SMALL * 1000)]) is None


def test_arguments_are_checked(backend: ServedBackend, owner: str) -> None:
    good = new_file("a", SMALL)
    with pytest.raises(NotFoundError, match="no experiment or model or model version"):
        backend.missing_content("nowhere", "art", [good])
    with pytest.raises(NotFoundError):
        backend.receive_content("nowhere", good.digest, good.size, 0)
    with pytest.raises(NotFoundError):
        backend.store_contents("nowhere", {good.digest: SMALL})
    with pytest.raises(NotFoundError):
        backend.commit_artifact("nowhere", "art", [good])
    with pytest.raises(NotFoundError):
        backend.stored_file("nowhere", "blake3/00/00")
    for digest in ("", "sha256:00", "blake3:", "blake3:../../x", f"blake3:{'A' * 64}", f"{good.digest}\n"):
        with pytest.raises(InvalidArgumentError, match="digest"):
            backend.receive_content(owner, digest, 1, 0)
    for size, offset in ((-1, 0), (1 << 60, 0), (5, -1), (5, 6)):
        with pytest.raises(InvalidArgumentError):
            backend.receive_content(owner, good.digest, size, offset)
    for name, path in (("../up", "a"), ("art", "../up"), ("art", "/abs"), ("art", "")):
        with pytest.raises(InvalidArgumentError, match="cannot be used"):
            backend.missing_content(owner, name, [NewFile(path=path, size=5, digest=good.digest, content_type="")])
    with pytest.raises(InvalidArgumentError, match="cannot have"):
        backend.missing_content(owner, "art", [good, NewFile(path="b", size=6, digest=good.digest, content_type="")])
    backend.store_contents(owner, {good.digest: SMALL})
    assert backend.commit_artifact(owner, "art", [new_file("a", SMALL)]) is not None
    with pytest.raises(InvalidArgumentError, match="both a file and a folder"):
        backend.commit_artifact(owner, "art", [new_file("a/b", SMALL)])


def test_content_is_only_told_to_be_in_an_artifact_that_has_it(backend: ServedBackend, owner: str) -> None:
    records = []
    for name, content in (("one", b"1"), ("two", b"2")):
        backend.store_contents(owner, {digest_of(content): content})
        record = backend.commit_artifact(owner, name, [new_file("a", content)])
        assert record is not None
        records.append(record)
    backend.track_artifact(owner, "tracked", uri="s3://elsewhere/x", checksum=None)
    other = records[1].files[0].blob
    assert other is not None
    for artifact, blob in ((records[0].id, other), (records[0].id, ""), (backend.find_artifact(owner, "tracked").id, "")):
        with pytest.raises(NotFoundError, match="no content"):
            backend.stored_file(artifact, blob)
