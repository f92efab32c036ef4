"""An artifact as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelbox.display import values
from modelbox.display.card import card, limited
from modelbox.display.lists import metadata_list
from modelbox.display.markup import Child, Markup, given, number, number_head, table
from modelbox.sizes import size

if TYPE_CHECKING:
    from modelbox import Artifact


def artifact_html(artifact: Artifact) -> str:
    """Its fields, metadata and files."""
    fields: list[tuple[str, Child]] = [
        ("id", values.code(artifact.id)),
        ("namespace", given(artifact.namespace)),
        ("on", values.code(artifact.object_id)),
        ("size", size(artifact.size)),
        ("created", values.moment(artifact.created_at)),
        ("updated", values.moment(artifact.updated_at)),
    ]
    files = ("Files", lambda: _files_table(artifact))
    return card("Artifact", artifact.name, None, fields, [files, ("Metadata", lambda: metadata_list(artifact))])


def _files_table(artifact: Artifact) -> Markup | None:
    if not artifact.files:
        return None
    rows = [
        [
            given(values.shortened(file.path)),
            number(size(file.size) if file.size is not None else "tracked"),
            file.content_type,
            values.digest(file.digest),
            values.code(file.uri) if file.size is None else None,
        ]
        for file in artifact.files
    ]
    head = ["path", number_head("size"), "type", "digest", ""]
    return limited(rows, lambda shown: table(head, shown))
