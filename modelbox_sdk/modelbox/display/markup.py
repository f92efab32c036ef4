"""HTML that cannot be broken out of: text is escaped unless it was built here."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TypeAlias

Child: TypeAlias = "str | int | Markup | None"

# Characters that HTML cannot hold, not even as references, and that would reach the page as they are.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_EMPTY_TAGS = frozenset({"circle", "path"})


class Markup(str):
    """Finished HTML; every other ``str`` is text."""

    __slots__ = ()


def text(value: Child) -> Markup:
    """A value as HTML, escaped unless it is HTML already."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return Markup()
    return Markup(html.escape(_UNPRINTABLE.sub("\ufffd", str(value)), quote=True))


def join(parts: Iterable[Child]) -> Markup:
    """Parts one after another."""
    return Markup("".join(text(part) for part in parts))


def spaced(parts: Iterable[Child]) -> Markup:
    """Parts with a space after each."""
    return join(item for part in parts for item in (part, " "))


def tag(name: str, *children: Child, **attributes: str | int | float | None) -> Markup:
    """An element. A trailing underscore of an attribute is dropped (``class_``), others become dashes; None leaves it out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(str(value))}"' for key, value in attributes.items() if value is not None
    )
    if name in _EMPTY_TAGS:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def given(value: str) -> Markup:
    """Text that a user chose, kept from turning the direction of what stands around it."""
    return tag("bdi", value)


def table(head: Iterable[Child], rows: Iterable[Iterable[Child]]) -> Markup:
    """A table. Cells made by :func:`number`, and heads made by :func:`number_head`, are taken as they are."""
    return tag(
        "table",
        tag("thead", tag("tr", *(cell if isinstance(cell, Markup) else tag("th", cell) for cell in head))),
        tag("tbody", *(tag("tr", *map(_cell, row)) for row in rows)),
    )


def number(value: Child) -> Markup:
    """A table cell aligned to the right."""
    return tag("td", value, class_="n")


def number_head(value: str) -> Markup:
    """The head of a column of numbers."""
    return tag("th", value, class_="n")


def _cell(value: Child) -> Markup:
    return value if isinstance(value, Markup) and value.startswith("<td") else tag("td", value)
