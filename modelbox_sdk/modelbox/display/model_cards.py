"""Models and their versions as HTML."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelbox.display import values
from modelbox.display.card import badges, card, limited
from modelbox.display.lists import artifacts_table, experiments_table, metadata_list
from modelbox.display.markup import Child, Markup, given, table

if TYPE_CHECKING:
    from modelbox import Model, ModelVersion
    from modelbox.display.card import Section


def model_html(model: Model) -> str:
    """Its fields, and its versions with the unique tags that each holds."""
    fields: list[tuple[str, Child]] = [
        ("id", values.code(model.id)),
        ("namespace", given(model.namespace)),
        ("owner", given(model.owner)),
        ("task", model.task and given(model.task)),
        ("description", model.description and given(model.description)),
        ("labels", values.labels(model.labels)),
        ("created", values.moment(model.created_at)),
        ("updated", values.moment(model.updated_at)),
    ]
    sections: list[Section] = [
        ("Versions", lambda: _versions_table(model.list_versions())),
        ("Metadata", lambda: metadata_list(model)),
        ("Artifacts", lambda: artifacts_table(model.artifacts())),
    ]
    return card("Model", model.name, None, fields, sections)


def version_html(version: ModelVersion) -> str:
    """Its fields, metadata, metrics, and its lineage."""
    fields: list[tuple[str, Child]] = [
        ("id", values.code(version.id)),
        ("name", given(version.name)),
        ("namespace", given(version.namespace)),
        ("model", values.code(version.model_id)),
        ("description", version.description and given(version.description)),
        ("framework", version.framework),
        ("labels", values.labels(version.labels)),
        ("created", values.moment(version.created_at)),
        ("updated", values.moment(version.updated_at)),
    ]
    sections: list[Section] = [("Metadata", lambda: metadata_list(version)), *_lineage(version)]
    return card("Model version", version.version, badges(version.unique_tags), fields, sections)


def _lineage(version: ModelVersion) -> list[Section]:
    lineage = functools.cache(version.lineage)
    return [
        ("Came of", lambda: experiments_table(lineage().experiments)),
        ("Made from", lambda: artifacts_table(lineage().datasets)),
        ("Artifacts", lambda: artifacts_table(lineage().artifacts)),
    ]


def _versions_table(versions: Sequence[ModelVersion]) -> Markup | None:
    if not versions:
        return None
    rows = [
        [given(one.version), badges(one.unique_tags), one.framework, values.labels(one.labels), values.moment(one.created_at)]
        for one in reversed(versions)
    ]
    return limited(rows, lambda shown: table(["version", "tags", "framework", "labels", "created"], shown))
