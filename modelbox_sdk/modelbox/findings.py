"""What an examination of a store finds: what is wrong, what that means, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """What sort of thing is wrong with a file."""

    DAMAGED = "damaged"
    """Its bytes are not what was written."""
    MISSING = "missing"
    """It has to be there, and is not."""
    DISAGREES = "disagrees"
    """It is whole, and says something else than the log."""
    UNREADABLE = "unreadable"
    """The storage does not give it, or it is of a newer format."""
    UNDELIVERED = "undelivered"
    """It is whole, and waits for a process that delivers it; nothing is lost."""
    LEFTOVER = "leftover"
    """It only takes space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a part of a store finds about a file of its own.

    Attributes:
        kind: What sort of thing.
        path: The file, relative to the root of the storage; an absolute path where it lies elsewhere.
        problem: What is wrong.
        meaning: What that means for the data.
        advice: What to do about it.
        movable: Whether the part can get it out of the way, so that everything else becomes readable.
        uid: The life of the object that it is about, where it is about one.
    """

    kind: FindingKind
    path: str
    problem: str
    meaning: str
    advice: str
    movable: bool = False
    uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it should be in a store.

    Attributes:
        kind: damaged, missing, disagrees, unreadable, undelivered or leftover; the last two are harmless.
        file: The address of the file.
        problem: What is wrong with it.
        meaning: What that means for the data.
        advice: What to do about it.
        object: The object whose data it is, where it is that of one object.
        movable: Whether a quarantine gets it out of the way, so that everything else becomes readable.
        moved_to: Where the quarantine has put it, or what it did instead; empty when nothing was done.
    """

    kind: str
    file: str
    problem: str
    meaning: str
    advice: str
    object: str = ""
    movable: bool = False
    moved_to: str = ""

    @property
    def harmless(self) -> bool:
        """Whether no data is affected."""
        return self.kind in (FindingKind.UNDELIVERED, FindingKind.LEFTOVER)
