"""Files in a folder of a POSIX file system (local, NFS or FUSE)."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote as urlquote

from modelbox.errors import InvalidArgumentError
from modelbox.stores.files.base import FileInfo, Files, fsync_folder, storage_errors

_TEMPORARY = ".tmp-"
_ABANDONED_S = 3600.0
_ATTEMPTS = 20
_LOOKS = 200
"""A process that has looked so often for new files goes on doing so, and learns to do it quickly."""
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


class PosixFiles(Files):
    """A folder. New files are written beside their place, synced, and then linked or renamed into it."""

    poll_s = 0.02

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(root)
        self._uri = Path(self._root).as_uri() + "/"
        self._looks = 0
        self._glance: Callable[[str], bool] | None = None

    @property
    def url(self) -> str:
        return self._root

    def local_path(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def address(self, path: str) -> str:
        return self._uri + urlquote(path)

    def read(self, path: str) -> bytes:
        with self.open(path, buffering=0) as file, storage_errors("read", self.local_path(path)):
            return file.read()

    def may_exist(self, path: str) -> bool:
        if self._glance is not None:
            return self._glance(self.local_path(path))
        self._looks += 1
        if self._looks == _LOOKS:
            from modelbox.stores.files.glancing import glance_at

            self._glance = glance_at(self._root)
        return True

    def create(self, path: str, data: bytes) -> None:
        target = self.local_path(path)

        def create() -> None:
            with self._temporary(target) as (file, name):
                file.write(data)
                file.flush()
                os.fdatasync(file.fileno())
                _link(name, target)
                with contextlib.suppress(FileNotFoundError):  # somebody is deleting the folder, and was here first
                    os.unlink(name)
                fsync_folder(os.path.dirname(target))

        with storage_errors("write", target):
            _despite_deletions(create)

    def write(self, path: str, data: bytes) -> None:
        def fill(file: BinaryIO) -> None:
            file.write(data)

        self.write_stream(path, fill)

    def write_stream(self, path: str, fill: Callable[[BinaryIO], None]) -> None:
        target = self.local_path(path)
        with storage_errors("write", target), self._temporary(target) as (file, name):
            fill(file)
            file.flush()
            os.fdatasync(file.fileno())
            os.replace(name, target)
            fsync_folder(os.path.dirname(target))

    def open(self, path: str, *, buffering: int = -1) -> BinaryIO:
        with storage_errors("read", self.local_path(path)):
            try:
                return open(self.local_path(path), "rb", buffering=buffering)
            except (NotADirectoryError, IsADirectoryError) as error:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.local_path(path)) from error

    def size(self, path: str) -> int | None:
        with storage_errors("read", self.local_path(path)):
            try:
                found = os.stat(self.local_path(path))
            except (FileNotFoundError, NotADirectoryError):
                return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def files(self, folder: str) -> list[FileInfo]:
        return sorted(self._entries(folder))

    def walk(self, folder: str) -> Iterator[FileInfo]:
        yield from self._entries(folder)
        for name in self.folders(folder):
            yield from self.walk(f"{folder}/{name}" if folder else name)

    def folders(self, folder: str) -> list[str]:
        with storage_errors("list", self.local_path(folder)):
            try:
                with os.scandir(self.local_path(folder)) as entries:
                    return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def delete(self, path: str) -> None:
        with storage_errors("delete", self.local_path(path)), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(self.local_path(path))

    def delete_tree(self, folder: str) -> None:
        import shutil

        def delete() -> None:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                shutil.rmtree(self.local_path(folder))

        with storage_errors("delete", self.local_path(folder)):
            _despite_creations(delete)

    def move(self, path: str, target: str) -> None:
        source, goal = self.local_path(path), self.local_path(target)
        self.make_folders(os.path.dirname(target))
        with storage_errors("move", source):
            os.replace(source, goal)
            fsync_folder(os.path.dirname(goal))
            fsync_folder(os.path.dirname(source))

    def leftovers(self) -> Iterator[FileInfo]:
        for folder, _, names in os.walk(self._root):
            for name in names:
                if name.startswith(_TEMPORARY):
                    path = os.path.join(folder, name)
                    with contextlib.suppress(OSError):
                        found = os.stat(path)
                        if time.time() - found.st_mtime > _ABANDONED_S:
                            yield FileInfo(os.path.relpath(path, self._root), found.st_size)

    def make_folders(self, folder: str) -> None:
        """Make a folder and its parents, each of them durable."""
        with storage_errors("write", self.local_path(folder)):
            _make_folders(self.local_path(folder))

    def _entries(self, folder: str) -> Iterator[FileInfo]:
        with storage_errors("list", self.local_path(folder)):
            try:
                with os.scandir(self.local_path(folder)) as entries:
                    found = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
            except (FileNotFoundError, NotADirectoryError):
                return
        for entry in found:
            with contextlib.suppress(FileNotFoundError):
                if not entry.name.startswith(_TEMPORARY):
                    yield FileInfo(f"{folder}/{entry.name}" if folder else entry.name, entry.stat().st_size)
                elif time.time() - entry.stat().st_mtime > _ABANDONED_S:  # of a process that was killed
                    with contextlib.suppress(PermissionError):
                        os.unlink(entry.path)

    @contextlib.contextmanager
    def _temporary(self, target: str) -> Iterator[tuple[BinaryIO, str]]:
        folder = os.path.dirname(target)
        name = f"{folder}/{_TEMPORARY}{os.urandom(8).hex()}"
        try:
            file = open(name, "xb")  # noqa: SIM115
        except FileNotFoundError:
            _make_folders(folder)
            file = open(name, "xb")  # noqa: SIM115
        try:
            with file:
                yield file, name
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


def _despite_deletions(create: Callable[[], None]) -> None:
    """Create a file in a folder that somebody else may just be deleting, with all that is in it."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(FileNotFoundError):
            return create()
    return create()


def _despite_creations(delete: Callable[[], None]) -> None:
    """Delete a folder in which somebody else may just be creating files."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return delete()
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    return delete()


def _link(source: str, target: str) -> None:
    """Give a finished file its name; link(2) fails when the name exists, on NFS too, where O_EXCL and rename do not serve."""
    try:
        os.link(source, target)
    except FileExistsError:
        # NFS may repeat a call whose answer was lost, and then find the name that it made itself.
        if os.stat(source).st_nlink != 2:
            raise
    except OSError as error:
        if error.errno in _NO_LINKS:
            raise InvalidArgumentError(
                f"{os.path.dirname(target)} cannot hold a store: its file system has no hard links,"
                " without which two writers could both win; choose another folder, or s3://"
            ) from error
        raise


def _make_folders(folder: str) -> None:
    """Make a folder and its parents, each of them durable."""
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    _make_folders(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
    fsync_folder(parent)
