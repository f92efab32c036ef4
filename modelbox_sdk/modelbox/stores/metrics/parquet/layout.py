"""Which files hold the points of an object, and which of them count.

``metrics/<uid>/<writer>.<sequence>.parquet``
    One batch. The name says which, so storing it twice makes one file.
``metrics/<uid>/merge/<number>.json``
    An intent: the files that merge ``number`` puts together, and the state before it.
``metrics/<uid>/merged-<number>-<token>.parquet``
    The result of that intent.

Any process may merge, at any time, killed at any moment, beside any others, without a lock. What holds throughout:

1. Intents are numbered without gaps, each created exclusively by somebody who saw the result of the one before. So at most the
   last intent lacks its result, and the last one alone tells the whole state: the results that are alive (``live``), the batches
   in them (``covered``), and its own ``sources``, which are alive until its result is there, and dead from then on.
2. A file is alive, or dead for good. Only dead files are deleted. So each batch is in exactly one file that is alive, and that
   file is there: the batch's own, or the one result that descends from it.
3. Dead files do no harm: a slow executor may write a result again after it has been merged into another, a slow writer may store
   a batch again that has long been merged. They are not alive in the last intent's state, so no reader opens them, and the next
   sweep removes them.
4. A reader lists the files first, and the intents then: an intent is older than the deletions that it allows. When a file that
   has to be there is not in the listing, the listing was overtaken, and the reader lists again; also when a file vanishes before
   it is opened.

Intents much older than the last are deleted, so that they do not add up. Somebody who slept through all that could then create an
old number again. It is not the last, so nobody heeds it, its creator included, who looks after creating it; and should its creator
look at a stale listing (NFS), the result has another token than the one in the true history, and is dead.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple
from urllib.parse import quote, unquote

from modelbox.errors import CorruptStoreError
from modelbox.stores.files import FileInfo

ROOT = "metrics"
FORMAT = 1

_BATCH = re.compile(r"(.+)\.(\d+)\.parquet")
_MERGED = re.compile(r"merged-(\d{8,})-([0-9a-f]+)\.parquet")

Covered = Mapping[str, tuple[tuple[int, int], ...]]
"""By writer: ranges of sequences, both ends inclusive, in order, neither touching nor overlapping."""


class BatchName(NamedTuple):
    """A batch of an object's points."""

    writer: str
    sequence: int


def escaped(name: str) -> str:
    """A uid or a writer as a part of a path."""
    text = quote(name, safe="")
    return f"%2E{text[1:]}" if text.startswith(".") else text  # a leading dot would be a temporary file


def unescaped(part: str) -> str:
    """The inverse of :func:`escaped`."""
    return unquote(part)


def folder_of(uid: str) -> str:
    """Where the points of a life of an object are."""
    return f"{ROOT}/{escaped(uid)}"


def batch_file(name: BatchName) -> str:
    """The file of a batch."""
    return f"{escaped(name.writer)}.{name.sequence}.parquet"


def batch_of(file: str) -> BatchName | None:
    """The batch in a file, or None when it is the result of a merge."""
    match = _BATCH.fullmatch(file)
    return BatchName(unescaped(match[1]), int(match[2])) if match else None


def number_of(file: str) -> int | None:
    """The number of the merge that a file is the result of, or None when it is none."""
    match = _MERGED.fullmatch(file)
    return int(match[1]) if match else None


def intent_file(number: int) -> str:
    """The file of an intent."""
    return f"merge/{number:08d}.json"


def covers(covered: Covered, name: BatchName) -> bool:
    """Whether a batch is among those covered."""
    ranges = covered.get(name.writer, ())
    low, high = 0, len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle][1] < name.sequence:
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and ranges[low][0] <= name.sequence


def with_batches(covered: Covered, names: Iterable[BatchName]) -> Covered:
    """What is covered together with some batches."""
    ranges = {writer: list(known) for writer, known in covered.items()}
    for writer, sequence in names:
        ranges.setdefault(writer, []).append((sequence, sequence))
    return {writer: _united(sorted(found)) for writer, found in ranges.items()}


