"""A store with something of everything in it, for tests that break one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from modelbox import ModelBoxClient

SESSIONS = 9
STEPS = 40


def build(path: Path) -> None:
    """Two experiments with metrics and events, a model with a version and artifacts; checkpoints, a log after them, merges."""
    for session in range(SESSIONS):
        with ModelBoxClient(path, owner="o") as client:
            for name in ("a", "b"):
                exp = client.create_experiment(name, metadata={"lr": 0.1})
                for step in range(session * STEPS, (session + 1) * STEPS):
                    exp.log_metrics({"loss": 1 / (step + 1), "noise": hash((name, step)) / 7}, step=step)
                exp.log_event("session", metadata={"number": session})
    with ModelBoxClient(path, owner="o") as client:
        merge(client, client.create_experiment("a"))
        checkpoint(client)
        model = client.create_model("asr", description="hears")
        version = model.create_version("1", experiment=client.create_experiment("a"), unique_tags=["prod"])
        content = path.parent / "content"
        (content / "deep").mkdir(parents=True)
        (content / "weights.bin").write_bytes(bytes(range(256)) * 8000)
        (content / "deep" / "config.json").write_text('{"layers": 3}')
        (content / "empty").touch()
        version.upload_artifact("files", content, progress=False)
        shutil.rmtree(content)
        checkpoint(client)
        exp = client.create_experiment("b")
        exp.update_metadata({"seed": 7})
        exp.log_metrics({"loss": 0.5, "note": "late", "tensor": b"\0\1"}, step=1000)
        client.create_experiment("a").log_metrics({"loss": 0.25}, step=1000)


def merge(client: ModelBoxClient, *objects: Any) -> None:
    """Do what is due in the background now."""
    client.flush()
    for each in objects:
        each.metrics()
    client._backend.maintain()


def checkpoint(client: ModelBoxClient) -> None:
    """Write a checkpoint now."""
    client._backend._metadata.checkpoint()  # type: ignore[attr-defined]


def contents(path: Path | str) -> dict[str, Any]:
    """All that the public API tells of the sample."""
    with ModelBoxClient(path, owner="o") as client:
        return {name: read(client) for name, read in PARTS.items()}


def _experiment(client: ModelBoxClient, name: str) -> Any:
    return next(each for each in client.list_experiments() if each.name == name)


PARTS: dict[str, Any] = {
    "experiments": lambda client: [(each.id, each.name, each.status, each.created_at) for each in client.list_experiments()],
    "metadata of a": lambda client: _experiment(client, "a").metadata(),
    "metadata of b": lambda client: _experiment(client, "b").metadata(),
    "metrics of a": lambda client: _experiment(client, "a").metrics().to_dict(),
    "metrics of b": lambda client: _experiment(client, "b").metrics().to_dict(),
    "one key of a": lambda client: _experiment(client, "a").metrics("noise", start_step=50, end_step=100).to_dict(),
    "events of a": lambda client: [(event.name, event.metadata, event.seq) for event in _experiment(client, "a").events()],
    "models": lambda client: [(each.id, each.name, each.description) for each in client.list_models()],
    "the version": lambda client: (version := client.get_model("asr").get_version(tag="prod")).version + version.id,
    "lineage": lambda client: [each.id for each in client.get_model("asr").get_version("1").lineage().experiments],
    "artifact": lambda client: [
        (file.path, file.size, file.digest) for file in client.get_model("asr").get_version("1").artifact("files").files
    ],
    "changes": lambda client: [(change.seq, change.action, change.object_id, change.payload) for change in client.changes()],
    "sql": lambda client: client.sql("select key, count(*), max(value) from metrics group by key order by key").to_pylist(),
}
"""Ways of reading the sample, by what they read."""
