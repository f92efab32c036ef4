"""What the journals of a folder look like to somebody who only looks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

from modelbox.journal import adoption, ownership
from modelbox.journal.adoption import DAMAGED_SUFFIX
from modelbox.journal.batches import count_points


class JournalState(NamedTuple):
    """A file of a journal.

    Attributes:
        path: Where it is.
        writer: Whose it is.
        alive: Whether its writer is, or somebody is delivering it.
        points: Points in it that can be read.
        events: Events in it that can be.
        damage: What cannot be read of it, in words.
        newer: Whether it is of a newer format.
        set_aside: Whether it was delivered as far as it could be read, and kept because of the damage.
    """

    path: str
    writer: str
    alive: bool
    points: int
    events: int
    damage: tuple[str, ...]
    newer: bool
    set_aside: bool


def inspect(folder: str | os.PathLike[str]) -> Iterator[JournalState]:
    """Look at every journal, changing nothing.

    Raises:
        OSError: One cannot be read.
    """
    root = os.fspath(folder)
    for writer in ownership.writers(root):
        alive = _is_alive(root, writer)
        for path in adoption.files_of(os.path.join(root, writer)):
            with contextlib.suppress(FileNotFoundError):
                yield _look(path, writer, alive)
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(os.path.join(root, writer))):
                if name.endswith(DAMAGED_SUFFIX):
                    yield JournalState(os.path.join(root, writer, name), writer, alive, 0, 0, (), newer=False, set_aside=True)


def set_aside(path: str, target: str) -> None:
    """Move a file that was kept because of its damage, and the folder of its writer if nothing else is in it."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(path, target)
    root, writer = os.path.split(os.path.dirname(path))
    with ownership.claim(root, writer) as claimed:
        if claimed:
            ownership.remove_claimed(root, writer)


def _is_alive(root: str, writer: str) -> bool:
    if ownership.is_own(writer):
        return True
    try:
        with ownership.claim(root, writer) as claimed:
            return not claimed and os.path.exists(os.path.join(root, writer, ownership.LOCK_NAME))
    except OSError:  # no right to write: nobody can tell
        return True


def _look(path: str, writer: str, alive: bool) -> JournalState:
    _, contents = adoption.read_file(path, writer)
    if contents.damage:
        _, contents = adoption.read_file(path, writer)  # see scan_pending
    points = sum(count_points(batch, contents.series) for batch in contents.batches)
    damage = tuple(str(error) for error in contents.damage)
    return JournalState(path, writer, alive, points, len(contents.events), damage, newer=contents.newer, set_aside=False)
