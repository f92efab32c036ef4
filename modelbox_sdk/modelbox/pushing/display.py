"""A line that says how far a push has come, where somebody may be looking."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from modelbox.records import PushReport
from modelbox.sizes import size
from modelbox.transfers.progress import is_watched


@contextlib.contextmanager
def progress_line(description: str, *, enabled: bool) -> Iterator[Callable[[PushReport], None]]:
    """A function to tell what has been sent so far. Nothing is shown when stderr is neither a terminal nor that of a notebook."""
    if not enabled or not is_watched():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(description)) as status:
        yield lambda report: status.update(f"{escape(description)}: {_so_far(report)}")


def _so_far(report: PushReport) -> str:
    objects = report.experiments + report.models + report.versions + report.artifacts
    return f"{objects:,} objects, {report.points:,} points, {report.events:,} events, {size(report.bytes_sent)}"
