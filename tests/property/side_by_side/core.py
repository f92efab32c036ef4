"""What all rules of the machine share: clients, handles, and comparing a real call with the reference."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from modelbox import ModelBoxClient
from side_by_side.opening import Factory, OpenClient
from side_by_side.reference import Id, RefusedError, Store, Thing

T = TypeVar("T")
R = TypeVar("R")

SLOTS = st.integers(0, 1)
PICK = st.integers(0, 63)
NAMESPACES = st.sampled_from(["default", "other"])
VISIBLE_S = 2.0


def either(namespace: str | None) -> str:
    """The namespace to name to a client so that it means the same; the client's own is ``default``."""
    return "*" if namespace is None else namespace


@dataclass(eq=False)
class Handle:
    """A real object, got through one of the clients, and the life that it was got of."""

    slot: int
    thing: Thing
    real: Any

    @property
    def id(self) -> Id:
        return self.thing.id


class Core(RuleBasedStateMachine):
    """Two clients on one store, and the reference.

    One client acts at a time: before the other does, what this one logged is flushed, so that the order of the feed is known.
    """

    factory: ClassVar[Factory]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.open: OpenClient = self.stack.enter_context(type(self).factory())
        self.clients: list[ModelBoxClient] = [self.open(), self.open()]
        self.acting = 0
        self.reference = Store()
        self.handles: list[Handle] = []
        self.real_ids: dict[Id, str] = {}

    # -- clients and handles

    def client(self, slot: int) -> ModelBoxClient:
        """The client of a slot, as the one that acts now."""
        if slot != self.acting:
            self.clients[self.acting].flush()
            self.acting = slot
        return self.clients[slot]

    def pick(self, number: int, *kinds: str) -> Handle | None:
        """Some handle of one of these kinds, of whose client it is the turn then; a handle may be of a deleted object."""
        found = [handle for handle in self.handles if not kinds or handle.thing.kind in kinds]
        if not found:
            return None
        handle = found[number % len(found)]
        self.client(handle.slot)
        return handle

    def keep(self, slot: int, thing: Thing, real: Any) -> Handle:
        """Remember a handle, in place of others of the same life by the same client."""
        if thing.id in self.real_ids:
            assert self.real_ids[thing.id] == real.id, f"the id of {thing.id} has changed"
        else:
            assert real.id not in self.real_ids.values(), f"{thing.id} has the id of another object"
            self.real_ids[thing.id] = real.id
        handle = Handle(slot, thing, real)
        self.handles = [other for other in self.handles if (other.slot, other.thing) != (slot, thing)] + [handle]
        return handle

    def fetch(self, client: ModelBoxClient, thing: Thing) -> Any:
        """A fresh handle of what is alive."""
        kind = thing.kind
        if kind == "experiment":
            return client.get_experiment(self.real_ids[thing.id])
        if kind == "model":
            return client.get_model(thing.name, namespace=thing.namespace)
        above = self.fetch(client, self.reference.things[thing.id[1]])
        return above.get_version(thing.id[2]) if kind == "model_version" else above.artifact(thing.id[2])

    def reopen(self, slot: int) -> None:
        """Close the client of a slot, and open another."""
        self.client(slot).close()
        self.clients[slot] = self.open()
        self.renew_handles(slot)

    def renew_handles(self, slot: int) -> None:
        """Get the handles of a slot anew; those of what is deleted are forgotten."""
        kept = []
        for handle in self.handles:
            if handle.slot != slot:
                kept.append(handle)
            elif self.reference.alive(handle.thing):
                kept.append(Handle(slot, handle.thing, self.fetch(self.clients[slot], handle.thing)))
        self.handles = kept

    # -- comparing

    def both(self, wanted: Callable[[], R], real: Callable[[], T]) -> tuple[R, T] | None:
        """What the reference and the store say to the same call; None when both refuse it in the same way."""
        try:
            expected = wanted()
        except RefusedError as error:
            refusal = error
        else:
            return expected, real()
        with pytest.raises(refusal.error) as caught:
            real()
        assert caught.type is refusal.error
        for word in refusal.words:
            assert word in str(caught.value), f"{word!r} is not in the message {str(caught.value)!r}"
        return None

    def ids(self, things: list[Thing]) -> list[str]:
        return [self.real_ids[thing.id] for thing in things]

    def soon(self, check: Callable[[], None]) -> None:
        """Something that has to hold within the time that the contract gives to other processes."""
        deadline = time.monotonic() + VISIBLE_S
        while True:
            try:
                return check()
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.02)

    def verify(self, client: ModelBoxClient) -> None:
        """Compare everything that can be read."""
        raise NotImplementedError

    def teardown(self) -> None:
        failed = sys.exc_info()[0] is not None
        try:
            if not failed:
                self.verify(self.client(0))
                self.verify(self.client(1))
                for client in self.clients:
                    client.close()
                with self.open() as last:
                    self.verify(last)
        finally:
            for client in self.clients:
                with contextlib.suppress(Exception):
                    client.close(5.0)
            self.stack.close()
            if failed:
                note(f"{len(self.reference.feed)} changes, {len(self.reference.things)} objects alive")
