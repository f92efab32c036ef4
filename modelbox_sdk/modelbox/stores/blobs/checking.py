"""Examining stored content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelbox.errors import ModelBoxError, NotFoundError
from modelbox.findings import Fault, FindingKind
from modelbox.hashing import digest_of_stream
from modelbox.stores.blobs.base import BlobStore, Reference
from modelbox.stores.blobs.writer import ROOT, STAGING

_UPLOAD = "restore it from a backup, or upload the file again"
_MOVE = f"{_UPLOAD}, after moving this away with --quarantine"


def check(store: BlobStore, referenced: Mapping[str, Reference], content: bool) -> Iterator[Fault]:
    """What is wrong with referenced content, and what is left of interrupted uploads."""
    sizes = {blob.name: blob.size for blob in store.blobs()}
    for name, reference in sorted(referenced.items()):
        meaning = f"{reference.what} cannot be downloaded"
        if name not in sizes:
            yield _fault(FindingKind.MISSING, name, "it is not there", meaning, _UPLOAD)
        elif sizes[name] != reference.size:
            problem = f"it has {sizes[name]:,} bytes, not {reference.size:,}"
            yield _fault(FindingKind.DAMAGED, name, problem, meaning, _MOVE, movable=True)
        elif content:
            yield from _examine(store, name, reference, meaning)
    staged = store.clean(dry_run=True)
    if staged:
        problem = f"uploads that were interrupted more than a day ago left {staged:,} bytes"
        yield Fault(kind=FindingKind.LEFTOVER, path=STAGING, problem=problem, meaning="none", advice="free them with: modelbox gc")


def _examine(store: BlobStore, name: str, reference: Reference, meaning: str) -> Iterator[Fault]:
    try:
        with store.open(name) as stream:
            found, _ = digest_of_stream(stream, reference.size)
    except NotFoundError:
        yield _fault(FindingKind.MISSING, name, "it is not there", meaning, _UPLOAD)
    except ModelBoxError as error:
        yield _fault(FindingKind.UNREADABLE, name, str(error), meaning, "see why, and try again")
    except OSError as error:
        yield _fault(FindingKind.UNREADABLE, name, error.strerror or str(error), meaning, "see why, and try again")
    else:
        if found != reference.digest:
            yield _fault(FindingKind.DAMAGED, name, f"its digest is {found}", meaning, _MOVE, movable=True)


def _fault(kind: FindingKind, name: str, problem: str, meaning: str, advice: str, *, movable: bool = False) -> Fault:
    return Fault(kind=kind, path=f"{ROOT}/{name}", problem=problem, meaning=meaning, advice=advice, movable=movable)
