"""Memory does not grow with the size of a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.server_process import ServerProcess

MIB = 1 << 20
SIZE = 256 * MIB
LIMIT = 64 * MIB

SCRIPT = """
import os, sys
from pathlib import Path
from modelbox.backends.inprocess import open_store
from modelbox.transfers import download, materialise, upload

url, source, folder = sys.argv[1:]
os.environ["MODELBOX_CACHE_DIR"] = folder + "/cache"
backend = open_store(url)
owner = backend.create_experiment(name="e", namespace="n", owner="o")[0].id
small = Path(folder, "small")
small.write_bytes(os.urandom(MIB := 1 << 20))
download(backend, upload(backend, owner, "warm", [small]), folder + "/dst")

def memory(line):
    # Not ru_maxrss, which begins with what the parent had when it forked.
    with open("/proc/self/status") as status:
        return next(int(text.split()[1]) * 1024 for text in status if text.startswith(line))

before = memory("VmRSS:")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
record = upload(backend, owner, "art", source)
uploaded = memory("VmHWM:")
download(backend, record, folder + "/dst")
with open(source, "rb") as stream:
    upload(backend, owner, "again", stream)
if "s3://" not in url:
    materialise(backend, [record], single=True)
print(uploaded - before, memory("VmHWM:") - before)
backend.close()
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    with open("/dev/urandom", "rb") as noise, open(path, "wb") as file:
        for _ in range(SIZE // MIB):
            file.write(noise.read(MIB))
    return path


def used(url: str, source: Path, tmp_path: Path) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, url, str(source), str(tmp_path)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    print(f"{url}: {done.stdout.strip()} bytes more at the peak")
    return [int(number) for number in done.stdout.split()]


REMOTE_SCRIPT = """
import os, sys
from pathlib import Path
from modelbox.backends.remote.backend import RemoteBackend
from modelbox.transfers import download, upload

uri, server, source, folder = sys.argv[1:]
backend = RemoteBackend(uri)
owner = backend.create_experiment(name="e", namespace="n", owner="o")[0].id
small = Path(folder, "small")
small.write_bytes(os.urandom(1 << 20))
download(backend, upload(backend, owner, "warm", [small]), folder + "/dst")

def memory(process, line):
    with open(f"/proc/{process}/status") as status:
        return next(int(text.split()[1]) * 1024 for text in status if text.startswith(line))

before = {process: memory(process, "VmRSS:") for process in ("self", server)}
for process in before:
    Path(f"/proc/{process}/clear_refs").write_text("5")  # the peak begins anew
download(backend, upload(backend, owner, "art", source), folder + "/dst")
print(*(memory(process, "VmHWM:") - used for process, used in before.items()))
backend.close()
"""


def test_memory_of_a_client_and_a_server(tmp_path: Path, source: Path) -> None:
    with ServerProcess(tmp_path / "server") as server:
        script = [sys.executable, "-c", REMOTE_SCRIPT, server.uri, str(server.pid), str(source), str(tmp_path)]
        done = subprocess.run(script, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
    print(f"client and server: {done.stdout.strip()} bytes more at the peak")
    assert max(int(number) for number in done.stdout.split()) < LIMIT


def test_memory_with_a_folder(tmp_path: Path, source: Path) -> None:
    assert max(used(str(tmp_path / "store"), source, tmp_path)) < LIMIT


def test_memory_with_a_bucket(tmp_path: Path, source: Path, s3_url: str) -> None:
    assert max(used(s3_url, source, tmp_path)) < LIMIT
