"""Files in a folder of a POSIX file system (local, NFS or FUSE)."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from modelbox.stores.files.base import FileInfo, Files, fsync_folder, storage_errors

_TEMPORARY = ".tmp-"
_ABANDONED_S = 3600.0


class PosixFiles(Files):
    """A folder. New files are written beside their place, synced, and then linked or renamed into it."""

    poll_s = 0.02

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(root)

    @property
    def url(self) -> str:
        return self._root

    def local_path(self, path: str) -> str:
        return f"{self._root}/{path}"

    def address(self, path: str) -> str:
        return Path(self.local_path(path)).as_uri()

    def read(self, path: str) -> bytes:
        with storage_errors("read", self.local_path(path)), open(self.local_path(path), "rb", buffering=0) as file:
            return file.readall()

    def create(self, path: str, data: bytes) -> None:
        target = self.local_path(path)
        with storage_errors("write", target), self._temporary(target) as (file, name):
            file.write(data)
            file.flush()
            os.fdatasync(file.fileno())
            # link(2) fails when the name exists, on NFS too, where O_EXCL and rename do not serve.
            os.link(name, target)
            os.unlink(name)
            fsync_folder(os.path.dirname(target))

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

    def open(self, path: str) -> BinaryIO:
        with storage_errors("read", self.local_path(path)):
            return open(self.local_path(path), "rb")

    def size(self, path: str) -> int | None:
        with storage_errors("read", self.local_path(path)):
            try:
                return os.stat(self.local_path(path)).st_size
            except (FileNotFoundError, NotADirectoryError):
                return None

    def files(self, folder: str) -> list[FileInfo]:
        return sorted(self._entries(folder))

    def walk(self, folder: str) -> Iterator[FileInfo]:
        yield from self._entries(folder)
        for name in self.folders(folder):
            yield from self.walk(f"{folder}/{name}")

    def folders(self, folder: str) -> list[str]:
        with storage_errors("list", self.local_path(folder)):
            try:
                with os.scandir(self.local_path(folder)) as entries:
                    return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def delete(self, path: str) -> None:
        with storage_errors("delete", self.local_path(path)), contextlib.suppress(FileNotFoundError):
            os.unlink(self.local_path(path))

    def delete_tree(self, folder: str) -> None:
        with storage_errors("delete", self.local_path(folder)), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.local_path(folder))

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
                    yield FileInfo(f"{folder}/{entry.name}", entry.stat().st_size)
                elif time.time() - entry.stat().st_mtime > _ABANDONED_S:  # of a process that was killed
                    os.unlink(entry.path)

    @contextlib.contextmanager
    def _temporary(self, target: str) -> Iterator[tuple[BinaryIO, str]]:
        folder = os.path.dirname(target)
        try:
            fd, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=folder)
        except FileNotFoundError:
            _make_folders(folder)
            fd, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=folder)
        os.fchmod(fd, 0o666 & ~_umask())
        file = cast(BinaryIO, os.fdopen(fd, "wb"))
        try:
            with file:
                yield file, name
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
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


def _umask() -> int:
    # The only portable way to read the umask changes it for an instant; it is read once, at import.
    return _UMASK


_UMASK = os.umask(0)
os.umask(_UMASK)
