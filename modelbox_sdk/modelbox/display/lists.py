"""Lists that several cards show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelbox.display import values
from modelbox.display.card import badge, limited
from modelbox.display.markup import Child, Markup, given, join, number, number_head, table, tag
from modelbox.sizes import size

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
    rows: list[list[Child]] = []
    for one in artifacts:
        files = one.files
        tracked = next((file.uri for file in files if file.size is None), None)
        held = "tracked" if files and all(file.size is None for file in files) else size(one.size)
        cells = [given(one.name), number(f"{len(files):,}"), number(held), values.moment(one.created_at)]
        rows.append([*cells, values.code(tracked) if tracked else None])
    head = ["name", number_head("files"), number_head("size"), "created", ""]
    return limited(rows, lambda shown: table(head, shown))
