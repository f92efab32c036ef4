"""Storages that are interrupted, slow or stale: real parts around :class:`MemoryFiles`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from modelbox.errors import UnavailableError
from modelbox.stores.files import FileInfo, Files, MemoryFiles


class Killed(BaseException):
    """The process is dead: nothing catches it."""


class ObservedFiles(Files):
    """Calls ``before`` with the name of the operation and the path, before each operation of a storage that is shared."""

    poll_s = 0.02

    def __init__(self, inner: MemoryFiles, before: Callable[[str, str], None]) -> None:
        self.inner = inner
        self.before = before

    @property
    def url(self) -> str:
        return self.inner.url

    def read(self, path: str) -> bytes:
        self.before("read", path)
        return self.inner.read(path)

    def create(self, path: str, data: bytes) -> None:
        self.before("create", path)
        self.inner.create(path, data)

    def write(self, path: str, data: bytes) -> None:
        self.before("write", path)
        self.inner.write(path, data)

    def write_stream(self, path: str, fill: Callable[[BinaryIO], None]) -> None:
        # As in a real storage: what is written is complete, and then it appears.
        scratch = MemoryFiles()
        scratch.write_stream(path, fill)
        self.before("write", path)
        self.inner.write(path, scratch.read(path))

    def open(self, path: str) -> BinaryIO:
        self.before("open", path)
        return self.inner.open(path)

    def size(self, path: str) -> int | None:
        self.before("size", path)
        return self.inner.size(path)

    def files(self, folder: str) -> list[FileInfo]:
        self.before("list", folder)
        return self.inner.files(folder)

    def walk(self, folder: str) -> Any:
        self.before("walk", folder)
        return self.inner.walk(folder)

    def folders(self, folder: str) -> list[str]:
        self.before("folders", folder)
        return self.inner.folders(folder)

    def delete(self, path: str) -> None:
        self.before("delete", path)
        self.inner.delete(path)

    def delete_tree(self, folder: str) -> None:
        self.before("delete_tree", folder)
        self.inner.delete_tree(folder)


def killed_after(files: MemoryFiles, operations: int) -> ObservedFiles:
    """A storage whose process is killed before its operation number ``operations`` (from 0) takes place."""
    left = operations

    def before(operation: str, path: str) -> None:
        nonlocal left
        if left == 0:
            raise Killed(f"before {operation} {path}")
        left -= 1

    return ObservedFiles(files, before)


def failing_after(files: MemoryFiles, operations: int) -> ObservedFiles:
    """A storage that is out of reach from its operation number ``operations`` (from 0) on."""
    left = operations

    def before(operation: str, path: str) -> None:
        nonlocal left
        if left == 0:
            raise UnavailableError(f"cannot {operation} {path}: the storage is gone")
        left -= 1

    return ObservedFiles(files, before)
