"""``modelbox doctor``, and the examination behind it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sample_store
from modelbox import CorruptStoreError, Finding, ModelBoxClient
from modelbox.cli import main


@pytest.fixture
def store(sound_sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound_sample, tmp_path / "store"))


def check(path: Path, **options: bool) -> list[Finding]:
    with ModelBoxClient(path) as client:
        return client.check(**options)


def flip(path: Path, at: int | None = None) -> Path:
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 0x10
    path.chmod(0o644)
    path.write_bytes(data)
    return path


def one(found: list[Finding], path: Path, kind: str = "damaged") -> Finding:
    """The only finding, which is about a file."""
    assert [(each.kind, each.file) for each in found] == [(kind, path.as_uri())], found
    assert found[0].problem
    assert found[0].meaning
    assert found[0].advice
    return found[0]


def merged(store: Path) -> Path:
    (found,) = store.glob("metrics/*/merged-*.parquet")
    return found


def batch_of_b(store: Path) -> Path:
    alone = next(path for path in sorted((store / "metrics").iterdir()) if not (path / "merge").exists())
    return sorted(alone.glob("*.parquet"))[0]


def log(store: Path) -> list[Path]:
    return sorted((store / "metadata/log").iterdir())


def newest_checkpoint(store: Path) -> Path:
    return sorted((store / "metadata/checkpoints").glob("*.json"))[-1]


def test_a_sound_store_is_healthy(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in store.rglob("*"))
    assert check(store, verify_content=True) == []
    assert sorted((path, path.stat().st_mtime_ns) for path in store.rglob("*")) == before, "looking changed something"
    for format in ("table", "csv", "json"):
        assert main(["-u", str(store), "doctor", "--format", format]) == 0
    shown = capsys.readouterr()
    assert shown.out == "kind,file,problem,meaning,advice,object,movable,moved_to\r\n[]\n"
    assert shown.err.splitlines() == ["the store is healthy"] * 3


def test_a_store_in_use_is_healthy(store: Path) -> None:
    with ModelBoxClient(store, owner="o") as client:
        exp = client.create_experiment("a")
        exp.log_metrics({"x": 1})
        exp.log_event("now")
        assert client.check() == []
        assert check(store) == []


def test_memory_is_examined_too() -> None:
    with ModelBoxClient("memory://", owner="o") as client:
        client.create_experiment("a").log_metrics({"x": 1})
        client.flush()
        assert client.check(verify_content=True) == []


@pytest.mark.s3
def test_a_bucket_is_examined_and_mended(s3_url: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("content")
    with ModelBoxClient(s3_url, owner="o") as client:
        exp = client.create_experiment("a")
        exp.log_metrics({"x": 1})
        client.flush()
        exp.log_metrics({"x": 2})
        client.flush()
        exp.upload_artifact("f", tmp_path / "f", progress=False)
        sample_store.checkpoint(client)
        assert client.check(verify_content=True) == []
        files = client._backend._storage  # type: ignore[attr-defined]
        segment, *_ = [info.path for info in files.walk("metrics")]
        blob, *_ = [info.path for info in files.walk("artifacts")]
        for path in (segment, blob):
            data = bytearray(files.read(path))
            data[len(data) // 2] ^= 1
            files.write(path, bytes(data))
        assert [each.file for each in client.check(verify_content=True)] == [files.address(segment), files.address(blob)]
        assert [each.moved_to for each in client.check(verify_content=True, quarantine=True)] == [
            files.address(f"quarantine/{path}") for path in (segment, blob)
        ]
        assert len(exp.metrics()) == 1
        exp.upload_artifact("f", tmp_path / "f", progress=False)
        assert client.check(verify_content=True) == []


def test_the_marker(store: Path) -> None:
    marker = store / "modelbox.json"
    with ModelBoxClient(store) as client:
        marker.write_text("{")
        one(client.check(), marker)
        marker.unlink()
        one(client.check(), marker)
    marker.write_text("{")
    with pytest.raises(CorruptStoreError, match=r"modelbox\.json"):
        ModelBoxClient(store)


def test_the_log_is_never_moved(store: Path) -> None:
    whole = sample_store.contents(store)
    path = flip(log(store)[3])
    finding = one(check(store, quarantine=True), path)
    assert not finding.movable
    assert not finding.moved_to
    assert path.exists()
    assert sample_store.contents(store) == whole  # from the checkpoint


def test_the_log_after_the_last_checkpoint(store: Path) -> None:
    path = flip(log(store)[-1])
    found = check(store)
    assert found[0].file == path.as_uri()
    assert "cannot be read" in found[0].meaning
    assert found[-1].kind == "unreadable"  # content could not be examined
    path.unlink()
    assert check(store) == []  # the last one could as well never have been


def test_a_gap_in_the_log(store: Path) -> None:
    path = log(store)[5]
    path.unlink()
    one(check(store), path, "missing")
    for later in log(store)[10:]:
        later.unlink()
    kinds = {(each.kind, Path(each.file).name) for each in check(store)}
    assert ("missing", f"{16:020d}.json") in kinds


def test_a_transaction_that_does_not_follow(store: Path) -> None:
    from modelbox.stores.metadata.log.encoding import seal, unseal

    path = log(store)[-1]
    content = unseal(path.read_bytes(), "")
    content["first_seq"] += 5
    for change in content["changes"]:
        change["seq"] += 5
    path.write_bytes(seal(json.dumps(content)[:-1].encode()))
    finding = check(store)[0]
    assert (finding.kind, finding.file) == ("disagrees", path.as_uri())
    with pytest.raises(CorruptStoreError, match=path.name), ModelBoxClient(store) as client:
        client.list_experiments()


@pytest.mark.parametrize("part", ["state", "experiments", "metadata", "manifest", "history"])
@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_checkpoints(store: Path, part: str, how: str) -> None:
    whole = sample_store.contents(store)
    manifest = newest_checkpoint(store)
    named = json.loads(manifest.read_text())
    paths = {"manifest": str(manifest), "history": named["history"][-1]["path"], "state": named["state"]["path"]}
    path = store / (paths.get(part) or named["tables"][part]["path"])
    if how == "damaged":
        flip(path)
    elif part != "manifest":
        path.unlink()
    else:
        return
    finding = one(check(store), path, how)
    assert finding.movable
    assert "nothing is lost" in finding.meaning
    assert check(store, quarantine=True)[0].moved_to
    assert (store / "quarantine" / path.relative_to(store)).exists() == (how == "damaged")
    assert check(store) == []
    assert sample_store.contents(store) == whole


def test_a_checkpoint_stays_when_the_log_cannot_stand_in_for_it(store: Path) -> None:
    paths = [flip(log(store)[2]), flip(newest_checkpoint(store))]
    found = check(store, quarantine=True)
    assert [each.file for each in found] == [path.as_uri() for path in paths]
    assert not any(each.movable or each.moved_to for each in found)
    assert all(path.exists() for path in paths)


def test_a_checkpoint_that_says_something_else_than_the_log(store: Path) -> None:
    from modelbox.stores.metadata.log.encoding import seal, unseal

    path = log(store)[4]
    content = unseal(path.read_bytes(), "")
    content["changes"][0]["namespace"] = "another"
    path.write_bytes(seal(json.dumps(content)[:-1].encode()))
    found = check(store)
    assert {each.kind for each in found} == {"disagrees"}
    assert any("metadata/history" in each.file for each in found)


@pytest.mark.parametrize("which", ["batch", "merged"])
@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_metric_segments(store: Path, which: str, how: str) -> None:
    whole = sample_store.contents(store)
    path = merged(store) if which == "merged" else batch_of_b(store)
    if how == "damaged":
        flip(path)
    else:
        path.unlink()
        if which == "batch":
            return  # nothing tells that it ever was
    name, other = ("a", "b") if which == "merged" else ("b", "a")
    finding = one(check(store), path, how)
    assert finding.object.startswith(f"experiment {name} (")
    with ModelBoxClient(store, owner="o") as client:
        with pytest.raises(CorruptStoreError, match=path.name):
            client.create_experiment(name).metrics()
        assert client.create_experiment(other).metrics().to_dict() == whole[f"metrics of {other}"]
    finding = one(check(store, quarantine=True), path, how)
    kept = store / "quarantine" / path.relative_to(store)
    assert kept.exists() == (how == "damaged")
    assert finding.moved_to == (kept.as_uri() if how == "damaged" else "nowhere; the rest was made readable without it")
    assert check(store) == []
    with ModelBoxClient(store, owner="o") as client:
        exp = client.create_experiment(name)
        left = exp.metrics("loss").to_dict()["step"]
        assert left
        assert set(left) < set(whole[f"metrics of {name}"]["step"])
        for step in range(2000, 2012):  # merging goes on
            exp.log_metrics({"loss": 0.0}, step=step)
            client._session.journal._delivery.run(lambda: client._session.journal._delivery.deliver_metrics(all_of_it=True), 10)
        sample_store.merge(client, exp)
        assert exp.metrics("loss").to_dict()["step"] == [*left, *range(2000, 2012)]
        assert client.sql("select count(*) as n from metrics").to_pylist()[0]["n"] > 12
    if how == "damaged":  # put back, it is there again
        assert check(store) == []


def test_records_of_merges(store: Path) -> None:
    (path,) = store.glob("metrics/*/merge/*.json")
    whole = sample_store.contents(store)
    data = path.read_bytes()
    flip(path, 2)
    finding = one(check(store, quarantine=True), path)
    assert not finding.movable
    assert path.exists()
    path.write_bytes(data)
    later = path.with_name("00000002.json")
    later.write_bytes(data[: len(data) // 2])  # one whose merge was never made
    assert one(check(store, quarantine=True), later).movable
    assert check(store) == []
    assert sample_store.contents(store) == whole


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_a_merge_that_cannot_be_finished(store: Path, how: str) -> None:
    from modelbox.stores.files import PosixFiles
    from modelbox.stores.metrics.parquet.folder import PointsFolder
    from modelbox.stores.metrics.parquet.layout import unescaped
    from modelbox.stores.metrics.parquet.merging import Merger

    path = batch_of_b(store)
    folder = PointsFolder(PosixFiles(store), unescaped(path.parent.name))
    snapshot = folder.snapshot()
    Merger(60)._intend(folder, snapshot, list(snapshot.alive))
    if how == "damaged":
        flip(path)
    else:
        path.unlink()
    one(check(store, quarantine=True), path, how)
    assert check(store) == []
    with ModelBoxClient(store, owner="o") as client:
        assert len(client.create_experiment("b").metrics("loss").to_dict()["step"]) == 361 - 40


@pytest.mark.parametrize("how", ["damaged", "longer", "missing"])
def test_content(store: Path, tmp_path: Path, how: str) -> None:
    with ModelBoxClient(store) as client:
        version = client.get_model("asr").get_version("1")
        artifact = version.artifact("files")
        content = tmp_path / "weights.bin"
        with artifact.open("weights.bin") as stream:
            content.write_bytes(stream.read())
        path = next(p for p in store.glob("artifacts/blake3/*/*") if p.stat().st_size == content.stat().st_size)
        if how == "damaged":
            flip(path)
            assert client.check() == []
        elif how == "longer":
            path.chmod(0o644)
            path.write_bytes(content.read_bytes() + b"!")
        else:
            path.unlink()
        kind = "missing" if how == "missing" else "damaged"
        finding = one(client.check(verify_content=True, quarantine=True), path, kind)
        assert "'weights.bin' of artifact 'files'" in finding.meaning
        assert finding.movable == (how != "missing")
        one(client.check(verify_content=True), path, "missing")
        version.upload_artifact("files", content, progress=False)
        assert client.check(verify_content=True) == []


LOG_AND_DIE = """
import os, sys, modelbox
exp = modelbox.ModelBoxClient(sys.argv[1], owner="o").create_experiment("a")
for step in range(100):
    exp.log_metrics({"late": step}, step=step)
