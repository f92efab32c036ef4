"""Make a small store with everything in it, as this version writes it: ``python tests/compat/make_store.py tests/compat/store-1``.

A store that has been committed here is never made again: every later version has to read it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from modelbox import ModelBoxClient
from modelbox.backends.inprocess import open_store
from modelbox.journal import Journal, Target
from modelbox.stores.files import PosixFiles
from modelbox.stores.metadata.log import LogMetadataStore

WALLCLOCK = 1_700_000_000


def make(store: Path, scratch: Path) -> None:
    """Fill a new store: old transactions in a checkpoint, later ones in the log, points in segments and in a journal."""
    (scratch / "data" / "sub").mkdir(parents=True)
    (scratch / "data" / "a.txt").write_bytes(b"hello")
    (scratch / "data" / "sub" / "ディープ.bin").write_bytes(bytes(range(256)))
    with ModelBoxClient(store, owner="ada") as client:
        exp = client.create_experiment(
            "train", framework="pytorch", task="vision", external_id="job-1", metadata={"lr": 0.1, "nested": {"a": [1, None]}}
        )
        client.create_experiment("trial", parent=exp).finish("failed")
        doomed = client.create_experiment("doomed")
        doomed.log_metrics({"x": 1.0})
        client.delete_experiment(doomed.id)
        for step in range(20):
            values = {"loss": 1 / (step + 1), "nan": float("nan"), "note": f"step {step}", "tensor": bytes([step])}
            exp.log_metrics(values, step=step, wallclock=WALLCLOCK + step)
        exp.log_event("started", source="trainer", metadata={"gpu": 0}, wallclock=WALLCLOCK)
        data = exp.track_artifact("dataset", "s3://bucket/train.parquet", checksum="md5:abc")
        exp.upload_artifact("files", scratch / "data")
        model = client.create_model("digits", description="reads digits", labels={"team": "x"})
        model.create_version("1", experiment=exp, datasets=[data], unique_tags=["prod"], metadata={"f1": 0.9})
    metadata = LogMetadataStore(PosixFiles(store))
    metadata.checkpoint()
    metadata.close()
    with ModelBoxClient(store, owner="ada") as client:
        exp = client.create_experiment("train")
        exp.rewind(14)
        for step in range(15, 18):
            exp.log_metrics({"loss": -1.0}, step=step, wallclock=WALLCLOCK + 100 + step)
        exp.update_metadata("seed", 7)
        model = client.get_model("digits")
        two = model.create_version("2", experiment=exp)
        two.upload_artifact("weights", scratch / "data" / "a.txt")
        model.move_tag("prod", to=two)
        two.set_labels({"served by": "ops"})
        exp.finish()
        target = Target(exp.id, exp._record.uid)
    if os.fork() == 0:  # dies without closing: its journal stays
        journal = Journal(store / "journal", open_store(str(store)), shared=True, file_size=4096)
        journal.log_metrics(target, {"loss": -2.0, "late": "text"}, 18, WALLCLOCK + 200)
        os._exit(0)
    os.wait()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(sys.argv[1])
        shutil.rmtree(place, ignore_errors=True)
        make(place, Path(scratch))
