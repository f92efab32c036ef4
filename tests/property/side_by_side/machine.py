"""The machine: all rules, reopening, dying processes, and the comparison of everything."""

from __future__ import annotations

import itertools
import os
import traceback
import warnings

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from modelbox import ModelBoxClient
from side_by_side.core import PICK, SLOTS, Handle
from side_by_side.logged import LoggingRules, moment
from side_by_side.objects import ObjectRules
from side_by_side.opening import Factory
from side_by_side.reference import Occurrence, Thing


class StoreMachine(ObjectRules, LoggingRules):
    """Everything that can be done to a store."""

    @initialize()
    def begin(self) -> None:
        """Have one object of each kind, so that no rule is idle."""
        self.create_experiment(0, "a", "default", "o", "", {"lr": 0.1}, None)
        self.create_model(1, "a", "default", "o", {}, {})
        self.create_version(0, "1", "", 0, [], ["prod"], {}, {})
        self.upload(0, "ckpt", {"f": b"hello"})

    @rule(slot=SLOTS)
    def close_and_open(self, slot: int) -> None:
        self.reopen(slot)

    @rule(slot=SLOTS)
    def compare_everything(self, slot: int) -> None:
        self.verify(self.client(slot))

    @rule(number=PICK, points=st.integers(0, 60), events=st.integers(0, 2), commits=st.integers(0, 2), exits=st.booleans())
    def a_child_dies(self, number: int, points: int, events: int, commits: int, exits: bool) -> None:
        """A forked process goes on with a handle, and ends at once, without closing anything."""
        handle = self.pick(number)
        if handle is None or not self.reference.alive(handle.thing):
            return
        thing = handle.thing
        self.clients[handle.slot].flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the process is multi-threaded
            child = os.fork()
        if child == 0:
            self._live_and_die(handle, points, events, commits, exits)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == (0 if exits else -9)
        for i in range(points):
            self.reference.log_points(thing, self.points({"child": float(i)}, i, None))
        for i in range(commits):
            self.reference.update_metadata(thing.id, {"child": i})
        for i in range(events):
            self.reference.log_event(thing, Occurrence("child", "", {"n": i}, i))
        client = self.clients[handle.slot]
        self.soon(lambda: self.compare_feed(client, 1000) and None)

    @staticmethod
    def _live_and_die(handle: Handle, points: int, events: int, commits: int, exits: bool) -> None:
        try:
            for i in range(points):
                handle.real.log_metrics({"child": float(i)}, step=i)
            for i in range(commits):
                handle.real.update_metadata({"child": i})
            for i in range(events):
                handle.real.log_event("child", metadata={"n": i}, wallclock=moment(i))
            if not exits:
                os.kill(os.getpid(), 9)
        except BaseException:  # noqa: BLE001 - a child must not go on as another Hypothesis
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    # -- everything

    def verify(self, client: ModelBoxClient) -> None:
        reference = self.reference
        changes = self.compare_feed(client, 17)
        assert [e.id for e in client.list_experiments("*")] == self.ids(reference.newest("experiment", None, None))
        assert [m.id for m in client.list_models("*")] == self.ids(reference.newest("model", None, None))
        for thing in reference.things.values():
            real = self.fetch(client, thing)
            assert real.created_at == changes[thing.created_seq - 1].at
            assert real.updated_at == changes[thing.updated_seq - 1].at
            assert (real.id, real.name, real.namespace) == (self.real_ids[thing.id], thing.name, thing.namespace)
            assert real.metadata() == thing.metadata
            assert list(real.metadata()) == sorted(thing.metadata)
            handle = Handle(-1, thing, real)
            self.compare_metrics(handle, [], None, None)
            self.compare_events(handle)
            if thing.kind == "artifact":
                self.compare_files(handle)
            else:
                assert [a.id for a in real.artifacts()] == self.ids(reference.artifacts(thing.id))
                self.compare_below(thing, real)

    def compare_below(self, thing: Thing, real: object) -> None:
        """What only one type of object has."""
        reference = self.reference
        if thing.kind == "experiment":
            shown = (real.status, real.owner, real.framework, real.parent_id)  # type: ignore[attr-defined]
            parent = self.real_ids[thing.parent.id] if thing.parent else None
            assert shown == (thing.status, thing.owner, thing.framework, parent)
            assert [c.id for c in real.children()] == self.ids(reference.children(thing.id))  # type: ignore[attr-defined]
            versions = real.lineage().versions  # type: ignore[attr-defined]
            assert [v.id for v in versions] == self.ids(reference.experiment_lineage(thing.id))
        elif thing.kind == "model":
            assert (real.labels, real.owner) == (thing.labels, thing.owner)  # type: ignore[attr-defined]
            found = real.list_versions()  # type: ignore[attr-defined]
            assert [v.id for v in found] == self.ids(reference.versions(thing.id))
            held = list(itertools.chain.from_iterable(v.unique_tags for v in found))
            assert sorted(held) == sorted(thing.tags)
            for tag, holder in thing.tags.items():
                assert real.get_version(tag=tag).id == self.real_ids[holder.id]  # type: ignore[attr-defined]
        else:
            shown = (real.labels, real.framework, real.unique_tags)  # type: ignore[attr-defined]
            assert shown == (thing.labels, thing.framework, reference.unique_tags(thing))
            lineage = real.lineage()  # type: ignore[attr-defined]
            behind = tuple([a.id for a in part] for part in (lineage.experiments, lineage.datasets, lineage.artifacts))
            assert behind == tuple(map(self.ids, reference.version_lineage(thing.id)))


def machine_for(factory: Factory) -> type[StoreMachine]:
    """The machine on the stores of a factory; another backend needs another factory, and nothing else."""
    return type("StoreMachine", (StoreMachine,), {"factory": staticmethod(factory)})
