"""Files in the memory of one process: the ground of the ephemeral mode."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

from modelbox.stores.files.base import FileInfo, Files


class MemoryFiles(Files):
    """Files that live as long as this object."""

    poll_s = 0.02

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return "memory:/"

    def read(self, path: str) -> bytes:
        try:
            return self._contents[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def create(self, path: str, data: bytes) -> None:
        with self._lock:
            if path in self._contents:
                raise FileExistsError(path)
            self._contents[path] = data

    def write(self, path: str, data: bytes) -> None:
        with self._lock:
            self._contents[path] = data

    def write_stream(self, path: str, fill: Callable[[BinaryIO], None]) -> None:
        buffer = io.BytesIO()
        fill(buffer)
        self.write(path, buffer.getvalue())

    def open(self, path: str) -> BinaryIO:
        return io.BytesIO(self.read(path))

    def size(self, path: str) -> int | None:
        content = self._contents.get(path)
        return None if content is None else len(content)

    def files(self, folder: str) -> list[FileInfo]:
        below = len(_prefix(folder))
        return sorted(info for info in self.walk(folder) if "/" not in info.path[below:])

    def walk(self, folder: str) -> Iterator[FileInfo]:
        prefix = _prefix(folder)
        with self._lock:
            found = [FileInfo(path, len(data)) for path, data in self._contents.items() if path.startswith(prefix)]
        yield from found

    def folders(self, folder: str) -> list[str]:
        below = (info.path[len(_prefix(folder)) :] for info in self.walk(folder))
        return sorted({path.partition("/")[0] for path in below if "/" in path})

    def delete(self, path: str) -> None:
        with self._lock:
            self._contents.pop(path, None)

    def delete_tree(self, folder: str) -> None:
        for info in list(self.walk(folder)):
            self.delete(info.path)

    def forget_after_fork(self) -> None:
        self._lock = threading.Lock()


def _prefix(folder: str) -> str:
    return f"{folder}/" if folder else ""
