"""Files as objects of an fsspec file system with exclusive create, such as S3."""

from __future__ import annotations

import errno
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from modelbox.errors import InvalidArgumentError, UnavailableError
from modelbox.stores.files.base import FileInfo, Files, storage_errors

_STREAM_BLOCK = 16 << 20
"""Part size of streamed uploads: S3 allows 10,000 parts, so objects of up to 160 GB."""
_READ_BLOCK = 8 << 20


class ObjectFiles(Files):
    """A prefix in object storage, through fsspec.

    An object appears when its upload completes, so it needs no temporary name.

    Args:
        url: An fsspec URL such as ``s3://bucket/prefix``. Credentials and endpoint come from the standard environment of that
            storage, or from fsspec's configuration.

    Raises:
        InvalidArgumentError: The storage is not known, or is not known to create objects exclusively.
    """

    poll_s = 0.5

    def __init__(self, url: str) -> None:
        import fsspec

        self._protocol, _, rest = url.partition("://")
        self._root = rest.strip("/")
        if not self._root:
            raise InvalidArgumentError(f"{url!r} names no bucket or folder; write {self._protocol}://bucket/prefix")
        try:
            kind = fsspec.get_filesystem_class(self._protocol)
        except (ValueError, ImportError) as error:
            raise InvalidArgumentError(f"cannot open {url!r}: {error}") from error
        if not _creates_exclusively(kind):
            raise InvalidArgumentError(
                f"{self._protocol}:// cannot hold a store: its fsspec file system has no exclusive create,"
                " without which two writers could both win; use s3:// or a folder"
            )
        self._fs: Any = None

    @property
    def url(self) -> str:
        return f"{self._protocol}://{self._root}"

    @property
    def fs(self) -> Any:
        """The fsspec file system, made on first use, so that a forked child makes its own."""
        if self._fs is None:
            import fsspec

            with self._errors("open", self.url):
                self._fs = fsspec.filesystem(self._protocol, use_listings_cache=False, skip_instance_cache=True)
        return self._fs

    def read(self, path: str) -> bytes:
        with self._errors("read", self.address(path)):
            return cast(bytes, self.fs.cat_file(self._key(path)))

    def create(self, path: str, data: bytes) -> None:
        with self._errors("write", self.address(path)):
            self.fs.pipe_file(self._key(path), data, mode="create")

    def write(self, path: str, data: bytes) -> None:
        with self._errors("write", self.address(path)):
            self.fs.pipe_file(self._key(path), data)

    def write_stream(self, path: str, fill: Callable[[BinaryIO], None]) -> None:
        with self._errors("write", self.address(path)):
            file = self.fs.open(self._key(path), "wb", block_size=_STREAM_BLOCK, autocommit=False)
            try:
                fill(file)
                file.close()
                file.commit()
            except BaseException:
                file.discard()
                raise

    def open(self, path: str) -> BinaryIO:
        with self._errors("read", self.address(path)):
            return cast(BinaryIO, self.fs.open(self._key(path), "rb", block_size=_READ_BLOCK, cache_type="readahead"))

    def size(self, path: str) -> int | None:
        with self._errors("read", self.address(path)):
            try:
                return cast(int, self.fs.info(self._key(path))["size"])
            except FileNotFoundError:
                return None

    def files(self, folder: str) -> list[FileInfo]:
        with self._errors("list", self.address(folder)):
            found = [entry for entry in self._ls(folder) if entry["type"] == "file" and not entry["name"].endswith("/")]
        return sorted(FileInfo(self._relative(entry["name"]), entry["size"]) for entry in found)

    def walk(self, folder: str) -> Iterator[FileInfo]:
        with self._errors("list", self.address(folder)):
            try:
                found = self.fs.find(self._key(folder), detail=True)
            except FileNotFoundError:
                return
        for name, entry in found.items():
            yield FileInfo(self._relative(name), entry["size"])

    def folders(self, folder: str) -> list[str]:
        with self._errors("list", self.address(folder)):
            return sorted(e["name"].rstrip("/").rpartition("/")[2] for e in self._ls(folder) if e["type"] == "directory")

    def delete(self, path: str) -> None:
        with self._errors("delete", self.address(path)):
            try:
                self.fs.rm_file(self._key(path))
            except FileNotFoundError:
                return

    def delete_tree(self, folder: str) -> None:
        with self._errors("delete", self.address(folder)):
            try:
                self.fs.rm(self._key(folder), recursive=True)
            except FileNotFoundError:
                return

    def read_many(self, paths: list[str]) -> dict[str, bytes]:
        if not paths:
            return {}
        with self._errors("read", self.url):
            found = self.fs.cat({self._key(path): None for path in paths}, on_error="return")
        contents: dict[str, bytes] = {}
        for path in paths:
            content = found.get(self._key(path))
            if isinstance(content, bytes):
                contents[path] = content
            elif content is not None and not isinstance(content, FileNotFoundError):
                with self._errors("read", self.address(path)):
                    raise content
        return contents

    def forget_after_fork(self) -> None:
        # The parent's event loop thread does not exist here; its file system must be neither used nor finalised.
        _orphans.append(self._fs)
        self._fs = None

    def close(self) -> None:
        self._fs = None

    def _ls(self, folder: str) -> list[dict[str, Any]]:
        try:
            found = self.fs.ls(self._key(folder), detail=True, refresh=True)
        except FileNotFoundError:
            return []
        return cast("list[dict[str, Any]]", found)

    def _key(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _relative(self, name: str) -> str:
        return name[len(self._root) + 1 :]

    @contextmanager
    def _errors(self, verb: str, place: str) -> Iterator[None]:
        with storage_errors(verb, place):
            try:
                yield
            except (FileNotFoundError, FileExistsError, PermissionError):
                raise
            except OSError as error:
                if _lost_exclusive_create(error):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), place) from error
                raise
            except Exception as error:
                if type(error).__module__.partition(".")[0] in ("botocore", "aiobotocore", "aiohttp", "fsspec"):
                    raise UnavailableError(f"cannot {verb} {place}: {error}") from error
                raise


_orphans: list[Any] = []


def _creates_exclusively(kind: type) -> bool:
    """Whether a file system has its own ``mode="create"``; fsspec's default looks first and writes then."""
    for name in ("_pipe_file", "pipe_file"):
        method = kind.__dict__.get(name)
        if method is not None and "mode" in inspect.signature(method).parameters:
            return True
    return False


def _lost_exclusive_create(error: OSError) -> bool:
    """SeaweedFS and others answer 412 PreconditionFailed, which s3fs raises as EINVAL."""
    response = getattr(error.__cause__, "response", None)
    if not isinstance(response, dict):
        return False
    return response.get("Error", {}).get("Code") in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
