"""The frame that all objects are shown in: a title, what the handle knows, and sections that are read from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import modelbox
from modelbox.display.markup import Child, Markup, given, join, spaced, tag, text

# Colours are mixed from the text colour of the page, so that light and dark notebooks both stay readable.
_STYLE = Markup(
    """<style>
.modelbox{font:13px/1.45 system-ui,sans-serif;max-width:60em;overflow-x:auto;
box-sizing:border-box;margin:.3em 0;padding:.6em .9em;border-radius:6px;
border:1px solid color-mix(in srgb,currentColor 22%,transparent)}
.modelbox header{display:flex;align-items:baseline;flex-wrap:wrap;gap:.2em .6em;margin-bottom:.4em}
.modelbox header b{font-size:1.2em;overflow-wrap:anywhere}
.modelbox .kind,.modelbox dt,.modelbox .more,.modelbox time{opacity:.65}
.modelbox h4{font-size:1em;margin:.9em 0 .2em;font-weight:600}
.modelbox dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1em;margin:0}
.modelbox dd{margin:0;overflow-wrap:anywhere}
.modelbox table{border-collapse:collapse;margin:0;font-size:1em;color:inherit}
.modelbox th,.modelbox td{text-align:left;padding:.12em 1.1em .12em 0;border:0;background:none;vertical-align:middle;
max-width:26em;overflow-wrap:break-word}
.modelbox thead th{font-weight:400;opacity:.65;border-bottom:1px solid color-mix(in srgb,currentColor 22%,transparent)}
.modelbox tbody tr{background:none}
.modelbox .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.modelbox code{font-size:.92em;background:none;color:inherit;padding:0}
.modelbox .tag{padding:0 .45em;border-radius:9px;border:1px solid color-mix(in srgb,currentColor 35%,transparent);
white-space:nowrap}
.modelbox .finished{color:#2e9e4f;border-color:currentColor}.modelbox .failed{color:#e0484f;border-color:currentColor}
.modelbox .running{color:#3b86e8;border-color:currentColor}
.modelbox .error{border-left:3px solid #e0484f;padding-left:.6em;margin:.6em 0 0}
.modelbox svg{display:block;color:#3b86e8}
</style>"""
)

LONGEST_LIST = 50
"""Rows of a list that are shown."""

Section = tuple[str, Callable[[], "Markup | None"]]
"""A heading, and what reads the section from the store and draws it; None leaves the section out."""


def card(kind: str, name: str, badge: Markup | None, fields: Iterable[tuple[str, Child]], sections: Sequence[Section] = ()) -> str:
    """Draw a card. A section that cannot be read shows the error instead; the others stay.

    Args:
        kind: What it is.
        name: What it is called.
        badge: Stands behind the name.
        fields: Names and values; empty values are left out.
        sections: What has to be read.
    """
    listed = [(key, value) for key, value in fields if value not in (None, "")]
    return tag(
        "div",
        _STYLE,
        tag("header", tag("span", kind, class_="kind"), tag("b", given(name)), badge),
        tag("dl", *(join([tag("dt", key), tag("dd", value)]) for key, value in listed)),
        *_drawn(sections),
        class_="modelbox",
    )


def badge(value: str, kind: str = "") -> Markup:
    """A short word in a frame."""
    return tag("span", given(value), class_=f"tag {kind}".strip())


def badges(values: Iterable[str]) -> Markup:
    """Short words, each in a frame."""
    return spaced(badge(value) for value in values)


def limited(rows: Sequence[Sequence[Child]], draw: Callable[[Sequence[Sequence[Child]]], Markup]) -> Markup:
    """A list of at most :data:`LONGEST_LIST` rows, and how many more there are."""
    left = len(rows) - LONGEST_LIST
    more = tag("div", f"and {left:,} more", class_="more") if left > 0 else None
    return join([draw(rows[:LONGEST_LIST]), more])


def _drawn(sections: Sequence[Section]) -> list[Markup]:
    drawn = []
    for heading, read in sections:
        try:
            body = read()
        except modelbox.ModelBoxError as error:
            drawn += [shown for shown in [_error(error)] if shown not in drawn]
            if isinstance(error, (modelbox.NotFoundError, modelbox.UnavailableError)):
                break  # the other sections would say the same, perhaps each after a long wait
            continue
        if body is not None:
            drawn.append(join([tag("h4", heading), body]))
    return drawn


def _error(error: modelbox.ModelBoxError) -> Markup:
    return tag("div", tag("b", type(error).__name__), ": ", text(str(error)), class_="error")
