"""Downloading."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import BinaryIO, TypeVar

from modelbox.backends.base import Backend
from modelbox.direct_io import read_ahead
from modelbox.errors import ChecksumError, InvalidArgumentError
from modelbox.hashing import Hasher, digest_of_stream
from modelbox.oserrors import storage_errors
from modelbox.paths import refuse_clashes, validate_relative_path
from modelbox.records import ArtifactRecord, FileRecord
from modelbox.transfers.progress import progress_bar

_T = TypeVar("_T")

AT_ONCE = 8
"""Files that are fetched at a time; each takes a few buffers of memory."""


def download(backend: Backend, artifact: ArtifactRecord, dst: str | os.PathLike[str], progress: bool = True) -> Path:
    """Write the files of an artifact into a folder.

    Each appears under its name when it is whole and has the right digest. A file that is there with the right content is kept.

    Args:
        backend: Where the content is.
        artifact: What to download.
        dst: The folder; made when it is not there.
        progress: Whether a long transfer shows a progress bar.

    Returns:
        The folder.

    Raises:
        ChecksumError: Content is not what was uploaded; nothing is left under that name.
        InvalidArgumentError: The artifact is tracked, not stored; or a link in the folder leads out of it.
        NotFoundError: The content is gone.
        PermissionDeniedError: The folder cannot be written.
    """
    files = stored_files(artifact)
    root = os.path.abspath(os.fsdecode(dst))
    with storage_errors("write", root):
        try:
            os.makedirs(root, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise InvalidArgumentError(f"cannot download into {root}: it is not a folder") from error
    folders = _Folders(root)
    total = sum(file.size or 0 for file in files)
    with progress_bar(f"downloading {artifact.name}", total, enabled=progress) as report:

        def one(file: FileRecord) -> None:
            target = f"{folders.make(os.path.dirname(file.path))}/{os.path.basename(file.path)}"
            if has_content(target, file):
                report(file.size or 0)
            else:
                fetch(backend, file, target, report)

        for_each(one, files)
    return Path(dst)


def stored_files(artifact: ArtifactRecord, *, leave_tracked: bool = False) -> tuple[FileRecord, ...]:
    """The files of an artifact, their paths checked again: a record may come from a store that others write to.

    Args:
        artifact: The artifact.
        leave_tracked: Whether files that are only tracked are left out, and not refused.

    Raises:
        InvalidArgumentError: A file is tracked, or a path cannot be used.
    """
    files = tuple(file for file in artifact.files if file.blob is not None) if leave_tracked else artifact.files
    for file in files:
        if file.blob is None:
            raise InvalidArgumentError(f"artifact {artifact.name!r} is tracked, not stored: read its content from {file.uri}")
        validate_relative_path(file.path, "file path")
    refuse_clashes(file.path for file in files)
    return files


def fetch(backend: Backend, file: FileRecord, target: str, report: Callable[[int], None], mode: int | None = None) -> None:
    """Write a stored file under a name, when all of it has arrived and has the right digest.

    Args:
        backend: Where the content is.
        file: Which.
        target: The name; what has it is replaced.
        report: Called with the number of bytes just written.
        mode: Access mode, when not that of any new file.

    Raises:
        ChecksumError: It has not.
    """
    temporary = f"{os.path.dirname(target)}/.modelbox-{secrets.token_hex(8)}.part"
    try:
        with storage_errors("write", target):
            with open(temporary, "xb", buffering=0) as copy, backend.open_file(file) as content:
                digest = _copy(content, copy, file.size or 0, report)
            if digest != file.digest:
                raise ChecksumError(
                    f"the content of {file.path!r} ({file.uri}) is damaged: its digest is {digest}, not {file.digest}"
                )
            if mode is not None:
                os.chmod(temporary, mode)
            try:
                os.replace(temporary, target)
            except IsADirectoryError as error:
                raise InvalidArgumentError(f"cannot write {target}: there is a folder of this name") from error
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _copy(content: BinaryIO, copy: FileIO, size: int, report: Callable[[int], None]) -> str:
    """Copy a stream; the digest of what was copied."""
    hasher = Hasher()
    for chunk in read_ahead(content, 0, size + 1):  # what is longer than it should be is damaged
        hasher.update(chunk)
        left = chunk
        while left:
            left = left[copy.write(left) :]
        report(len(chunk))
    return hasher.digest()


def has_content(path: str, file: FileRecord) -> bool:
    """Whether there is a plain file with the content of a stored one."""
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_size != file.size:
            return False
        with open(path, "rb", buffering=0) as content:
            return digest_of_stream(content, found.st_size)[0] == file.digest
    except OSError:
        return False


def for_each(action: Callable[[_T], None], items: Collection[_T]) -> None:
    """Do something for each item, several at a time; the first failure stops what has not begun."""
    if len(items) <= 1:
        for item in items:
            action(item)
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(items)), thread_name_prefix="modelbox-transfer") as pool:
        try:
            for _ in pool.map(action, items):
                pass
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


class _Folders:
    """Makes folders below a root, never through a link that leads out of it."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._real = os.path.realpath(root)
        self._made: dict[str, str] = {"": root}
        self._lock = threading.Lock()

    def make(self, path: str) -> str:
        """Make a folder and those above it; its full path."""
        with self._lock:
            return self._make(path)

    def _make(self, path: str) -> str:
        made = self._made.get(path)
        if made is not None:
            return made
        full = f"{self._make(os.path.dirname(path))}/{os.path.basename(path)}"
        with storage_errors("write", full):
            if os.path.islink(full):
                real = os.path.realpath(full)
                if not real.startswith(self._real.rstrip("/") + "/") or not os.path.isdir(real):
                    raise InvalidArgumentError(f"cannot download into {full}: it is a link that leads out of {self._root}")
            else:
                try:
                    os.mkdir(full)
                except FileExistsError as error:
                    if not os.path.isdir(full):
                        raise InvalidArgumentError(f"cannot download into {full}: there is a file of this name") from error
        self._made[path] = full
        return full
