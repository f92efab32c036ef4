"""Rules about experiments, models, versions, tags, labels and metadata, and about deleting them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from side_by_side.core import NAMESPACES, PICK, SLOTS, Core, either

NAMES = st.sampled_from(["a", "b", "ç/🚀"])
OWNERS = st.sampled_from(["o", "p"])
VERSIONS = st.sampled_from(["1", "2", "3", "1.0-β"])
TAGS = st.sampled_from(["prod", "canary"])
FRAMEWORK = st.sampled_from(["", "", "PyTorch", "jax", "SKLEARN", "cafe"])
LIMITS = st.none() | st.integers(0, 4)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
METADATA = st.dictionaries(st.sampled_from(["lr", "seed", "a.b/c", ""]), JSON, max_size=3)
LABELS = st.dictionaries(st.sampled_from(["team", "pii"]), st.sampled_from(["", "x", "y"]), max_size=2)
CHANGED_LABELS = st.dictionaries(st.sampled_from(["team", "pii"]), st.sampled_from(["", "x", None]), max_size=2)


class ObjectRules(Core):
    # -- creating

    @rule(
        slot=SLOTS, name=NAMES, namespace=NAMESPACES, owner=OWNERS, framework=FRAMEWORK, metadata=METADATA, parent=st.none() | PICK
    )
    def create_experiment(
        self, slot: int, name: str, namespace: str, owner: str, framework: str, metadata: dict[str, Any], parent: int | None
    ) -> None:
        above = None if parent is None else self.pick(parent, "experiment")
        client = self.client(slot)
        done = self.both(
            lambda: self.reference.create_experiment(name, namespace, owner, framework, metadata, above.id if above else None),
            lambda: client.create_experiment(
                name,
                namespace=namespace,
                owner=owner,
                framework=framework,
                metadata=metadata,
                parent=above.real if above else None,
            ),
        )
        if done:
            (thing, existed), real = done
            assert (real.exists, real.status) == (existed, "running")
            self.keep(slot, thing, real)

    @rule(slot=SLOTS, name=NAMES, namespace=NAMESPACES, owner=OWNERS, labels=LABELS, metadata=METADATA)
    def create_model(
        self, slot: int, name: str, namespace: str, owner: str, labels: dict[str, str], metadata: dict[str, Any]
    ) -> None:
        client = self.client(slot)
        thing, existed = self.reference.create_model(name, namespace, owner, labels, metadata)
        real = client.create_model(name, namespace=namespace, owner=owner, labels=labels, metadata=metadata)
        assert (real.exists, real.owner, real.labels) == (existed, thing.owner, thing.labels)
        self.keep(slot, thing, real)

    @rule(
        number=PICK,
        version=VERSIONS,
        framework=FRAMEWORK,
        experiment=st.none() | PICK,
        datasets=st.lists(PICK, max_size=2),
        tags=st.lists(TAGS, max_size=2, unique=True),
        labels=LABELS,
        metadata=METADATA,
    )
    def create_version(
        self,
        number: int,
        version: str,
        framework: str,
        experiment: int | None,
        datasets: list[int],
        tags: list[str],
        labels: dict[str, str],
        metadata: dict[str, Any],
    ) -> None:
        came_of = None if experiment is None else self.pick(experiment, "experiment")
        made_from = [found for found in (self.pick(dataset, "artifact") for dataset in datasets) if found]
        model = self.pick(number, "model")
        if model is None:
            return
        done = self.both(
            lambda: self.reference.create_version(
                model.id, version, framework, came_of.id if came_of else None, [d.id for d in made_from], tags, labels, metadata
            ),
            lambda: model.real.create_version(
                version,
                framework=framework,
                experiment=came_of.real if came_of else None,
                datasets=[dataset.real for dataset in made_from],
                unique_tags=tags,
                labels=labels,
                metadata=metadata,
            ),
        )
        if done:
            (thing, existed), real = done
            assert (real.exists, real.unique_tags) == (existed, self.reference.unique_tags(thing))
            self.keep(model.slot, thing, real)

    # -- changing

    @rule(number=PICK, status=st.sampled_from(["finished", "failed", "running"]))
    def finish(self, number: int, status: str) -> None:
        handle = self.pick(number, "experiment")
        if handle and self.both(lambda: self.reference.finish(handle.id, status), lambda: handle.real.finish(status)):
            assert handle.real.status == status

    @rule(number=PICK, metadata=METADATA, single=st.booleans())
    def update_metadata(self, number: int, metadata: dict[str, Any], single: bool) -> None:
        handle = self.pick(number)
        if handle is None:
            return
        if single and len(metadata) == 1:
            arguments: tuple[Any, ...] = next(iter(metadata.items()))
        else:
            arguments = (metadata,)
        self.both(lambda: self.reference.update_metadata(handle.id, metadata), lambda: handle.real.update_metadata(*arguments))

    @rule(number=PICK, labels=CHANGED_LABELS)
    def set_labels(self, number: int, labels: dict[str, str | None]) -> None:
        handle = self.pick(number, "model", "model_version")
        if handle and self.both(lambda: self.reference.set_labels(handle.id, labels), lambda: handle.real.set_labels(labels)):
            assert handle.real.labels == self.reference.get(handle.id).labels

    @rule(model=PICK, version=PICK, tag=TAGS, if_held_by=st.none() | VERSIONS, own=st.integers(0, 5))
    def move_tag(self, model: int, version: int, tag: str, if_held_by: str | None, own: int) -> None:
        to = self.pick(version, "model_version")
        of = self.pick(model, "model")
        if to is None or of is None:
            return
        if own:  # seldom a version of another model
            versions = [h for h in self.handles if h.thing.kind == "model_version" and h.id[1] == of.id]
            to = versions[version % len(versions)] if versions else to
            self.client(of.slot)
        if self.both(
            lambda: self.reference.move_tag(of.id, tag, to.id, if_held_by),
            lambda: of.real.move_tag(tag, to=to.real, if_held_by=if_held_by),
        ):
            assert tag in to.real.unique_tags
            assert of.real.get_version(tag=tag).id == to.real.id

    @rule(number=PICK, tag=TAGS)
    def remove_tag(self, number: int, tag: str) -> None:
        handle = self.pick(number, "model")
        if handle:
            self.both(lambda: self.reference.remove_tag(handle.id, tag), lambda: handle.real.remove_tag(tag))

    # -- listing

    @rule(slot=SLOTS, namespace=st.none() | NAMESPACES, limit=LIMITS)
    def list_objects(self, slot: int, namespace: str | None, limit: int | None) -> None:
        client = self.client(slot)
        experiments = client.list_experiments(either(namespace), limit=limit)
        assert [e.id for e in experiments] == self.ids(self.reference.newest("experiment", namespace, limit))
        models = client.list_models(either(namespace), limit=limit)
        assert [m.id for m in models] == self.ids(self.reference.newest("model", namespace, limit))

    @rule(number=PICK)
    def list_below(self, number: int) -> None:
        handle = self.pick(number, "experiment", "model")
        if handle is None:
            return
        if handle.thing.kind == "experiment":
            found = self.both(lambda: self.reference.children(handle.id), handle.real.children)
        else:
            found = self.both(lambda: self.reference.versions(handle.id), handle.real.list_versions)
        if found:
            assert [real.id for real in found[1]] == self.ids(found[0])

    # -- deleting

    @rule(number=PICK, force=st.booleans(), really=st.integers(0, 2))
    def delete(self, number: int, force: bool, really: int) -> None:
        handle = self.pick(number)
        if handle is None or really:
            return
        client, thing = self.clients[handle.slot], handle.thing
        if thing.kind == "experiment":
            self.both(
                lambda: self.reference.delete(thing.id, "experiment", force=True), lambda: client.delete_experiment(handle.real.id)
            )
        elif thing.kind == "model":
            self.both(
                lambda: self.reference.delete(thing.id, "model", force=force),
                lambda: client.delete_model(handle.real.id, force=force),
            )
        elif thing.kind == "artifact":
            self.both(lambda: self.reference.delete(thing.id, force=True), handle.real.delete)
        elif thing.id[1] in self.reference.things and thing.id in self.reference.things:
            model = client.get_model(self.real_ids[thing.id[1]])
            self.both(lambda: self.reference.delete(thing.id, force=force), lambda: model.delete_version(thing.id[2], force=force))
