"""Tables for people: rich on a terminal, and as wide as they need to be anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_LONG_TEXTS = frozenset(
    {"name", "description", "task", "metadata", "value", "path", "file", "uri", "files", "key", "owner", "namespace"}
)
"""Columns that may be folded where a terminal is narrow. What is in the others, such as ids, can always be copied whole."""
_FOLDED_WIDTH = 12
_GAP = 2


def print_table(rows: Sequence[Sequence[Any]], columns: Sequence[str] | None, *, indent: int = 0) -> None:
    """Print rows in columns.

    Args:
        rows: The values.
        columns: What the columns are called; None for a list of names with their values.
        indent: Spaces before each line.
    """
    if not rows and columns is not None:
        print("nothing here", file=sys.stderr)
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    titles = columns or ("", "")
    texts = [[Text(cell(value)) for value in row] for row in rows]
    folds = [columns is not None and name in _LONG_TEXTS for name in columns or ()] or [False, True]
    table = Table(box=None, show_header=columns is not None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    needed = indent - _GAP
    for index, title in enumerate(titles):
        numbers = columns is not None and all(_is_number(row[index]) for row in rows)
        widest = max((row[index].cell_len for row in texts), default=0)
        needed += _GAP + max(len(title), min(widest, _FOLDED_WIDTH) if folds[index] else widest)
        style = "bold" if columns is None and index == 0 else ""
        table.add_column(title, style=style, justify="right" if numbers else "left", no_wrap=not folds[index], overflow="fold")
    for row in texts:
        table.add_row(*row)
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    # Piped, a line is as long as it is. On a terminal that is too narrow for the columns that must stay whole, it wraps the lines.
    console.width = max(console.width, needed) if sys.stdout.isatty() else 1_000_000
    console.print(Padding(table, (0, 0, 0, indent), expand=False) if indent else table, soft_wrap=False)


def cell(value: Any) -> str:
    """A value in one line, for people: times to the second in UTC, numbers in a few digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return brief(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bytes):
        return f"<{len(value):,} bytes>"
    if isinstance(value, Mapping):
        inner = {key: f"{{{cell(item)}}}" if isinstance(item, Mapping) else cell(item) for key, item in value.items()}
        return ", ".join(f"{printable(str(key))}={text}" for key, text in inner.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(item) for item in value)
    return printable(str(value))


def brief(number: float) -> str:
    """A number in full when that is short, else in six digits."""
    full = repr(number)
    return full if len(full) <= 10 else f"{number:.6g}"


def printable(text: str) -> str:
    """Text that does nothing to a terminal: control characters, line ends among them, are escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
