"""Lists that several cards show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelbox.display import values
from modelbox.display.card import badge, limited
from modelbox.display.markup import Markup, given, join, number, number_head, table, tag

if TYPE_CHECKING:
    from modelbox import Artifact, Experiment, Model, ModelVersion


def experiments_table(experiments: Sequence[Experiment]) -> Markup | None:
    """Experiments in a list; None when there are none."""
    if not experiments:
        return None
    rows = [
        [given(one.name), badge(one.status, one.status), values.moment(one.created_at), values.code(one.id)] for one in experiments
    ]
    return limited(rows, lambda shown: table(["name", "status", "created", "id"], shown))


def metadata_list(owner: Experiment | Model | ModelVersion | Artifact) -> Markup | None:
    """The metadata of an object; None when there is none."""
    rows = [[given(values.shortened(key)), values.json_text(value)] for key, value in owner.metadata().items()]
    if not rows:
        return None
    return limited(rows, lambda shown: tag("dl", *(join([tag("dt", key), tag("dd", value)]) for key, value in shown)))


def artifacts_table(artifacts: Sequence[Artifact]) -> Markup | None:
    """Artifacts in a list; None when there are none."""
    if not artifacts:
        return None
    rows = [
        [given(one.name), number(f"{len(one.files):,}"), number(values.size(one.size)), values.moment(one.created_at), _where(one)]
        for one in artifacts
    ]
    head = ["name", number_head("files"), number_head("size"), "created", ""]
    return limited(rows, lambda shown: table(head, shown))


def _where(artifact: Artifact) -> Markup | None:
    """The address of an artifact that is only tracked."""
    tracked = [file for file in artifact.files if file.size is None]
    return values.code(tracked[0].uri) if tracked else None
