"""A progress bar for what takes long, where somebody may be looking."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_LARGE = 32 << 20
_LONG_S = 0.5


@contextlib.contextmanager
def progress_bar(description: str, total: int, *, enabled: bool = True) -> Iterator[Callable[[int], None]]:
    """A function to report bytes to, and a bar for them on stderr when the transfer is large or turns out to be long.

    Nothing is shown when stderr is neither a terminal nor that of a notebook.

    Args:
        description: What is going on.
        total: Bytes to expect.
        enabled: False to show nothing in any case.
    """
    if not enabled or not is_watched():
        yield _unseen
        return
    bar = _Bar(description, total)
    try:
        yield bar.advance
    finally:
        bar.stop()


def _unseen(count: int) -> None:
    del count


class _Bar:
    def __init__(self, description: str, total: int) -> None:
        self._description = description
        self._total = total
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._done = 0
        self._shown: tuple[Progress, TaskID] | None = None

    def advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._shown is None and (self._total > _LARGE or time.monotonic() - self._started > _LONG_S):
                self._show()
            if self._shown is not None:
                progress, task = self._shown
                progress.update(task, completed=self._done)

    def stop(self) -> None:
        with self._lock:
            if self._shown is not None:
                self._shown[0].stop()
                self._shown = None

    def _show(self) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        progress = Progress(*columns, console=Console(stderr=True), transient=True)
        progress.start()
        self._shown = progress, progress.add_task(escape(self._description), total=self._total)


def is_watched() -> bool:
    """Whether somebody may be looking: there is a terminal, or a notebook."""
    return _in_notebook() or bool(sys.stderr and not sys.stderr.closed and sys.stderr.isatty())


def _in_notebook() -> bool:
    # Looked up, not imported: a process without IPython must not load it.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
