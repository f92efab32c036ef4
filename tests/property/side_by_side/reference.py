"""What a store does, in dictionaries and lists: written from the contract alone, to be obviously right.

An identity is a tuple, such as ``("experiment", namespace, name, owner)``; a :class:`Thing` is one life of what has that identity.
Everything is at once and in order: there is no journal, no client and no file here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from modelbox import (
    AlreadyExistsError,
    ConflictError,
    InvalidArgumentError,
    NotFoundError,
)

Id: TypeAlias = tuple[Any, ...]
FRAMEWORKS = {"": "", "PyTorch": "pytorch", "jax": "jax", "SKLEARN": "sklearn"}


class RefusedError(Exception):
    """The real store must raise this class of error, with these words in its message."""

    def __init__(self, error: type[Exception], *words: str) -> None:
        super().__init__(error.__name__, *words)
        self.error = error
        self.words = words


class Point(NamedTuple):
    """A value that was logged; ``wallclock_us`` is None when the store chose it."""

    key: str
    step: int
    value: float | str | bytes
    wallclock_us: int | None


class Occurrence(NamedTuple):
    """An event; one without a wallclock of its own came after all those that have one."""

    name: str
    source: str
    metadata: dict[str, Any]
    wallclock_us: int | None


class Entry(NamedTuple):
    """A change of the feed; ``about`` must be part of the payload of the real one."""

    action: str
    id: Id
    namespace: str
    about: dict[str, Any]


@dataclass(eq=False)
class Thing:
    """One life of an experiment, a model, a version or an artifact."""

    id: Id
    namespace: str
    name: str
    owner: str = ""
    framework: str = ""
    status: str = "running"
    parent: Thing | None = None
    experiment: Thing | None = None
    datasets: tuple[Thing, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    tags: dict[str, Thing] = field(default_factory=dict)
    files: dict[str, bytes | tuple[str, str]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    events: list[Occurrence] = field(default_factory=list)
    created_seq: int = 0
    updated_seq: int = 0

    @property
    def kind(self) -> str:
        return str(self.id[0])


class Store:
    """A store.

    Attributes:
        things: What is alive, oldest first.
        feed: All changes; the seq of one is its position, from 1.
        content: What was uploaded and has not been collected.
    """

    def __init__(self) -> None:
        self.things: dict[Id, Thing] = {}
        self.feed: list[Entry] = []
        self.content: set[bytes] = set()

    # -- looking

    def get(self, id: Id, *kinds: str) -> Thing:
        thing = self.things.get(id)
        if thing is None or (kinds and thing.kind not in kinds):
            wanted = " or ".join(kind.replace("_", " ") for kind in kinds) or "object"
            raise RefusedError(NotFoundError, f"there is no {wanted} with the id")
        return thing

    def alive(self, thing: Thing | None) -> bool:
        return thing is not None and self.things.get(thing.id) is thing

    def all(self, kind: str, namespace: str | None = None) -> list[Thing]:
        """Those of a kind, oldest first."""
        return [t for t in self.things.values() if t.kind == kind and namespace in (None, t.namespace)]

    def newest(self, kind: str, namespace: str | None, limit: int | None) -> list[Thing]:
        return self.all(kind, namespace)[::-1][:limit]

    def children(self, id: Id) -> list[Thing]:
        parent = self.get(id, "experiment")
        return [t for t in self.all("experiment") if t.parent is parent][::-1]

    def versions(self, id: Id) -> list[Thing]:
        model = self.get(id, "model")
        return [t for t in self.all("model_version") if t.id[1] == model.id]

    def artifacts(self, id: Id) -> list[Thing]:
        self.get(id)
        return [t for t in self.all("artifact") if t.id[1] == id]

    def unique_tags(self, version: Thing) -> list[str]:
        model = self.things[version.id[1]]
        return sorted(tag for tag, holder in model.tags.items() if holder is version)

    def version_lineage(self, id: Id) -> tuple[list[Thing], list[Thing], list[Thing]]:
        """Experiments, datasets and artifacts behind a version."""
        version = self.get(id, "experiment", "model_version")
        experiments = [version.experiment] if version.experiment is not None and self.alive(version.experiment) else []
        datasets = [thing for thing in version.datasets if self.alive(thing)]
        return experiments, datasets, [a for owner in [version, *experiments] for a in self.artifacts(owner.id)]

    def experiment_lineage(self, id: Id) -> list[Thing]:
        experiment = self.get(id, "experiment", "model_version")
        return [t for t in self.all("model_version") if t.experiment is experiment]

    # -- creating

    def create_experiment(
        self, name: str, namespace: str, owner: str, framework: str, metadata: dict[str, Any], parent: Id | None
    ) -> tuple[Thing, bool]:
        id = ("experiment", namespace, name, owner)
        kind = self._framework(framework)
        if parent == id:
            raise RefusedError(InvalidArgumentError, repr(name), "own parent")
        thing = self.things.get(id)
        if thing is not None:
            if thing.status != "running":
                thing.status = "running"
                self._changed("updated", thing, {"status": "running"})
            return thing, True
        above = None if parent is None else self.get(parent, "experiment")
        thing = Thing(id, namespace, name, owner=owner, framework=kind, parent=above, metadata=dict(metadata))
        return self._create(thing), False

    def create_model(
        self, name: str, namespace: str, owner: str, labels: dict[str, str], metadata: dict[str, Any]
    ) -> tuple[Thing, bool]:
        id = ("model", namespace, name)
        thing = self.things.get(id)
        if thing is not None:
            return thing, True
        return self._create(Thing(id, namespace, name, owner=owner, labels=dict(labels), metadata=dict(metadata))), False

    def create_version(
        self,
        model_id: Id,
        version: str,
        framework: str,
        experiment: Id | None,
        datasets: list[Id],
        tags: list[str],
        labels: dict[str, str],
        metadata: dict[str, Any],
    ) -> tuple[Thing, bool]:
        kind = self._framework(framework)
        model = self.get(model_id, "model")
        id = ("model_version", model_id, version)
        thing = self.things.get(id)
        if thing is not None:
            return thing, True
        for tag in tags:
            if tag in model.tags:
                raise RefusedError(AlreadyExistsError, repr(tag), repr(model.name), f"held by version {model.tags[tag].id[2]!r}")
        came_of = None if experiment is None else self.get(experiment, "experiment")
        made_from = tuple(self.get(dataset, "artifact") for dataset in datasets)
        thing = Thing(id, model.namespace, model.name, framework=kind, experiment=came_of, datasets=made_from)
        thing.labels, thing.metadata = dict(labels), dict(metadata)
        model.tags.update(dict.fromkeys(tags, thing))
        return self._create(thing), False

    # -- changing

    def finish(self, id: Id, status: str) -> None:
        thing = self.get(id, "experiment")
        if thing.status != status:
            thing.status = status
            self._changed("updated", thing, {"status": status})

    def rewind(self, id: Id, step: int) -> None:
        thing = self.get(id)
        thing.points = [point for point in thing.points if point.step <= step]
        self._changed("updated", thing, {"rewind": {"step": step}})

    def update_metadata(self, id: Id, metadata: dict[str, Any]) -> None:
        thing = self.get(id)
        if metadata:
            thing.metadata.update(metadata)
            self._changed("updated", thing, {"metadata": metadata})

    def set_labels(self, id: Id, labels: dict[str, str | None]) -> None:
        thing = self.get(id, "model", "model_version")
        merged = {key: value for key, value in {**thing.labels, **labels}.items() if value is not None}
        if merged != thing.labels:
            thing.labels = merged
            self._changed("updated", thing, {"labels": merged})

    def move_tag(self, model_id: Id, tag: str, to: Id, if_held_by: str | None) -> None:
        model = self.get(model_id, "model")
        target = self.get(to, "model_version")
        if target.id[1] != model_id:
            raise RefusedError(InvalidArgumentError, repr(tag), "of another model")
        holder = model.tags.get(tag)
        held_by = holder.id[2] if holder else None
        if if_held_by is not None and held_by != if_held_by:
            now = f"version {held_by!r} holds it" if holder else "no version holds it"
            raise RefusedError(ConflictError, repr(tag), f"not held by version {if_held_by!r}", now)
        if holder is not target:
            model.tags[tag] = target
            self._changed("updated", target, {"tag": {"name": tag, "from": held_by, "to": target.id[2]}})

    def remove_tag(self, model_id: Id, tag: str) -> None:
        model = self.get(model_id, "model")
        holder = model.tags.pop(tag, None)
        if holder is None:
            raise RefusedError(NotFoundError, f"no version of model {model.name!r} holds the tag {tag!r}")
        self._changed("updated", holder, {"tag": {"name": tag, "from": holder.id[2], "to": None}})

    # -- logging; never refused for the state of the store

    def log_points(self, thing: Thing, points: list[Point]) -> None:
        thing.points += points

    def log_event(self, thing: Thing, event: Occurrence) -> None:
        if self.alive(thing):
            thing.events.append(event)
            about = {"name": event.name, "source": event.source, "metadata": event.metadata}
            self.feed.append(Entry("logged", thing.id, thing.namespace, about))

    # -- artifacts

    def put_files(self, holder_id: Id, name: str, files: dict[str, bytes | tuple[str, str]]) -> Thing:
        """Upload (bytes) or track (address and checksum)."""
        holder = self.get(holder_id, "experiment", "model", "model_version")
        self.content |= {data for data in files.values() if isinstance(data, bytes)}
        thing = self.things.get(("artifact", holder_id, name))
        merged = {**(thing.files if thing else {}), **files}
        for path in merged:
            if any(other.startswith(f"{path}/") for other in merged):
                raise RefusedError(InvalidArgumentError, repr(path), "both a file and a folder")
        if thing is None:
            return self._create(Thing(("artifact", holder_id, name), holder.namespace, name, files=merged))
        thing.files = merged
        self._changed("updated", thing, {})
        return thing

    def garbage(self) -> set[bytes]:
        """Content that nothing refers to."""
        return self.content - {data for thing in self.all("artifact") for data in thing.files.values() if isinstance(data, bytes)}

    # -- deleting

    def delete(self, id: Id, *kinds: str, force: bool) -> None:
        thing = self.get(id, *kinds)
        tags: list[str] = []
        if thing.kind == "model":
            tags = sorted(thing.tags)
        elif thing.kind == "model_version":
            tags = self.unique_tags(thing)
        if tags and not force:
            raise RefusedError(ConflictError, "holds the unique tags", ", ".join(map(repr, tags)), "force=True")
        if thing.kind == "model_version":
            for tag in tags:
                del self.things[thing.id[1]].tags[tag]
        self._bury(thing)
        self.feed.append(Entry("deleted", thing.id, thing.namespace, {"name": thing.name}))

    def _bury(self, thing: Thing) -> None:
        del self.things[thing.id]
        for other in list(self.things.values()):
            if other.kind in ("artifact", "model_version") and other.id[1] == thing.id and self.alive(other):
                self._bury(other)

    # -- the feed

    def _create(self, thing: Thing) -> Thing:
        self.things[thing.id] = thing
        self._changed("created", thing, {} if thing.kind == "artifact" else {"metadata": dict(thing.metadata)})
        thing.created_seq = thing.updated_seq
        return thing

    def _changed(self, action: str, thing: Thing, about: dict[str, Any]) -> None:
        self.feed.append(Entry(action, thing.id, thing.namespace, {"name": thing.name, **about}))
        thing.updated_seq = len(self.feed)

    @staticmethod
    def _framework(name: str) -> str:
        if name not in FRAMEWORKS:
            raise RefusedError(InvalidArgumentError, repr(name), "known are pytorch, keras")
        return FRAMEWORKS[name]
