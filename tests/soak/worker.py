"""A worker process: does random things to a store, and writes each into the ledger before and after."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import blake3
import pyarrow.compute
import pyarrow.parquet  # noqa: F401
from ledger import Pen

import modelbox

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "property")]

OWNER = "o"
SHARED = "shared"
MODEL = "m"
RACE_S = 0.25
SCALE = 1_000_000
"""Value of a point: life * SCALE + its number, so that every point that was ever logged is known by its value."""


def content_of(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


class Worker:
    """One life.

    Args:
        uri: The store.
        pen: The ledger.
        seed: Decides what is done, not when.
    """

    def __init__(self, uri: str, pen: Pen, seed: int) -> None:
        self.uri = uri
        self.pen = pen
        self.rng = random.Random(seed)
        self.points = 0
        self.stopping = False
        self.own_points = 0
        self.tentative: list[str] = []
        self.uploads: list[str] = []
        self.remote = uri.startswith("grpc://")
        self.all_delivered = True

    def open(self) -> None:
        self.client = modelbox.ModelBoxClient(self.uri, owner=OWNER)
        self.shared = self.insist(lambda: self.client.create_experiment(SHARED))
        self.model = self.insist(lambda: self.client.create_model(MODEL))
        if not hasattr(self, "own_name"):
            number = self.pen.begin("create")
            self.own_name = f"{self.pen.who}/{number}"
            self.own = self.insist(lambda: self.client.create_experiment(self.own_name))
            self.pen.done(number)
        else:
            self.own = self.insist(lambda: self.client.create_experiment(self.own_name))

    def run(self) -> None:
        self.open()
        self.versions = [self.add_version(), self.add_version()]
        kinds, weights = zip(*OPS.items(), strict=True)
        while not self.stopping:
            self.attempt(self.rng.choices(kinds, weights)[0])
        self.close()

    # -- servers that are away for a while

    def attempt(self, do: Callable[[Worker], Any]) -> None:
        """Do something that may, or may not, have happened when no server answered: the ledger has it as begun."""
        try:
            do(self)
        except modelbox.UnavailableError:
            if not self.remote:
                raise

    def insist(self, do: Callable[[], Any]) -> Any:
        """Do something that can be done again, until a server answers."""
        while True:
            try:
                return do()
            except modelbox.UnavailableError:
                if not self.remote or self.stopping:
                    raise

    def close(self) -> None:
        """What cannot be delivered is left to the next client."""
        try:
            self.client.close(self.rng.choice([1.0, 10.0]) if self.remote else 30.0)
        except modelbox.UnavailableError:
            if not self.remote:
                raise
            self.all_delivered = False

    # -- logging

    def log_points(self) -> None:
        count = self.rng.choice([1, 5, 50, 200])
        kind = self.rng.choice(["scalar", "scalar", "scalar", "text", "blob"])
        first = self.points
        number = self.pen.begin("points", first=first, count=count)
        for i in range(first, first + count):
            value = self.pen.who * SCALE + i
            self.shared.log_metrics({f"k{i % 3}": as_kind(value, kind)}, step=self.rng.randint(-5, 1000))
        self.points += count
        self.pen.done(number)

    def read_points(self) -> None:
        """What this process logged, it reads at once."""
        mine = own_values(self.shared, self.pen.who)
        is_whole = sorted(mine) == list(range(self.points))
        is_part = len(set(mine)) == len(mine) and set(mine) <= set(range(self.points))
        assert is_whole or (is_part and not self.all_delivered), (
            f"{len(mine)} of {self.points} own points are read: {missing(mine, self.points)}"
        )

    def log_events(self) -> None:
        count = self.rng.choice([1, 1, 3, 20])
        number = self.pen.begin("events", count=count)
        for i in range(count):
            self.shared.log_event(f"{self.pen.who}/{number}.{i}", metadata={"i": i})
        self.pen.done(number)

    def log_and_rewind(self) -> None:
        """A series of its own, whose visible points are known exactly."""
        count = self.rng.choice([3, 30])
        number = self.pen.begin("own", first=self.own_points, count=count)
        for i in range(self.own_points, self.own_points + count):
            self.own.log_metrics({"x": float(i)}, step=i % 40)
        self.own_points += count
        self.pen.done(number)
        if self.rng.random() < 0.5:
            step = self.rng.randint(0, 39)
            number = self.pen.begin("rewind", step=step)
            self.own.rewind(step)
            self.pen.done(number)

    def flush(self) -> None:
        self.client.flush()

    # -- commits

    def update_metadata(self) -> None:
        number = self.pen.begin("metadata")
        self.shared.update_metadata(f"w{self.pen.who}", f"{self.pen.who}/{number}")
        self.pen.done(number)

    def create(self) -> None:
        number = self.pen.begin("create")
        name = f"{self.pen.who}/{number}"
        made = self.client.create_experiment(name, metadata={"n": number})
        assert not made.exists, f"experiment {name} was there before"
        self.pen.done(number)
        self.tentative.append(made.id)
        made.log_metrics({"x": 1.0})

    def delete(self) -> None:
        if self.tentative:
            id = self.tentative.pop(self.rng.randrange(len(self.tentative)))
            number = self.pen.begin("delete", id=id)
            self.client.delete_experiment(id)
            self.pen.done(number)
            try:
                self.client.get_experiment(id)
            except modelbox.NotFoundError:
                return
            raise AssertionError(f"experiment {id} is deleted and still there")

    def add_version(self) -> Any:
        number = self.pen.begin("version")
        version = self.insist(lambda: self.model.create_version(f"{self.pen.who}/{number}"))
        self.pen.done(number)
        return version

    def race(self) -> None:
        """Everybody tries to create a version with the tag of this moment: one wins."""
        now = time.time()
        time.sleep(min(0.02, RACE_S - now % RACE_S))
        tag = f"race-{int(time.time() / RACE_S)}"
        number = self.pen.begin("race", tag=tag)
        try:
            self.model.create_version(f"{self.pen.who}/{number}", unique_tags=[tag])
        except modelbox.AlreadyExistsError:
            self.pen.done(number, won=False)
        else:
            self.pen.done(number, won=True)

    def move_tag(self) -> None:
        try:
            holder = self.model.get_version(tag="prod").version
        except modelbox.NotFoundError:
            holder = None
        to = next(version for version in self.versions if version.version != holder)
        number = self.pen.begin("move", to=to.version, if_held_by=holder)
        try:
            self.model.move_tag("prod", to=to, if_held_by=holder)
        except modelbox.ConflictError:
            self.pen.done(number, moved=False)
        else:
            self.pen.done(number, moved=True)

    # -- artifacts

    def upload(self) -> None:
        seed, size = self.rng.randint(0, 20), self.rng.choice([0, 10, 3000, 200_000, 3_000_000])
        data = content_of(seed, size)
        number = self.pen.begin("upload", seed=seed, size=size)
        name = f"{self.pen.who}/{number}"
        art = self.own.upload_artifact(name, io.BytesIO(data), progress=False)
        assert art.files[0].digest == f"blake3:{blake3.blake3(data).hexdigest()}"
        self.pen.done(number)
        self.uploads.append(name)
        with art.open() as stream:
            assert stream.read() == data, f"{name} reads back otherwise"

    def drop_artifact(self) -> None:
        if self.uploads:
            name = self.uploads.pop(self.rng.randrange(len(self.uploads)))
            number = self.pen.begin("drop", name=name)
            self.own.artifact(name).delete()
            self.pen.done(number)

    def collect_garbage(self) -> None:
        self.client.collect_garbage()

    # -- ends

    def reopen(self) -> None:
        number = self.pen.begin("reopen")
        self.close()
        self.open()
        self.model = self.insist(lambda: self.client.get_model(MODEL))
        self.versions = self.insist(lambda: [self.model.get_version(version.version) for version in self.versions])
        self.pen.done(number)

    def fork(self) -> None:
        """A child goes on with the client that it inherited, and ends in some way."""
        child_who = self.pen.who * 1000 + self.pen.count % 1000
        number = self.pen.begin("fork", child=child_who)
        ending = self.rng.choice(["exit", "kill", "close"])
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                self.pen = Pen(self.pen.fd, child_who)
                self.points = self.own_points = 0
                self.all_delivered = True
                for do in (Worker.log_points, Worker.log_events, Worker.update_metadata, Worker.read_points):
                    self.attempt(do)
                if ending == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                if ending == "close":
                    self.close()
                code = 0
            except BaseException:  # noqa: BLE001 - told to the driver
                self.pen.failed(traceback.format_exc())
            finally:
                os._exit(code)
        deadline = time.monotonic() + (120 if self.remote else 60)
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                raise AssertionError(f"the forked child {pid} hangs")
            time.sleep(0.002)
        self.pen.done(number)


OPS: dict[Callable[[Worker], Any], int] = {
    Worker.log_points: 30, Worker.read_points: 4, Worker.log_events: 12, Worker.log_and_rewind: 6, Worker.flush: 3,
    Worker.update_metadata: 10, Worker.create: 5, Worker.delete: 4, Worker.race: 5, Worker.move_tag: 6, Worker.upload: 6,
    Worker.drop_artifact: 4, Worker.collect_garbage: 1, Worker.reopen: 1, Worker.fork: 4,
}  # fmt: skip


def as_kind(value: int, kind: str) -> float | str | bytes:
    if kind == "text":
        return f"{value}:" + "é" * (value % 700)
    return float(value) if kind == "scalar" else f"{value}:".encode() + bytes(value % 1500)


def number_of(value: float | str | bytes) -> int:
    """The value as it was before :func:`as_kind`."""
    if isinstance(value, float):
        return int(value)
    return int(value.split(":")[0] if isinstance(value, str) else value.split(b":")[0])


def own_values(experiment: Any, who: int) -> list[int]:
    """The numbers of the points of one life that can be read."""
    values = map(number_of, experiment.metrics().to_dict()["value"])
    return [value - who * SCALE for value in values if value // SCALE == who]


def missing(found: list[int], count: int) -> str:
    gone = sorted(set(range(count)) - set(found))
    return f"{len(found) - len(set(found))} doubled, {len(gone)} missing: {gone[:5]}...{gone[-5:]}"


def main(uri: str, fd_connection: Any, who: int, seed: int, tiny: bool) -> None:
    """The entry of a worker process."""
    pen = Pen(fd_connection.fileno(), who)
    worker = Worker(uri, pen, seed)

    def stop(*_: object) -> None:
        worker.stopping = True

    signal.signal(signal.SIGTERM, stop)
    os.environ["MODELBOX_RETRY_S"] = str(worker.rng.choice([0.5, 2.0, 15.0]))
    with contextlib.ExitStack() as stack:
        if tiny:
            from side_by_side import tiny_sizes

            stack.enter_context(tiny_sizes())
        try:
            worker.run()
        except BaseException as error:  # noqa: BLE001 - told to the driver
            if isinstance(error, modelbox.UnavailableError) and worker.remote and worker.stopping:
                return  # it was told to end while it waited for the server to come back
            pen.failed(traceback.format_exc())
            sys.exit(1)
