"""Uploading."""

from __future__ import annotations

from collections.abc import Callable

from modelbox.backends.base import Backend
from modelbox.errors import ChecksumError, ConflictError
from modelbox.paths import validate_name
from modelbox.records import ArtifactRecord
from modelbox.transfers.progress import progress_bar
from modelbox.transfers.sources import Source, collect, rehash

_ATTEMPTS = 3


def upload(backend: Backend, object_id: str, name: str, source: Source, progress: bool = True) -> ArtifactRecord:
    """Upload a source as an artifact.

    A file that is overwritten meanwhile is stored whole in one state or not at all: it is hashed before it is sent, the store
    refuses content that does not hash to the same, and then it is tried again.

    Args:
        backend: Where to.
        object_id: The object that the artifact hangs on.
        name: Name of the artifact.
        source: See :func:`modelbox.transfers.sources.collect`.
        progress: Whether a long transfer shows a progress bar.

    Raises:
        ConflictError: A file changed each time that it was read; nothing is visible of this upload.
        ChecksumError: Content arrived damaged, several times, though the files are as they were.
    """
    validate_name(name)
    with collect(source, name) as files:
        total = sum(file.size for file in files)
        with progress_bar(f"uploading {name}", total, enabled=progress) as report:
            changed: list[str] = []
            for attempt in range(1, _ATTEMPTS + 1):
                counter = _Counter(report)
                try:
                    return backend.put_artifact(object_id, name, files, counter)
                except ChecksumError:
                    counter.undo()
                    fresh = [rehash(file) for file in files]
                    changed += [file.path for file, now in zip(files, fresh, strict=True) if file.open != now.open]
                    if attempt == _ATTEMPTS and not changed:
                        raise
                    files = fresh
    names = ", ".join(sorted(set(changed))[:5])
    raise ConflictError(f"{names} changed while it was uploaded, {_ATTEMPTS} times; upload it when nothing writes to it")


class _Counter:
    """Passes progress on, and can take it back."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._sum = 0

    def __call__(self, count: int) -> None:
        self._sum += count
        self._report(count)

    def undo(self) -> None:
        self._report(-self._sum)
        self._sum = 0
