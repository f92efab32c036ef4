"""The files of one object's points, as they stand at a moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

from modelbox.errors import CorruptStoreError, UnavailableError
from modelbox.stores.files import Files
from modelbox.stores.metrics.parquet.layout import Intent, Snapshot, folder_of, intent_file, interpret

_LISTINGS = 11
_FIRST_WAIT_S = 0.001
_ATTEMPTS = 20

Loaded = TypeVar("Loaded")


class PointsFolder:
    """The folder of one life of an object.

    Args:
        files: The storage.
        uid: The life of the object.
    """

    def __init__(self, files: Files, uid: str) -> None:
        self.files = files
        self.uid = uid
        self.path = folder_of(uid)

    def path_of(self, file: str) -> str:
        """Where a file of this folder is in the storage."""
        return f"{self.path}/{file}"

    def address(self, file: str) -> str:
        """A file of this folder, as errors name it."""
        return self.files.address(self.path_of(file))

    def snapshot(self) -> Snapshot:
        """The state now.

        Raises:
            CorruptStoreError: Files that must be there are not.
            UnavailableError: Others merged faster than the state could be read.
        """
        missing: list[str] = []
        for attempt in range(_LISTINGS):
            if attempt:
                time.sleep(_FIRST_WAIT_S * 2 ** (attempt - 1))
            listing = self.files.files(self.path)
            # After the files, so that what the listing lacks because it was merged is explained by these.
            try:
                intent = self.last_intent()
            except FileNotFoundError:  # by now there are later ones
                continue
            state = interpret(listing, intent)
            if isinstance(state, Snapshot):
                return state
            missing = state
        if not missing:
            raise UnavailableError(f"cannot read {self.files.address(self.path)}: it changes too fast; try again")
        raise CorruptStoreError(f"files are missing: {', '.join(self.address(file) for file in missing)}")

    def load(self, load: Callable[[Snapshot], Loaded]) -> Loaded:
        """What ``load`` makes of the files of a snapshot, which starts again when one was merged before it was opened.

        Args:
            load: Raises ``FileNotFoundError`` then.

        Raises:
            UnavailableError: That happened every time.
        """
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):
                return load(self.snapshot())
        raise UnavailableError(f"cannot read {self.files.address(self.path)}: it is merged faster than it is read; try again")

    def contents(self, names: list[str]) -> dict[str, bytes]:
        """The contents of files, fetched together.

        Raises:
            FileNotFoundError: One of them is not there.
        """
        found = self.files.read_many([self.path_of(name) for name in names])
        contents = {name: found.pop(path) for name in names if (path := self.path_of(name)) in found}
        if len(contents) < len(names):
            raise FileNotFoundError(self.address(next(name for name in names if name not in contents)))
        return contents

    def last_intent(self) -> Intent | None:
        """The last intent.

        Raises:
            FileNotFoundError: It was deleted between being listed and being read.
        """
        numbers = self.intents()
        return self.intent(numbers[-1]) if numbers else None

    def intents(self) -> list[int]:
        """The numbers of the intents that are kept, in order."""
        names = (info.path.rpartition("/")[2] for info in self.files.files(self.path_of("merge")))
        return sorted(int(stem) for stem, dot, kind in (name.partition(".") for name in names) if kind == "json" and stem.isdigit())

    def intent(self, number: int) -> Intent:
        """An intent.

        Raises:
            FileNotFoundError: There is none of that number.
        """
        path = self.path_of(intent_file(number))
        return Intent.from_bytes(self.files.read(path), self.files.address(path))
