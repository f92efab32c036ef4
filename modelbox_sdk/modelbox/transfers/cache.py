"""Local copies of models, kept between loads and shared between processes.

::

    <cache>/trees/<key>/...        what a caller gets: read-only files, hard links to blobs
    <cache>/blobs/<digest>         content, so that versions that share files fetch it once
    <cache>/locks/<key>            held while a tree is built or mended
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from modelbox import settings
from modelbox.backends.base import Backend
from modelbox.errors import InvalidArgumentError
from modelbox.hashing import digest_of
from modelbox.oserrors import storage_errors
from modelbox.paths import refuse_clashes, validate_name
from modelbox.records import ArtifactRecord, FileRecord
from modelbox.transfers.downloads import fetch, for_each, has_content, stored_files
from modelbox.transfers.progress import progress_bar

_ABANDONED_S = 24 * 3600.0


def materialise(backend: Backend, artifacts: Sequence[ArtifactRecord], single: bool, progress: bool = True) -> Path:
    """A verified, read-only local copy of artifacts.

    Contents are verified each time, and what is damaged is fetched again; nothing is transferred when all is well. Any number of
    processes may do this at once: one fetches, the others wait for it.

    Args:
        backend: Where the content is.
        artifacts: What to copy. Of several, files that are only tracked are left out.
        single: Whether files lie in the folder itself, for one artifact, and not in one folder for each artifact.
        progress: Whether a long transfer shows a progress bar.

    Returns:
        The folder, below the cache folder of the settings.

    Raises:
        InvalidArgumentError: The one artifact, or all there is, is tracked and not stored; or paths of two artifacts clash.
        ChecksumError: Content in the store is damaged.
        NotFoundError: Content in the store is gone.
    """
    files = _layout(artifacts, single)
    cache = settings.cache_dir().absolute()
    key = digest_of(json.dumps(sorted((path, file.digest) for path, file in files.items())).encode()).partition(":")[2]
    tree = _Tree(cache, cache / "trees" / key, files)
    with storage_errors("write", str(cache)):
        for folder in ("trees", "blobs", "locks"):
            (cache / folder).mkdir(parents=True, exist_ok=True)
        with _locked(cache / "locks" / key):
            tree.make_whole(backend, f"loading {', '.join(artifact.name for artifact in artifacts)}", progress)
    return tree.path


def _layout(artifacts: Sequence[ArtifactRecord], single: bool) -> dict[str, FileRecord]:
    """The files by their paths in the tree."""
    if single and len(artifacts) != 1:
        raise InvalidArgumentError(f"a single artifact was expected, not {len(artifacts)}")
    placed: list[tuple[str, FileRecord]] = []
    for artifact in artifacts:
        prefix = "" if single else f"{validate_name(artifact.name)}/"
        placed += [(f"{prefix}{file.path}", file) for file in stored_files(artifact, leave_tracked=not single)]
    if not placed:
        raise InvalidArgumentError(
            f"there is nothing to load: {', '.join(artifact.name for artifact in artifacts)} is only tracked"
        )
    refuse_clashes(path for path, _ in placed)
    return dict(placed)


class _Tree:
    """One folder of the cache."""

    def __init__(self, cache: Path, path: Path, files: dict[str, FileRecord]) -> None:
        self.path = path
        self._blobs = cache / "blobs"
        self._files = files

    def make_whole(self, backend: Backend, description: str, progress: bool) -> None:
        """Build what is missing, mend what is damaged, remove what does not belong; the caller holds the lock."""
        if not self.path.exists():
            self._build(backend, description, progress)
            return
        strays = self._strays()
        damaged = self._damaged()
        if strays or damaged:
            with _writable(self.path):
                for stray in strays:
                    _remove(stray)
                self._fill(self.path, damaged, backend, description, progress)

    def _build(self, backend: Backend, description: str, progress: bool) -> None:
        _sweep(self.path.parent)
        temporary = self.path.parent / f".tmp-{secrets.token_hex(8)}"
        temporary.mkdir()
        try:
            self._fill(temporary, self._files, backend, description, progress)
            _set_modes(temporary, 0o555)
            temporary.rename(self.path)
        except BaseException:
            _remove(temporary)
            raise

    def _fill(self, root: Path, files: dict[str, FileRecord], backend: Backend, description: str, progress: bool) -> None:
        """Put files in their places, each by one rename."""
        for folder in {(root / path).parent for path in files}:
            folder.mkdir(parents=True, exist_ok=True)
        by_digest = {file.digest: file for file in files.values()}
        total = sum(file.size or 0 for file in by_digest.values())
        with progress_bar(description, total, enabled=progress) as report:
            for_each(lambda file: self._ensure_blob(file, backend, report), by_digest.values())
        for path, file in files.items():
            _place(self._blob(file), root / path)

    def _ensure_blob(self, file: FileRecord, backend: Backend, report: Callable[[int], None]) -> None:
        blob = self._blob(file)
        if has_content(str(blob), file):
            report(file.size or 0)
            return
        fetch(backend, file, str(blob), report, mode=0o444)

    def _blob(self, file: FileRecord) -> Path:
        return self._blobs / file.digest.replace(":", "-")

    def _damaged(self) -> dict[str, FileRecord]:
        damaged: dict[str, FileRecord] = {}

        def check(placed: tuple[str, FileRecord]) -> None:
            path, file = placed
            if not has_content(f"{self.path}/{path}", file):
                damaged[path] = file

        for_each(check, self._files.items())
        return damaged

    def _strays(self) -> list[Path]:
        """What is in the tree but does not belong there."""
        folders = {str(parent) for path in self._files for parent in Path(path).parents}
        strays = []
        for folder, names, files in os.walk(self.path):
            inside = os.path.relpath(folder, self.path)
            for name in [*names, *files]:
                path = os.path.normpath(os.path.join(inside, name))
                is_folder = name in names and not os.path.islink(os.path.join(folder, name))
                if path not in (folders if is_folder else self._files):
                    strays.append(Path(folder, name))
            names[:] = [name for name in names if os.path.normpath(os.path.join(inside, name)) in folders]
        return strays


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # goes with the process
        yield


@contextlib.contextmanager
def _writable(root: Path) -> Iterator[None]:
    _set_modes(root, 0o755)
    try:
        yield
    finally:
        _set_modes(root, 0o555)


def _set_modes(root: Path, mode: int) -> None:
    for folder, _, _ in os.walk(root):
        os.chmod(folder, mode)


def _place(blob: Path, target: Path) -> None:
    """Give content a name in a tree, replacing what has it."""
    temporary = target.parent / f".modelbox-{secrets.token_hex(8)}"
    try:
        os.link(blob, temporary)
    except OSError:  # too many links, or a file system without them
        shutil.copyfile(blob, temporary)
        os.chmod(temporary, 0o444)
    if target.is_dir() and not target.is_symlink():
        _remove(target)
    os.replace(temporary, target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        with contextlib.suppress(OSError):
            _set_modes(path, 0o755)
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left."""
    for path in folder.glob(".tmp-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                _remove(path)
