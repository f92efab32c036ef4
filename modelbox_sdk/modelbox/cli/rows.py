"""What the command line prints of each kind of object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from modelbox.cli.arrow import rows_of

if TYPE_CHECKING:
    import pyarrow as pa

    from modelbox import Artifact, Event, Experiment, Lineage, MetricTable, Model, ModelVersion

Record: TypeAlias = dict[str, Any]

_TIMES = ("created_at", "updated_at")
EXPERIMENT = ("id", "name", "namespace", "owner", "external_id", "framework", "task", "status", "parent_id", *_TIMES)
MODEL = ("id", "name", "namespace", "owner", "task", "description", "labels", *_TIMES)
VERSION = (
    *("id", "model_id", "version", "name", "namespace", "description", "framework", "experiment_id", "unique_tags", "labels"),
    *_TIMES,
)
ARTIFACT = ("id", "name", "namespace", "object_id", "size", "files", *_TIMES)
FILE = ("path", "size", "digest", "content_type", "uri")
EVENT = ("seq", "wallclock", "name", "source", "metadata", "object_id")
CHANGE = ("seq", "at", "action", "object_type", "object_id", "namespace", "payload")
SUMMARY = ("key", "points", "first_step", "last_step", "last", "min", "max")


def record(found: object, columns: Iterable[str]) -> Record:
    """The attributes of an object with these names."""
    return {name: getattr(found, name) for name in columns}


def artifact_record(artifact: Artifact) -> Record:
    """An artifact with its files."""
    return record(artifact, ARTIFACT) | {"files": [record(file, FILE) for file in artifact.files]}


def experiment_details(experiment: Experiment) -> Record:
    """An experiment with what hangs on it."""
    return record(experiment, EXPERIMENT) | {
        "metadata": experiment.metadata(),
        "metrics": summary(experiment.metrics()),
        "artifacts": [artifact_record(artifact) for artifact in experiment.artifacts()],
        "children": [record(child, EXPERIMENT) for child in experiment.children()],
        "versions": [record(version, VERSION) for version in experiment.lineage().versions],
    }


def model_details(model: Model) -> Record:
    """A model with what hangs on it."""
    return record(model, MODEL) | {
        "metadata": model.metadata(),
        "versions": [record(version, VERSION) for version in model.list_versions()],
        "artifacts": [artifact_record(artifact) for artifact in model.artifacts()],
    }


def version_details(version: ModelVersion) -> Record:
    """A model version with what hangs on it and what is behind it."""
    return record(version, VERSION) | {
        "metadata": version.metadata(),
        "metrics": summary(version.metrics()),
        "artifacts": [artifact_record(artifact) for artifact in version.artifacts()],
        "lineage": _lineage(version.lineage()),
    }


def _lineage(lineage: Lineage) -> Record:
    return {
        "experiments": [record(experiment, EXPERIMENT) for experiment in lineage.experiments],
        "datasets": [artifact_record(artifact) for artifact in lineage.datasets],
        "artifacts": [artifact_record(artifact) for artifact in lineage.artifacts],
    }


def summary(table: MetricTable) -> list[Record]:
    """Each metric in a line: how many points, over which steps, the last value, and the least and the greatest."""
    arrow = table.to_arrow()
    counts = arrow["key"].value_counts()  # in the order of the points, which are sorted by key
    found = []
    start = 0
    for key, count in zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True):
        found.append({"key": key, **_summary_of_one(arrow.slice(start, count))})
        start += count
    return found


def _summary_of_one(series: pa.Table) -> Record:
    import pyarrow.compute as pc

    steps, values = series["step"], series["value"]
    ends = pc.min_max(values.filter(pc.invert(pc.is_nan(values))))  # NaN is neither the least nor the greatest
    return {
        "points": len(series),
        "first_step": steps[0].as_py(),
        "last_step": steps[-1].as_py(),
        "last": values[-1].as_py(),
        "min": ends["min"].as_py(),
        "max": ends["max"].as_py(),
    }


def points(table: MetricTable) -> Iterator[Record]:
    """The points, some thousands of them in memory at a time."""
    names = table.to_arrow().column_names
    return (dict(zip(names, row, strict=True)) for row in rows_of(table.to_arrow()))


def event_record(event: Event) -> Record:
    """An event."""
    return record(event, EVENT)
