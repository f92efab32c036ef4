"""What a script that only logs has to wait for: pandas never, pyarrow not before it closes, object storage never on a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LOGGING = """
import sys
import modelbox
client = modelbox.ModelBoxClient(sys.argv[1])
experiment = client.create_experiment("light", metadata={"lr": 0.1})
experiment.log_metrics({"loss": 0.5, "note": "text"}, step=1)
experiment.log_event("started")
client.flush()
experiment.finish()
logged = set(sys.modules)
"""

SHUT = """
class Shut:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"pandas", "matplotlib"}:
            raise AssertionError(f"{name} is imported")
import sys
sys.meta_path.insert(0, Shut())
"""

WHOLE = """
for step in range(50_000):
    experiment.log_metrics({"a": step * 0.1, "b": -step * 0.1}, step=step)
assert len(experiment.metrics("a").to_arrow()) == 50_000
assert len(experiment.metrics(start_step=7, end_step=9, max_points=4).to_dict()["value"]) == 6
assert experiment.events()
assert list(client.changes())
client.close()
with modelbox.ModelBoxClient(sys.argv[1]) as again:
    assert len(again.get_experiment(experiment.id).metrics("b", "note")) == 50_001
    assert again.list_experiments(limit=10)
"""

CHECKPOINTS = """
for number in range(2):
    client.create_experiment(f"more-{number}").update_metadata("number", number)
    client._backend._metadata.checkpoint()
client.close()
"""


def run(program: str, store: Path) -> str:
    done = subprocess.run([sys.executable, "-c", program, str(store)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_logging_and_flushing_load_nothing_heavy(tmp_path: Path) -> None:
    heavy = (
        "{'pyarrow', 'numpy', 'duckdb', 'fsspec', 'grpc', 'pandas', 'shutil', 'secrets', 'socket',"
        " 'modelbox.stores.files.object_storage'}"
    )
    assert run(f"{LOGGING}print(sorted({heavy} & logged))\n", tmp_path / "store") == "[]"


def test_logging_reading_and_closing_never_import_pandas(tmp_path: Path) -> None:
    run(SHUT + LOGGING + WHOLE, tmp_path / "store")


def test_a_store_in_memory_does_without_pandas_too(tmp_path: Path) -> None:
    program = SHUT + LOGGING.replace("sys.argv[1]", "'memory://'") + WHOLE.partition("client.close()")[0]
    run(program, tmp_path)


def test_checkpoints_do_without_pandas_too(tmp_path: Path) -> None:
    run(SHUT + LOGGING + CHECKPOINTS, tmp_path / "store")
