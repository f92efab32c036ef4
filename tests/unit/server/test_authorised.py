"""Every method of a served backend, for callers with all rights, some, and none."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest
from blake3 import blake3

from modelbox import ModelBoxError, NotFoundError, PermissionDeniedError
from modelbox.backends.base import SourceFile
from modelbox.backends.inprocess import InProcessBackend, open_store
from modelbox.backends.served import NewFile, ServedBackend, TrackedFile
from modelbox.points import SCHEMA
from modelbox.records import FileRecord, MetricBatch, ObjectType, PendingEvent
from modelbox.server.authorised import AuthorisedBackend
from modelbox.server.rights import Grant

CONTENT = b"weights"
DIGEST = f"blake3:{blake3(CONTENT).hexdigest()}"
MISSING = "0" * 32

READER = Grant(name="reader", namespaces=("theirs",), may_write=False)
WRITER = Grant(name="writer", namespaces=("theirs", "mine"), may_write=True)
STRANGER = Grant(name="stranger", namespaces=("mine",), may_write=True)
AUDITOR = Grant(name="auditor", namespaces=("*",), may_write=False)
OWNER = Grant(name="owner", namespaces=("*",), may_write=True)


def batches(id: str, uid: str) -> list[MetricBatch]:
    one = {"key": "loss", "step": 1, "wallclock": 1, "value": 0.5, "text": None, "blob": None, "delay": 0}
    points = pa.Table.from_pylist([one], schema=SCHEMA)
    return [MetricBatch(object_id=id, uid=uid, writer="w", sequence=1, points=points)]


def events(id: str, uid: str) -> list[PendingEvent]:
    return [PendingEvent(object_id=id, uid=uid, sequence=1, name="e", source="", wallclock_us=1, metadata={})]


def source() -> list[SourceFile]:
    return [SourceFile(path="w.bin", size=7, digest=DIGEST, content_type="a/b", open=lambda: io.BytesIO(CONTENT))]


def new_files() -> list[NewFile]:
    return [NewFile(path="w.bin", size=7, digest=DIGEST, content_type="a/b")]


@dataclass
class World:
    """A store with an object of each type in the namespaces ``theirs`` and ``mine``, and how callers see it."""

    store: InProcessBackend
    ids: dict[str, str] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    files: dict[str, FileRecord] = field(default_factory=dict)

    def as_(self, grant: Grant) -> AuthorisedBackend:
        return AuthorisedBackend(self.store, grant)

    def add(self, namespace: str) -> None:
        experiment, _ = self.store.create_experiment(name="run", namespace=namespace, owner="o")
        model, _ = self.store.create_model(name="net", namespace=namespace, owner="o")
        artifact = self.store.put_artifact(experiment.id, "data", source())
        version, _ = self.store.create_version(
            model.id, version="1", experiment_id=experiment.id, dataset_ids=[artifact.id], unique_tags=["prod"]
        )
        self.files[namespace] = artifact.files[0]
        for kind, record in (("experiment", experiment), ("model", model), ("version", version), ("artifact", artifact)):
            self.ids[f"{namespace} {kind}"] = record.id
            self.uids[record.id] = record.uid


@pytest.fixture
def world() -> Iterator[World]:
    store = open_store("memory://")
    made = World(store)
    for namespace in ("theirs", "mine"):
        made.add(namespace)
    yield made
    store.close()


def blob_of(world: World) -> str:
    return world.files["theirs"].blob or ""


def received(backend: ServedBackend, id: str) -> None:
    with_content = backend.receive_content(id, DIGEST, 7, 0)
    with_content.close()


Use = Callable[[ServedBackend, str, World], Any]

READS_OBJECT: dict[str, tuple[str, Use]] = {
    # a method, the type of object that it is tried on, and how
    "get_object": ("experiment", lambda b, i, w: b.get_object(i)),
    "get_version": ("model", lambda b, i, w: b.get_version(i)),
    "list_versions": ("model", lambda b, i, w: b.list_versions(i)),
    "lineage": ("version", lambda b, i, w: b.lineage(i)),
    "metadata": ("experiment", lambda b, i, w: b.metadata(i)),
    "read_metrics": ("experiment", lambda b, i, w: b.read_metrics(i)),
    "last_batch": ("experiment", lambda b, i, w: b.last_batch(i, "w")),
    "events": ("experiment", lambda b, i, w: b.events(i)),
    "list_artifacts": ("experiment", lambda b, i, w: b.list_artifacts(i)),
    "find_artifact": ("experiment", lambda b, i, w: b.find_artifact(i, "data")),
    "stored_file": ("artifact", lambda b, i, w: b.stored_file(i, blob_of(w))),
}
WRITES_OBJECT: dict[str, tuple[str, Use]] = {
    "finish_experiment": ("experiment", lambda b, i, w: b.finish_experiment(i, status="failed")),
    "rewind": ("experiment", lambda b, i, w: b.rewind(i, step=1, at_us=1)),
    "create_version": ("model", lambda b, i, w: b.create_version(i, version="2")),
    "move_tag": ("model", lambda b, i, w: b.move_tag(i, "prod", version_id=w.ids["theirs version"])),
    "remove_tag": ("model", lambda b, i, w: b.remove_tag(i, "prod")),
    "set_labels": ("model", lambda b, i, w: b.set_labels(i, {"a": "b"})),
    "update_metadata": ("experiment", lambda b, i, w: b.update_metadata(i, {"a": 1})),
    "put_artifact": ("experiment", lambda b, i, w: b.put_artifact(i, "new", source())),
    "track_artifact": ("experiment", lambda b, i, w: b.track_artifact(i, "new", uri="s3://b/k", checksum=None)),
    "track_files": (
        "experiment",
        lambda b, i, w: b.track_files(i, "new", [TrackedFile(path="a", uri="s3://b/k", checksum="")]),
    ),
    "missing_content": ("experiment", lambda b, i, w: b.missing_content(i, "new", new_files())),
    "receive_content": ("experiment", lambda b, i, w: received(b, i)),
    "store_contents": ("experiment", lambda b, i, w: b.store_contents(i, {DIGEST: CONTENT})),
    "commit_artifact": ("experiment", lambda b, i, w: b.commit_artifact(i, "new", new_files())),
    "delete": ("experiment", lambda b, i, w: b.delete(i)),
}
READS_NAMESPACE: dict[str, Use] = {
    "find_model": lambda b, ns, w: b.find_model(name="net", namespace=ns),
    "list_experiments": lambda b, ns, w: b.list_experiments(namespace=ns),
    "list_models": lambda b, ns, w: b.list_models(namespace=ns),
    "changes": lambda b, ns, w: b.changes(since=0, namespace=ns),
}
WRITES_NAMESPACE: dict[str, Use] = {
    "create_experiment": lambda b, ns, w: b.create_experiment(name="new", namespace=ns, owner="o"),
    "create_model": lambda b, ns, w: b.create_model(name="new", namespace=ns, owner="o"),
}
APPENDS: dict[str, Use] = {
    "append_metrics": lambda b, i, w: b.append_metrics(batches(i, w.uids.get(i, ""))),
    "append_events": lambda b, i, w: b.append_events("w", events(i, w.uids.get(i, ""))),
}
WHOLE: dict[str, tuple[bool, Callable[[ServedBackend], Any]]] = {
    # whether it changes something, and how to do it
    "sql": (False, lambda b: b.sql("select 1")),
    "collect_garbage": (True, lambda b: b.collect_garbage()),
}
TESTED_APART = {"finish_direct_upload": "test_direct_uploads", "once": "test_requests_of_two_callers_are_two"}
FOR_EVERYBODY = {
    # who has a record of a file was given it with an artifact; writers have random names; the rest tells nothing of any object
    "close",
    "description",
    "download_url",
    "last_event",
    "last_seq",
    "open_file",
    "spool",
    "store_id",
    "wait_for_changes",
}


def test_every_method_is_tested() -> None:
    tested = {*READS_OBJECT, *WRITES_OBJECT, *READS_NAMESPACE, *WRITES_NAMESPACE, *APPENDS, *WHOLE, *TESTED_APART, *FOR_EVERYBODY}
    assert tested == ServedBackend.__abstractmethods__
    assert all(name in globals() for name in TESTED_APART.values())


def test_every_method_is_answered_by_the_class_itself() -> None:
    inherited = {"follow", "forget_after_fork"}  # the one asks the others, the other concerns clients
    public = {name for name in dir(ServedBackend) if not name.startswith("_")}
    assert public - inherited <= set(vars(AuthorisedBackend))


def told(error: ModelBoxError, id: str) -> tuple[type, str]:
    return type(error), str(error).replace(id, "ID")


def failure(use: Use, backend: ServedBackend, id: str, world: World) -> tuple[type, str]:
    with pytest.raises(ModelBoxError) as caught:
        use(backend, id, world)
    return told(caught.value, id)


@pytest.mark.parametrize("method", [*READS_OBJECT, *WRITES_OBJECT])
def test_an_object_that_a_caller_may_not_read_is_not_there(world: World, method: str) -> None:
    kind, use = {**READS_OBJECT, **WRITES_OBJECT}[method]
    hidden = failure(use, world.as_(STRANGER), world.ids[f"theirs {kind}"], world)
    assert hidden == failure(use, world.as_(STRANGER), MISSING, world)
    assert hidden == failure(use, world.store, MISSING, world)
    assert hidden[0] is NotFoundError


@pytest.mark.parametrize("method", READS_OBJECT)
def test_an_object_that_a_caller_may_read(world: World, method: str) -> None:
    kind, use = READS_OBJECT[method]
    id = world.ids[f"theirs {kind}"]
    for grant in (READER, WRITER, AUDITOR, OWNER):
        assert use(world.as_(grant), id, world) == use(world.store, id, world)


@pytest.mark.parametrize("method", WRITES_OBJECT)
def test_an_object_that_a_caller_may_not_change(world: World, method: str) -> None:
    kind, use = WRITES_OBJECT[method]
    before = world.store.last_seq()
    for grant in (READER, AUDITOR):
        kind_of_error, message = failure(use, world.as_(grant), world.ids[f"theirs {kind}"], world)
        assert kind_of_error is PermissionDeniedError
        assert "'theirs'" in message
    assert world.store.last_seq() == before


@pytest.mark.parametrize("method", WRITES_OBJECT)
@pytest.mark.parametrize("grant", [WRITER, OWNER], ids=lambda grant: grant.name)
def test_an_object_that_a_caller_may_change(world: World, method: str, grant: Grant) -> None:
    kind, use = WRITES_OBJECT[method]
    use(world.as_(grant), world.ids[f"theirs {kind}"], world)


@pytest.mark.parametrize("method", [*READS_NAMESPACE, *WRITES_NAMESPACE])
def test_a_namespace_that_a_caller_has_no_rights_on(world: World, method: str) -> None:
    use = {**READS_NAMESPACE, **WRITES_NAMESPACE}[method]
    kind, message = failure(use, world.as_(STRANGER), "theirs", world)
    assert kind is PermissionDeniedError
    # It is the same whether there is such a namespace or not.
    assert (kind, message) == failure(use, world.as_(STRANGER), "nowhere", world)


@pytest.mark.parametrize("method", READS_NAMESPACE)
def test_a_namespace_that_a_caller_may_read(world: World, method: str) -> None:
    for grant in (READER, WRITER, AUDITOR, OWNER):
        assert READS_NAMESPACE[method](world.as_(grant), "theirs", world) == READS_NAMESPACE[method](world.store, "theirs", world)


@pytest.mark.parametrize("method", WRITES_NAMESPACE)
def test_a_namespace_that_a_caller_may_change(world: World, method: str) -> None:
    use = WRITES_NAMESPACE[method]
    for grant in (READER, AUDITOR):
        assert failure(use, world.as_(grant), "theirs", world)[0] is PermissionDeniedError
    assert use(world.as_(WRITER), "theirs", world)[1] is False
    assert use(world.as_(OWNER), "theirs", world)[1] is True


@pytest.mark.parametrize("method", APPENDS)
def test_what_is_logged(world: World, method: str) -> None:
    use, id = APPENDS[method], world.ids["theirs experiment"]
    for grant in (READER, AUDITOR):
        assert failure(use, world.as_(grant), id, world)[0] is PermissionDeniedError
    for nothing in (id, MISSING):
        use(world.as_(STRANGER), nothing, world)
    assert world.store.read_metrics(id).num_rows == len(world.store.events(id)) == 0
    use(world.as_(WRITER), id, world)
    assert world.store.read_metrics(id).num_rows + len(world.store.events(id)) == 1


@pytest.mark.parametrize("method", WHOLE)
def test_what_concerns_the_whole_store(world: World, method: str) -> None:
    changes, use = WHOLE[method]
    for grant in (READER, WRITER, STRANGER, *([AUDITOR] if changes else [])):
        with pytest.raises(PermissionDeniedError):
            use(world.as_(grant))
    for grant in (OWNER, *([] if changes else [AUDITOR])):
        use(world.as_(grant))


@pytest.mark.parametrize("quarantine", [False, True])
def test_examining_the_store(world: World, quarantine: bool) -> None:
    for grant in (WRITER, *([AUDITOR] if quarantine else [])):
        with pytest.raises(PermissionDeniedError):
            world.as_(grant).check(quarantine=quarantine)
    assert world.as_(OWNER).check(quarantine=quarantine) == []


def test_an_object_for_what_goes_past_the_backend(world: World) -> None:
    id = world.ids["theirs experiment"]
    for grant, error in ((STRANGER, NotFoundError), (READER, PermissionDeniedError)):
        with pytest.raises(error):
            world.as_(grant).writable_object(id)
    assert world.as_(WRITER).writable_object(id).id == id


def test_direct_uploads(world: World) -> None:
    for grant, error in ((STRANGER, NotFoundError), (READER, PermissionDeniedError)):
        with pytest.raises(error):
            world.as_(grant).finish_direct_upload(world.ids["theirs experiment"], DIGEST, 7, "upload", ["etag"])


# -- lists over namespaces


def test_lists_of_all_namespaces_hold_what_the_caller_may_read(world: World) -> None:
    for name in ("a", "b", "c"):
        for namespace in ("theirs", "mine", "other"):
            world.store.create_experiment(name=name, namespace=namespace, owner="o")
            world.store.create_model(name=name, namespace=namespace, owner="o")
    for method in ("list_experiments", "list_models"):
        everything = getattr(world.store, method)(namespace=None)
        for grant in (READER, WRITER, STRANGER, AUDITOR):
            visible = [record for record in everything if grant.may_read(record.namespace)]
            read = getattr(world.as_(grant), method)
            assert read(namespace=None) == visible
            assert read(namespace=None, limit=3) == visible[:3]


def test_changes_of_all_namespaces_are_those_that_the_caller_may_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelbox.server.authorised._PAGE", 2)
    everything = world.store.changes(since=0)
    for grant in (READER, WRITER, STRANGER, AUDITOR):
        visible = [change for change in everything if grant.may_read(change.namespace)]
        backend = world.as_(grant)
        assert backend.changes(since=0) == visible
        assert backend.changes(since=visible[0].seq, limit=2) == visible[1:3]
        assert backend.changes(since=0, limit=0) == []
        feed = backend.follow(since=0, namespace=None)
        assert feed.read(0) == visible
        feed.close()


def test_bad_arguments_are_refused_as_ever(world: World) -> None:
    for backend in (world.store, world.as_(STRANGER)):
        with pytest.raises(TypeError):
            backend.changes(since="1")  # type: ignore[arg-type]
        with pytest.raises(ModelBoxError, match="limit"):
            backend.changes(since=0, limit=-1)
        with pytest.raises(ModelBoxError, match="namespace"):
            backend.list_models(namespace="")


# -- references from one namespace into another


def test_nothing_can_be_made_of_what_the_caller_may_not_read(world: World) -> None:
    stranger, model = world.as_(STRANGER), world.ids["mine model"]
    for id in (world.ids["theirs experiment"], MISSING):
        with pytest.raises(NotFoundError, match="there is no experiment with the id"):
            stranger.create_version(model, version="2", experiment_id=id)
        with pytest.raises(NotFoundError, match="there is no experiment with the id"):
            stranger.create_experiment(name="child", namespace="mine", owner="o", parent_id=id)
        with pytest.raises(NotFoundError, match="there is no experiment with the id"):
            stranger.list_experiments(namespace=None, parent_id=id)
    for id in (world.ids["theirs artifact"], MISSING):
        with pytest.raises(NotFoundError, match="there is no artifact with the id"):
            stranger.create_version(model, version="2", dataset_ids=[id])
    for id in (world.ids["theirs version"], MISSING):
        with pytest.raises(NotFoundError, match="there is no model version with the id"):
            stranger.move_tag(model, "prod", version_id=id)


def test_lineage_ends_where_the_rights_end(world: World) -> None:
    theirs, mine = world.ids["theirs experiment"], world.ids["mine model"]
    across, _ = world.store.create_version(
        mine, version="2", experiment_id=theirs, dataset_ids=[world.ids["theirs artifact"], world.ids["mine artifact"]]
    )
    found = world.as_(STRANGER).lineage(across.id)
    assert (found.experiments, [record.id for record in found.datasets], found.artifacts) == ((), [world.ids["mine artifact"]], ())
    assert [version.namespace for version in world.as_(READER).lineage(theirs).versions] == ["theirs"]
    assert world.as_(WRITER).lineage(across.id) == world.store.lineage(across.id)


# -- once


def test_a_deletion_that_comes_twice_is_answered_twice(world: World) -> None:
    for _ in range(2):
        with world.as_(WRITER).once("r"):
            world.as_(WRITER).delete(world.ids["theirs experiment"])
    with pytest.raises(NotFoundError):
        world.as_(WRITER).delete(world.ids["theirs experiment"])


def test_requests_of_two_callers_are_two(world: World) -> None:
    for grant in (WRITER, OWNER):
        with world.as_(grant).once("r"):
            record = world.as_(grant).create_experiment(name=grant.name, namespace="mine", owner="o")[0]
        assert record.name == grant.name


def test_an_object_is_found_by_its_type_only(world: World) -> None:
    with pytest.raises(NotFoundError, match="there is no model with the id"):
        world.as_(WRITER).get_object(world.ids["theirs experiment"], ObjectType.MODEL)


def test_closing_it_leaves_the_backend_to_the_others(world: World) -> None:
    world.as_(WRITER).close()
    assert world.store.last_seq() > 0
