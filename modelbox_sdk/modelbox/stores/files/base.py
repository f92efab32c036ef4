"""The little that the embedded stores ask of a storage."""

from __future__ import annotations

import abc
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from modelbox.oserrors import storage_errors

__all__ = ["COPY_CHUNK", "FileInfo", "Files", "fsync_folder", "storage_errors"]

COPY_CHUNK = 1 << 20
"""Bytes read and written at a time where content is streamed."""


class FileInfo(NamedTuple):
    """A file as a listing shows it."""

    path: str
    """Relative to the root, with forward slashes."""
    size: int


class Files(abc.ABC):
    """A tree of whole files, named by relative POSIX paths.

    A file appears under its name whole or not at all, and survives a crash of the machine once the call that wrote it has
    returned. The folder ``""`` is the root. ``FileNotFoundError`` and ``FileExistsError`` are part of the interface; every other
    failure of the storage is a ``ModelBoxError`` that names the place. An ``OSError`` that leaves ``fill`` counts as one.
    """

    atomic_create = True
    """Whether :meth:`create` has one winner among several machines."""

    poll_s: float
    """How often a follower should look for new files, in seconds."""

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """The address of the root, as a user would write it."""

    @abc.abstractmethod
    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: There is no such file.
        """

    def may_exist(self, path: str) -> bool:
        """A quick look: False only when there is no such file; True also when looking is no quicker than reading."""
        del path
        return True

    @abc.abstractmethod
    def create(self, path: str, data: bytes) -> None:
        """Write a file that must not exist; of several callers exactly one succeeds.

        Raises:
            FileExistsError: The name is taken; the file there is untouched.
        """

    @abc.abstractmethod
    def write(self, path: str, data: bytes) -> None:
        """Write a file, replacing one that is there."""

    @abc.abstractmethod
    def write_stream(self, path: str, fill: Callable[[BinaryIO], None]) -> None:
        """Write a file, replacing one that is there, from what ``fill`` writes; if ``fill`` raises, nothing appears.

        The memory that is used does not grow with the size of the file.
        """

    @abc.abstractmethod
    def open(self, path: str) -> BinaryIO:
        """A readable, seekable binary stream.

        Raises:
            FileNotFoundError: There is no such file.
        """

    @abc.abstractmethod
    def size(self, path: str) -> int | None:
        """Bytes in a file, or None when there is no such file."""

    @abc.abstractmethod
    def files(self, folder: str) -> list[FileInfo]:
        """The files directly in a folder, sorted by path; empty when there is no such folder."""

    @abc.abstractmethod
    def walk(self, folder: str) -> Iterator[FileInfo]:
        """The files in a folder and below it."""

    @abc.abstractmethod
    def folders(self, folder: str) -> list[str]:
        """The names of the folders directly in a folder, sorted."""

    @abc.abstractmethod
    def delete(self, path: str) -> None:
        """Delete a file, if it is there."""

    @abc.abstractmethod
    def delete_tree(self, folder: str) -> None:
        """Delete a folder and all that is in it, if it is there."""

    def local_path(self, path: str) -> str | None:  # noqa: ARG002
        """The path under which other programs on this machine can open the file, if it has one."""
        return None

    def address(self, path: str) -> str:
        """The full address of a file, as a user would write it."""
        return f"{self.url}/{path}"

    def read_many(self, paths: list[str]) -> dict[str, bytes]:
        """The contents of those of the files that exist."""
        found = {}
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                found[path] = self.read(path)
        return found

    def copy(self, path: str, target: str) -> None:
        """Write the content of a file under another name too, replacing what has it.

        Raises:
            FileNotFoundError: There is no such file.
        """
        import shutil

        with self.open(path) as source:
            self.write_stream(target, lambda sink: shutil.copyfileobj(source, sink, COPY_CHUNK))

    def move(self, path: str, target: str) -> None:
        """Give a file another name, replacing what has it.

        Raises:
            FileNotFoundError: There is no such file.
        """
        self.copy(path, target)
        self.delete(path)

    def leftovers(self) -> Iterator[FileInfo]:
        """Temporary files that killed processes left, which other listings do not show."""
        return iter(())

    def forget_after_fork(self) -> None:
        """Called in a forked child: let go of what belongs to the parent, without touching it."""

    def close(self) -> None:
        """Release what is held."""


def fsync_folder(path: str | os.PathLike[str]) -> None:
    """Make the names in a folder survive a crash of the machine."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
