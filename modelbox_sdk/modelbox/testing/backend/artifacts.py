"""Artifacts and load_model."""

from __future__ import annotations

import io
import os
from pathlib import Path

import blake3
import pytest

import modelbox
from modelbox import ModelBoxClient


def digest(content: bytes) -> str:
    """The digest of some content."""
    return f"blake3:{blake3.blake3(content).hexdigest()}"


def tree(root: Path) -> dict[str, bytes]:
    """The files below a folder."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


class ArtifactTests:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A folder with files, one of them empty, one below."""
        root = tmp_path / "some files"
        (root / "sub" / "ディープ").mkdir(parents=True)
        (root / "a.txt").write_bytes(b"hello")
        (root / "empty").write_bytes(b"")
        (root / "sub" / "ディープ" / "w 🚀.bin").write_bytes(bytes(range(256)) * 5000)
        return root

    def test_a_file(self, client: ModelBoxClient, folder: Path, tmp_path: Path) -> None:
        exp = client.create_experiment("e")
        art = exp.upload_artifact("greeting", folder / "a.txt")
        (file,) = art.files
        assert (file.path, file.size, file.digest, file.content_type) == ("a.txt", 5, digest(b"hello"), "text/plain")
        assert file.uri
        assert (art.name, art.object_id, art.namespace) == ("greeting", exp.id, exp.namespace)
        assert art.download(tmp_path / "dst") == tmp_path / "dst"
        assert tree(tmp_path / "dst") == {"a.txt": b"hello"}
        with art.open("a.txt") as stream:
            assert stream.read() == b"hello"
        with art.open() as stream:
            assert stream.read(2) == b"he"

    def test_a_folder(self, client: ModelBoxClient, folder: Path, tmp_path: Path) -> None:
        art = client.create_experiment("e").upload_artifact("all", str(folder))
        assert [file.path for file in art.files] == ["a.txt", "empty", "sub/ディープ/w 🚀.bin"]
        art.download(tmp_path / "dst")
        assert tree(tmp_path / "dst") == tree(folder)

    def test_a_list_and_an_open_file(self, client: ModelBoxClient, folder: Path) -> None:
        exp = client.create_experiment("e")
        assert [file.path for file in exp.upload_artifact("two", [folder / "a.txt", folder / "empty"]).files] == ["a.txt", "empty"]
        with open(folder / "a.txt", "rb") as stream:
            stream.read(2)
            (file,) = exp.upload_artifact("rest", stream).files
        assert (file.path, file.digest) == ("a.txt", digest(b"llo"))
        (file,) = exp.upload_artifact("memory", io.BytesIO(b"from memory")).files
        assert (file.path, file.size) == ("memory", 11)

    def test_every_kind_of_holder(self, client: ModelBoxClient, folder: Path) -> None:
        exp, model = client.create_experiment("e"), client.create_model("m")
        for holder in (exp, model, model.create_version("1")):
            holder.upload_artifact("x", folder / "a.txt")
            holder.upload_artifact("y", folder / "empty")
            assert [art.name for art in holder.artifacts()] == ["x", "y"]
            assert holder.artifact("y").files[0].path == "empty"
            with pytest.raises(modelbox.NotFoundError, match="no artifact named 'z'"):
                holder.artifact("z")

    def test_uploading_again_replaces_same_paths_and_keeps_others(self, client: ModelBoxClient, folder: Path) -> None:
        exp = client.create_experiment("e")
        first = exp.upload_artifact("x", [folder / "a.txt", folder / "empty"])
        (folder / "a.txt").write_bytes(b"changed")
        second = exp.upload_artifact("x", folder / "a.txt")
        assert second.id == first.id
        assert {file.path: file.digest for file in second.files} == {"a.txt": digest(b"changed"), "empty": digest(b"")}
        assert len(exp.artifacts()) == 1

    def test_a_tracked_artifact_is_only_remembered(self, client: ModelBoxClient, tmp_path: Path) -> None:
        exp = client.create_experiment("e")
        exp.track_artifact("dataset", "s3://bucket/train.parquet", checksum="md5:abc")
        (file,) = exp.artifact("dataset").files
        assert (file.uri, file.digest, file.size, file.path) == ("s3://bucket/train.parquet", "md5:abc", None, "train.parquet")
        with pytest.raises(modelbox.ModelBoxError, match=r"s3://bucket/train\.parquet"):
            exp.artifact("dataset").download(tmp_path / "dst")
        assert exp.track_artifact("other", "/data/x").files[0].digest == ""

    def test_what_cannot_be_uploaded(self, client: ModelBoxClient, folder: Path, tmp_path: Path) -> None:
        exp = client.create_experiment("e")
        with pytest.raises(modelbox.NotFoundError, match="missing"):
            exp.upload_artifact("x", tmp_path / "missing")
        (folder / "link").symlink_to("/etc/passwd")
        with pytest.raises(modelbox.InvalidArgumentError, match="link"):
            exp.upload_artifact("x", folder)
        for name in ("", "../x", "/x", "a/../b", "nul\0", "a\\b", "C:x", "."):
            with pytest.raises(modelbox.InvalidArgumentError):
                exp.upload_artifact(name, folder / "a.txt")
            with pytest.raises(modelbox.InvalidArgumentError):
                exp.track_artifact(name, "s3://b/x")
        assert exp.artifacts() == []

    def test_an_unknown_file_of_an_artifact(self, client: ModelBoxClient, folder: Path) -> None:
        art = client.create_experiment("e").upload_artifact("x", folder)
        with pytest.raises(modelbox.NotFoundError, match=r"no file 'b\.txt'"):
            art.open("b.txt")
        with pytest.raises(modelbox.InvalidArgumentError, match="3 files"):
            art.open()

    def test_a_download_keeps_what_is_right_and_mends_what_is_not(
        self, client: ModelBoxClient, folder: Path, tmp_path: Path
    ) -> None:
        art = client.create_experiment("e").upload_artifact("x", folder)
        dst = art.download(tmp_path / "dst")
        (dst / "a.txt").write_bytes(b"hellO")
        before = os.stat(dst / "empty").st_mtime_ns
        art.download(dst)
        assert tree(dst) == tree(folder)
        assert os.stat(dst / "empty").st_mtime_ns == before

    def test_a_download_stays_inside_its_folder(self, client: ModelBoxClient, folder: Path, tmp_path: Path) -> None:
        art = client.create_experiment("e").upload_artifact("x", folder)
        outside = tmp_path / "outside"
        outside.mkdir()
        (tmp_path / "dst").mkdir()
        (tmp_path / "dst" / "sub").symlink_to(outside)
        with pytest.raises(modelbox.InvalidArgumentError):
            art.download(tmp_path / "dst")
        assert tree(outside) == {}

    def test_garbage_is_collected(self, client: ModelBoxClient, folder: Path) -> None:
        exp, other = client.create_experiment("e"), client.create_experiment("o")
        exp.upload_artifact("x", folder)
        kept = other.upload_artifact("y", folder / "a.txt")
        assert client.collect_garbage().blobs == 0
        exp.artifact("x").delete()
        assert exp.artifacts() == []
        report = client.collect_garbage(dry_run=True)
        assert (report.blobs, report.bytes, report.dry_run) == (2, 1_280_000, True)
        assert client.collect_garbage().blobs == 2
        assert client.collect_garbage().blobs == 0
        with kept.open() as stream:
            assert stream.read() == b"hello"

    def test_content_can_come_back_after_a_collection(self, client: ModelBoxClient, folder: Path, tmp_path: Path) -> None:
        exp = client.create_experiment("e")
        for i in range(3):
            art = exp.upload_artifact("x", folder)
            assert tree(art.download(tmp_path / f"dst{i}")) == tree(folder)
            art.delete()
            assert client.collect_garbage().blobs == 3

    def test_load_model(self, client: ModelBoxClient, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELBOX_CACHE_DIR", str(tmp_path / "cache"))
        model = client.create_model("asr")
        one, two = model.create_version("1", unique_tags=["prod"]), model.create_version("2")
        one.upload_artifact("weights", folder)
        two.upload_artifact("weights", folder / "a.txt")
        path = client.load_model("asr", tag="prod")
        assert tree(path) == {f"weights/{name}": content for name, content in tree(folder).items()}
        assert client.load_model("asr", version="1") == path
        assert tree(client.load_model("asr", version="1", artifact="weights")) == tree(folder)
        assert tree(client.load_model("asr")) == {"weights/a.txt": b"hello"}
        assert tree(client.load_model(model.id, version="2", artifact="weights")) == {"a.txt": b"hello"}
        for file in path.rglob("*"):
            assert not os.stat(file).st_mode & 0o222
        with pytest.raises(modelbox.NotFoundError, match="'staging'"):
            client.load_model("asr", tag="staging")
        model.create_version("3")
        with pytest.raises(modelbox.NotFoundError, match="no artifacts"):
            client.load_model("asr", version="3")
        with pytest.raises(modelbox.NotFoundError):
            client.load_model("nobody")
