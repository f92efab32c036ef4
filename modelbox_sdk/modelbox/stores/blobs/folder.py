"""Content into a folder: staged, verified, synced, renamed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from modelbox.errors import ChecksumError
from modelbox.hashing import read_into
from modelbox.stores.blobs.base import BlobItem
from modelbox.stores.blobs.syncing import start_writing, sync_files, sync_folders
from modelbox.stores.blobs.writer import ABANDONED_S, ROOT, STAGING, BlobWriter, Progress, verified_chunks, whole_content
from modelbox.stores.files.base import fsync_folder, storage_errors
from modelbox.stores.files.posix import PosixFiles

_SMALL = 1 << 20
"""Content up to here is written in groups that share a sync."""
_GROUP = 250
_PART = ".part"
_READ_ONLY = 0o444
_FLUSH_EVERY = 8 << 20
"""The disk should not idle while content is hashed: 1 GiB took 0.76 s with 8 MiB, 1.2 s with 128 MiB, 2.5 s when all of it was left
to the sync at the end; cp and sync 1.15 s."""


class FolderWriter(BlobWriter):
    """Stores content in a folder.

    A blob is first ``artifacts/staging/<name>.part``. Whoever writes it holds a lock on it, which goes with the process, so that
    the part of a killed one can be continued at once; a second writer of the same content uses a file of its own.
    """

    def __init__(self, files: PosixFiles) -> None:
        super().__init__(files)
        self._folder = files

    def put_many(self, items: Sequence[BlobItem], progress: Progress) -> None:
        missing = []
        for item in items:
            if self.has(item):
                progress(item.size)
            else:
                missing.append(item)
        small = [item for item in missing if item.size <= _SMALL]
        for start in range(0, len(small), _GROUP):
            self._put_group(small[start : start + _GROUP], progress)
        for item in missing:
            if item.size > _SMALL:
                self._put_large(item, progress)

    def clean(self, *, dry_run: bool) -> int:
        freed = 0
        for info in self._files.files(STAGING):
            path = self._path(info.path)
            with storage_errors("delete", path), contextlib.suppress(FileNotFoundError, BlockingIOError):
                freed += _free_abandoned(path, dry_run)
        return freed

    def _path(self, path: str) -> str:
        return self._folder.local_path(path)

    def _put_group(self, items: Sequence[BlobItem], progress: Progress) -> None:
        """Write all, sync once, name all, sync once: the same promise as one by one, at a fraction of the syncs."""
        staging = self._path(STAGING)
        self._folder.make_folders(STAGING)
        staged: list[tuple[int, str, str]] = []
        try:
            with storage_errors("write", staging):
                group = f"{staging}/{os.urandom(8).hex()}"
                for number, item in enumerate(items):
                    content = whole_content(item)
                    name = f"{group}-{number}{_PART}"
                    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _READ_ONLY)
                    staged.append((fd, name, self._path(f"{ROOT}/{item.name}")))
                    _write_all(fd, memoryview(content))
                    progress(item.size)
                folders = {target[: target.rindex("/")] for _, _, target in staged}
                made = _make_missing(folders)
                sync_files([fd for fd, _, _ in staged])
                for _, name, target in staged:
                    os.rename(name, target)
                sync_folders([*folders, *made])
        except BaseException:
            for _, name, _ in staged:
                with contextlib.suppress(OSError):
                    os.unlink(name)
            raise
        finally:
            for fd, _, _ in staged:
                os.close(fd)

    def _put_large(self, item: BlobItem, progress: Progress) -> None:
        target = self._path(f"{ROOT}/{item.name}")
        self._folder.make_folders(STAGING)
        self._folder.make_folders(os.path.dirname(f"{ROOT}/{item.name}"))
        with storage_errors("write", target), self._part(item) as (fd, name):
            if self.has(item):  # another process was faster, while this one waited for the lock
                progress(item.size)
                os.unlink(name)
                return
            try:
                with _source(item) as source:
                    _fill(fd, source, item, progress)
            except ChecksumError:
                os.unlink(name)
                raise
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    os.unlink(name)  # what others need now matters more than what could be continued
                raise
            os.fchmod(fd, _READ_ONLY)
            os.fdatasync(fd)
            os.rename(name, target)
            fsync_folder(os.path.dirname(target))

    @contextlib.contextmanager
    def _part(self, item: BlobItem) -> Iterator[tuple[int, str]]:
        shared = self._path(f"{STAGING}/{item.name.replace('/', '-')}")
        name = shared + _PART
        while (fd := _lock(name)) is None:
            name = f"{shared}.{os.urandom(8).hex()}{_PART}"
        try:
            yield fd, name
        finally:
            os.close(fd)


def _free_abandoned(path: str, dry_run: bool) -> int:
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(file.fileno())
        if time.time() - found.st_mtime <= ABANDONED_S:
            return 0
        if not dry_run:
            os.unlink(path)
        return found.st_size


def _lock(name: str) -> int | None:
    """Open a part and lock it; None when another writer has it."""
    while True:
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(fd, name):
                return fd
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # it was renamed or deleted between opening and locking


def _is(fd: int, name: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(fd), os.stat(name))
    return False


def _fill(fd: int, source: BinaryIO, item: BlobItem, progress: Progress) -> None:
    """Make a part what the source is; what it has already is compared instead of written."""
    at = 0
    unsent = 0
    comparing = os.fstat(fd).st_size > 0
    with open(fd, "rb", buffering=0, closefd=False) as written:
        kept = memoryview(bytearray(0))
        for chunk in verified_chunks(source, item):
            if comparing:
                if len(kept) < len(chunk):
                    kept = memoryview(bytearray(len(chunk)))
                view = kept[: len(chunk)]
                comparing = read_into(written, view) == len(chunk) and view == chunk
                if not comparing:
                    os.ftruncate(fd, at)
                    os.lseek(fd, at, os.SEEK_SET)
            if not comparing:
                _write_all(fd, chunk)
                unsent += len(chunk)
                if unsent >= _FLUSH_EVERY:
                    start_writing(fd, at + len(chunk) - unsent, unsent)
                    unsent = 0
            at += len(chunk)
            progress(len(chunk))
    os.ftruncate(fd, at)


@contextlib.contextmanager
def _source(item: BlobItem) -> Iterator[BinaryIO]:
    with item.source() as source:
        yield source


def _write_all(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _make_missing(folders: set[str]) -> set[str]:
    """Make folders; the folders in which something was made and that are to be synced."""
    changed = set()
    for folder in folders:
        while not os.path.isdir(folder):
            try:
                os.mkdir(folder)
            except FileNotFoundError:
                changed |= _make_missing({os.path.dirname(folder)})
            except FileExistsError:
                pass
            else:
                changed.add(os.path.dirname(folder))
    return changed