def _united(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    united: list[tuple[int, int]] = []
    for first, last in ranges:
        if united and first <= united[-1][1] + 1:
            united[-1] = (united[-1][0], max(last, united[-1][1]))
        else:
            united.append((first, last))
    return tuple(united)


def _seal(body: bytes) -> bytes:
    """What ends a JSON object, given without its last brace, with the checksum of its bytes."""
    return b',"crc32":%d}' % zlib.crc32(body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A merge, and the state before it.

    Attributes:
        number: Its place in the history, from 1.
        result: The file that it makes.
        sources: The files that it puts together: batches, and results of earlier merges.
        live: Results of earlier merges that are alive and not among the sources.
        covered: The batches in ``live`` and in those of ``sources`` that are results.
        creator: Who created it; no other executes it while it is fresh.
        created_us: When, by the creator's clock.
    """

    number: int
    result: str
    sources: tuple[str, ...]
    live: tuple[str, ...]
    covered: Covered
    creator: str
    created_us: int

    def to_bytes(self) -> bytes:
        """As it is stored."""
        body = json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":"))[:-1].encode()
        return body + _seal(body)

    @classmethod
    def from_bytes(cls, data: bytes, address: str) -> Intent:
        """What was stored.

        Raises:
            CorruptStoreError: That is no intent.
        """
        try:
            fields = json.loads(data)
            if fields.pop("format") != FORMAT:
                raise CorruptStoreError(f"{address} was written by a newer ModelBox; update this one")
            if fields.pop("crc32") != zlib.crc32(data[: data.rindex(b',"crc32":')]):
                raise ValueError("its checksum does not match")
            covered = {writer: tuple((int(a), int(b)) for a, b in ranges) for writer, ranges in fields.pop("covered").items()}
            sources, live = tuple(fields.pop("sources")), tuple(fields.pop("live"))
            return cls(**fields, covered=covered, sources=sources, live=live)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorruptStoreError(f"{address} is damaged: it is no record of a merge ({error})") from error


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an object's files at one moment.

    Attributes:
        alive: The files to read, with their sizes; together they hold each stored batch once.
        dead: Files that may be deleted.
        intent: The last intent, if there was any.
        pending: Whether the last intent lacks its result.
    """

    alive: Mapping[str, int]
    dead: tuple[str, ...]
    intent: Intent | None
    pending: bool
    covered: Covered

    @property
    def results(self) -> tuple[str, ...]:
        """The results of merges that are alive."""
        return tuple(file for file in self.alive if number_of(file) is not None)

    def stores(self, name: BatchName) -> bool:
        """Whether a batch is stored."""
        return batch_file(name) in self.alive or covers(self.covered, name)

    def last_sequence(self, writer: str) -> int | None:
        """The greatest sequence of the stored batches of a writer; None when there is none."""
        alone = (batch.sequence for file in self.alive if (batch := batch_of(file)) is not None and batch.writer == writer)
        return max([*alone, *(last for _, last in self.covered.get(writer, ())[-1:])], default=None)


def interpret(files: Iterable[FileInfo], intent: Intent | None) -> Snapshot | list[str]:
    """Tell which files count.

    Args:
        files: A listing of the object's folder.
        intent: The last intent of a listing made after that.

    Returns:
        The state; or, when the listing was overtaken by a merge, the files that it lacks, or that the intents know nothing of.
    """
    sizes = {info.path.rpartition("/")[2]: info.size for info in files}
    last, pending = 0, False
    live: set[str] = set()
    missing: list[str] = []
    covered: Covered = {}
    if intent is not None:
        last, covered = intent.number, intent.covered
        pending = intent.result not in sizes
        live = {*intent.live, *((s for s in intent.sources if batch_of(s) is None) if pending else (intent.result,))}
        missing = sorted(live - sizes.keys())
        if pending and not sizes.keys() >= set(intent.sources):
            missing = [intent.result]  # it was there, for nothing else allows a source to go
        if not pending:
            covered = with_batches(covered, filter(None, map(batch_of, intent.sources)))
    alive: dict[str, int] = {}
    dead: list[str] = []
    for file, size in sizes.items():
        if (batch := batch_of(file)) is not None:
            counts = not covers(covered, batch)
        elif (number := number_of(file)) is not None:
            counts = file in live
            if number > last:
                missing.append(intent_file(number))
        else:
            continue  # not ours
        if counts:
            alive[file] = size
        else:
            dead.append(file)
    return missing or Snapshot(alive, tuple(dead), intent, pending, covered)