exp.log_event("last")
os.kill(os.getpid(), 9)
"""


def test_journals(store: Path) -> None:
    def journal() -> Path:
        subprocess.run([sys.executable, "-c", LOG_AND_DIE, str(store)], check=False)
        (found,) = store.glob("journal/*/*.journal")
        return found

    path = journal()
    (finding,) = check(store)
    assert (finding.kind, finding.file, finding.harmless, finding.movable) == ("undelivered", str(path), True, False)
    assert "100 points and 1 events" in finding.problem
    with ModelBoxClient(store) as client:
        list(client.watch(since=0, timeout=0))
    assert check(store) == []

    path = journal()
    flip(path, 1000)
    (finding,) = check(store)
    assert (finding.kind, finding.file, finding.movable) == ("damaged", str(path), True)
    (finding,) = check(store, quarantine=True)
    kept = store / "quarantine" / f"{path.relative_to(store)}.damaged"
    assert finding.moved_to == str(kept)
    assert kept.exists()
    assert not path.parent.exists()
    assert check(store) == []

    path = journal()
    flip(path, 1000)
    with ModelBoxClient(store, owner="o") as client:
        client.changes()  # delivers it
        points = client.create_experiment("a").metrics("late").to_dict()["step"]
        assert len(points) == 100 + 2 * 99
        (finding,) = client.check(quarantine=True)
        assert finding.file == f"{path}.damaged"
        assert Path(finding.moved_to).exists()
        assert client.check() == []


def test_leftovers(store: Path) -> None:
    for folder in ("", "metadata/log", "artifacts/staging"):
        (store / folder).mkdir(exist_ok=True)
        left = store / folder / (".tmp-0123" if "staging" not in folder else "x.part")
        left.write_bytes(b"left")
        assert check(store) == []  # somebody may be at it
        old = time.time() - 100_000
        os.utime(left, (old, old))
        found = check(store)
        assert [(each.kind, each.harmless) for each in found] == [("leftover", True)]
        left.unlink(missing_ok=True)


def test_the_command(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = flip(batch_of_b(store))
    assert_exit(["-u", str(store), "doctor", "--format", "json"])
    shown = capsys.readouterr()
    (finding,) = json.loads(shown.out)
    assert (finding["kind"], finding["file"], finding["movable"]) == ("damaged", path.as_uri(), True)
    assert shown.err == "1 finding\n"
    assert_exit(["-u", str(store), "doctor", "--quarantine"])
    shown = capsys.readouterr().out
    assert path.as_uri() in shown
    assert "quarantine/metrics" in shown
    assert main(["-u", str(store), "doctor"]) == 0


def assert_exit(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1


def test_what_is_no_embedded_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-u", str(tmp_path / "nowhere"), "doctor"]) == 1
    assert "there is no store" in capsys.readouterr().err
