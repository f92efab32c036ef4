"""A store with something of everything, and all that a store says, for comparing what a push came to."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from modelbox import ModelBoxClient


def points(client: ModelBoxClient, id: str) -> list[tuple[Any, ...]]:
    columns = client.get_object(id).metrics().to_dict()
    return list(zip(columns["key"], columns["step"], columns["wallclock"], map(repr, columns["value"]), strict=True))


def everything(client: ModelBoxClient) -> dict[str, Any]:
    """All that a store says about its objects, but for when it heard of them."""
    found: dict[str, Any] = {}
    experiments, models = client.list_experiments("*"), client.list_models("*")
    versions = [version for model in models for version in model.list_versions()]
    for holder in [*experiments, *models, *versions]:
        for each in [holder, *holder.artifacts()]:
            found[each.id] = (each.name, each.namespace, each.metadata(), points(client, each.id), events(each))
        found[holder.id, "artifacts"] = sorted(
            (artifact.id, [(file.path, file.size, file.digest) for file in artifact.files]) for artifact in holder.artifacts()
        )
    for exp in experiments:
        found[exp.id, "itself"] = (exp.owner, exp.framework, exp.task, exp.status, exp.external_id, [c.id for c in exp.children()])
    for model in models:
        found[model.id, "itself"] = (model.owner, model.task, model.description, model.labels)
    for version in versions:
        lineage = version.lineage()
        behind = [each.id for each in (*lineage.experiments, *lineage.datasets)]
        found[version.id, "itself"] = (version.version, version.labels, version.unique_tags, version.framework, behind)
    return found


def events(each: Any) -> list[tuple[Any, ...]]:
    return [(event.name, event.source, event.wallclock, event.metadata) for event in each.events()]


def fill(client: ModelBoxClient, folder: Path) -> None:
    """A store with something of everything."""
    sweep = client.create_experiment("sweep", framework="jax", task="vision", metadata={"lr": [0.1, None]}, external_id="job 7")
    trial = client.create_experiment("trial", parent=sweep, namespace="other")
    for step in range(50):
        trial.log_metrics({"loss": 1 / (step + 1), "nan": math.nan}, step=step, wallclock=1e9 + step)
    trial.log_metrics({"note": "text", "tensor": b"\0\xff"}, step=3)
    trial.rewind(40)
    trial.log_metrics({"loss": -1.0}, step=41)
    trial.log_event("checkpoint", source="trainer", metadata={"step": 3}, wallclock=12.5)
    trial.log_event("later")
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "weights").write_bytes(os.urandom(100_000))
    (folder / "a" / "empty").touch()
    files = sweep.upload_artifact("files", folder / "a")
    files.log_metrics({"size": 1.0})
    files.log_event("verified")
    files.update_metadata("by", "hand")
    data = trial.track_artifact("data", "s3://bucket/train", checksum="md5:1")
    model = client.create_model("asr", labels={"team": "x"}, task="speech", description="hears", metadata={"k": 1})
    one = model.create_version("1", experiment=trial, datasets=[data], framework="pytorch", unique_tags=["old"], labels={"a": "b"})
    made = one.upload_artifact("weights", folder / "a" / "b" / "weights")
    two = model.create_version("2", datasets=[made], unique_tags=["prod", "best"], metadata={"f1": 0.5})
    two.log_event("served")
    two.log_metrics({"requests": 3.0})
    sweep.finish("failed")
    client.flush()
