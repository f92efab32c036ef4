"""An experiment as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelbox.display import values
from modelbox.display.card import badge, card
from modelbox.display.lists import artifacts_table, experiments_table, metadata_list
from modelbox.display.markup import Child, given
from modelbox.display.metric_card import summary_table

if TYPE_CHECKING:
    from modelbox import Experiment

_SUMMARY_POINTS = 100
"""Points of each metric that are read: enough for its curve, and exact for its last, lowest and highest value."""


def experiment_html(experiment: Experiment) -> str:
    """Its fields, metadata, metrics, artifacts and nested experiments."""
    fields: list[tuple[str, Child]] = [
        ("id", values.code(experiment.id)),
        ("namespace", given(experiment.namespace)),
        ("owner", given(experiment.owner)),
        ("framework", experiment.framework),
        ("task", experiment.task and given(experiment.task)),
        ("external id", experiment.external_id and given(experiment.external_id)),
        ("nested under", experiment.parent_id and values.code(experiment.parent_id)),
        ("created", values.moment(experiment.created_at)),
        ("updated", values.moment(experiment.updated_at)),
    ]
    return card(
        "Experiment",
        experiment.name,
        badge(experiment.status, experiment.status),
        fields,
        [
            ("Metadata", lambda: metadata_list(experiment)),
            ("Metrics", lambda: summary_table(experiment.metrics(max_points=_SUMMARY_POINTS), count=False)),
            ("Artifacts", lambda: artifacts_table(experiment.artifacts())),
            ("Nested experiments", lambda: experiments_table(experiment.children())),
        ],
    )
