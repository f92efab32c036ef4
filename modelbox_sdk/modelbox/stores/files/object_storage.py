"""Files as objects of an fsspec file system with exclusive create, such as S3."""

from __future__ import annotations

import contextlib
import errno
import glob
import inspect
import io
import os
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from modelbox.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError, UnavailableError
from modelbox.stores.files.base import FileInfo, Files, storage_errors
from modelbox.stores.files.multipart import Multipart, write_parts
from modelbox.streams import SizedReader

_STREAM_BLOCK = 16 << 20
_READ_BLOCK = 4 << 20
_READERS = 16
_S3 = ("s3", "s3a")
_S3_OPTIONS = {
    # A dead endpoint is reported after 3 attempts: a few seconds when it refuses, 45 s when it accepts and is silent.
    "connect_timeout": 4,
    "read_timeout": 15,
    "retries": {"mode": "standard", "total_max_attempts": 3},
    "max_pool_connections": 32,
    "signature_version": "s3v4",  # else URLs are signed as S3 did it in 2006
}
_S3_ROUNDS = 1
"""s3fs must not repeat what botocore gave up on: its loops are nested, which made 2 minutes of 15 s."""
_READ_ROUNDS = 3
"""How often a read is begun again that broke in the middle, which botocore does not see."""
_BROKEN = ("ClientPayloadError", "ResponseStreamingError", "IncompleteRead", "IncompleteReadError", "ConnectionResetError")
_CONFLICT_ROUNDS = 6
_CREATED_BY = "modelbox-created-by"


class ObjectFiles(Files):
    """A prefix in object storage, through fsspec.

    An object appears when its upload completes, so it needs no temporary name.

    Args:
        url: An fsspec URL such as ``s3://bucket/prefix``. Credentials and endpoint come from the standard environment of that
            storage, or from fsspec's configuration.
        region: The region of an S3 bucket, instead of the environment's.
        endpoint: The URL of an S3 server, instead of the environment's.

    Raises:
        InvalidArgumentError: The storage is not known, or is not known to create objects exclusively.
    """

    poll_s = 0.5

    def __init__(self, url: str, *, region: str = "", endpoint: str = "") -> None:
        import fsspec

        self._client = {name: value for name, value in (("region_name", region), ("endpoint_url", endpoint)) if value}
        self._protocol, _, rest = url.partition("://")
        self._root = rest.strip("/")
        if not self._root:
            raise InvalidArgumentError(f"{url!r} names no bucket or folder; write {self._protocol}://bucket/prefix")
        try:
            kind = fsspec.get_filesystem_class(self._protocol)
        except (ValueError, ImportError) as error:
            raise InvalidArgumentError(f"cannot open {url!r}: {error}") from error
        if self._protocol in ("http", "https") or not _creates_exclusively(kind):
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
                if self._protocol in _S3:
                    options: dict[str, Any] = {"config_kwargs": _S3_OPTIONS, "default_block_size": _STREAM_BLOCK}
                    if self._client:
                        options["client_kwargs"] = self._client
                    made = fsspec.filesystem(self._protocol, use_listings_cache=False, skip_instance_cache=True, **options)
                    made.retries = _S3_ROUNDS
                else:
                    made = fsspec.filesystem(self._protocol, use_listings_cache=False, skip_instance_cache=True)
                self._fs = made
        return self._fs

    def multipart(self) -> Multipart | None:
        """The calls for uploads in parts, where the storage is S3."""
        return Multipart(self.fs) if self._protocol in _S3 else None

    def sign(self, path: str, method: str, expires_s: int, **parameters: Any) -> str:
        """A URL with which anybody can make one call of S3 about a file, for a while. It is a secret."""
        with self._errors("sign", self.address(path)):
            return cast(str, self.fs.url(self.key(path), expires=expires_s, client_method=method, **parameters))

    def key(self, path: str) -> str:
        """The name of a file for the fsspec file system: bucket, prefix and path."""
        return f"{self._root}/{path}" if path else self._root

    def errors(self, verb: str, path: str) -> contextlib.AbstractContextManager[None]:
        """A context that turns failures of the storage into ModelBox errors that name a file."""
        return self._errors(verb, self.address(path))

    def read(self, path: str) -> bytes:
        with self._errors("read", self.address(path)):
            return self._cat(path)

    def create(self, path: str, data: bytes) -> None:
        with self._errors("write", self.address(path)):
            if self._protocol not in _S3:
                self.fs.pipe_file(self.key(path), data, mode="create")
                return
            for attempt in range(_CONFLICT_ROUNDS):
                if attempt:
                    time.sleep(0.05 * 2**attempt)
                try:
                    self._put_new(path, data)
                    return
                except OSError as error:
                    # "In conflict" is not "exists": another conditional PUT, or a deletion, is under way.
                    if error_code(error) not in ("ConditionalRequestConflict", "409") or attempt == _CONFLICT_ROUNDS - 1:
                        raise

    def write(self, path: str, data: bytes) -> None:
        with self._errors("write", self.address(path)):
            self.fs.pipe_file(self.key(path), data)

    def write_stream(self, path: str, fill: Callable[[BinaryIO], None]) -> None:
        with self._errors("write", self.address(path)):
            if self._protocol in _S3:
                write_parts(self.fs, self.key(path), fill)
                return
            file = self.fs.open(self.key(path), "wb", block_size=_STREAM_BLOCK, autocommit=False)
            try:
                fill(file)
                file.close()
                file.commit()
            except BaseException:
                file.discard()
                raise

    def open(self, path: str) -> BinaryIO:
        size = self.size(path)
        if size is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.address(path))
        return io.BufferedReader(_ObjectReader(self, path, size), _READ_BLOCK)

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to ``end`` of a file that is longer than ``start``."""
        with self._errors("read", self.address(path)):
            return self._cat(path, start=start, end=end)

    def size(self, path: str) -> int | None:
        with self._errors("read", self.address(path)):
            try:
                found = self.fs.info(self.key(path))
            except FileNotFoundError:
                return None
        return cast(int, found["size"]) if found["type"] == "file" else None

    def files(self, folder: str) -> list[FileInfo]:
        return sorted(self._infos(self._ls(folder), folder))

    def walk(self, folder: str) -> Iterator[FileInfo]:
        with self._listing(folder):
            found = self.fs.find(self.key(folder), detail=True)
            yield from self._infos(list(found.values()), folder)

    def folders(self, folder: str) -> list[str]:
        return sorted(entry["name"].rstrip("/").rpartition("/")[2] for entry in self._ls(folder) if entry["type"] == "directory")

    def delete(self, path: str) -> None:
        with self._errors("delete", self.address(path)), contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(self.key(path))

    def delete_tree(self, folder: str) -> None:
        with self._errors("delete", self.address(folder)), contextlib.suppress(FileNotFoundError):
            if not glob.has_magic(self.key(folder)):
                self.fs.rm(self.key(folder), recursive=True)
                return
        for info in list(self.walk(folder)):
            self.delete(info.path)

    def read_many(self, paths: list[str]) -> dict[str, bytes]:
        # fs.cat would take names with * ? [ for patterns.
        if not paths:
            return {}

        def read(path: str) -> bytes | None:
            try:
                return self.read(path)
            except FileNotFoundError:
                return None

        self.fs  # noqa: B018  # made once, before the threads want it
        with ThreadPoolExecutor(min(_READERS, len(paths)), thread_name_prefix="modelbox-read") as pool:
            contents = zip(paths, pool.map(read, paths), strict=True)
            return {path: content for path, content in contents if content is not None}

    def forget_after_fork(self) -> None:
        # The parent's event loop thread does not exist here; its file system must be neither used nor finalised.
        _orphans.append(self._fs)
        self._fs = None

    def close(self) -> None:
        self._fs = None

    def _cat(self, path: str, **limits: int) -> bytes:
        # With more than one reader s3fs asks for the size first, a round trip for every file.
        if self._protocol in _S3 and _takes(self.fs._cat_file, "max_concurrency"):
            limits["max_concurrency"] = 1
        for _ in range(_READ_ROUNDS - 1):
            with contextlib.suppress(_BrokenReadError):
                return self._cat_once(path, limits)
        return self._cat_once(path, limits)

    def _cat_once(self, path: str, limits: dict[str, int]) -> bytes:
        try:
            return cast(bytes, self.fs.cat_file(self.key(path), **limits))
        except Exception as error:
            if type(error).__name__ in _BROKEN:
                raise _BrokenReadError(f"cannot read {self.address(path)}: the connection broke: {error}") from error
            raise

    def _put_new(self, path: str, data: bytes) -> None:
        # A PUT whose answer was lost is repeated, and then refused because of itself: know one's own.
        token = uuid.uuid4().hex
        try:
            self.fs.pipe_file(self.key(path), data, mode="create", chunksize=1 << 40, Metadata={_CREATED_BY: token})
        except OSError as error:
            if not (isinstance(error, FileExistsError) or _lost_exclusive_create(error)) or self._creator(path) != token:
                raise

    def _creator(self, path: str) -> str | None:
        bucket, _, name = self.key(path).partition("/")
        return cast("str | None", self.fs.call_s3("head_object", Bucket=bucket, Key=name).get("Metadata", {}).get(_CREATED_BY))

    def _ls(self, folder: str) -> list[dict[str, Any]]:
        with self._listing(folder):
            return cast("list[dict[str, Any]]", self.fs.ls(self.key(folder), detail=True, refresh=True))
        return []

    def _infos(self, entries: list[dict[str, Any]], folder: str) -> Iterator[FileInfo]:
        # A listing of what is a file gives the file itself; some tools mark folders with objects whose name ends in a slash.
        above = f"{self.key(folder)}/"
        for entry in entries:
            name = entry["name"]
            if entry["type"] == "file" and name.startswith(above) and not name.endswith("/"):
                yield FileInfo(self._relative(name), entry["size"])

    @contextmanager
    def _listing(self, folder: str) -> Iterator[None]:
        with self._errors("list", self.address(folder)):
            try:
                yield
            except FileNotFoundError as error:
                if error_code(error) == "NoSuchBucket":
                    raise

    def _relative(self, name: str) -> str:
        return name[len(self._root) + 1 :]

    @contextmanager
    def _errors(self, verb: str, place: str) -> Iterator[None]:
        with storage_errors(verb, place):
            try:
                yield
            except OSError as error:
                code = error_code(error)
                if code == "NoSuchBucket":
                    raise NotFoundError(f"cannot {verb} {place}: there is no such bucket; create it first") from error
                if _lost_exclusive_create(error):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), place) from error
                raise
            except Exception as error:
                if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
                    raise PermissionDeniedError(
                        f"cannot {verb} {place}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    ) from error
                if type(error).__module__.partition(".")[0] in ("botocore", "aiobotocore", "aiohttp", "fsspec"):
                    raise UnavailableError(f"cannot {verb} {place}: {error}") from error
                raise


class _ObjectReader(SizedReader):
    """An object, read range by range: each is a request of its own, which is repeated when it breaks."""

    def __init__(self, files: ObjectFiles, path: str, size: int) -> None:
        super().__init__(size)
        self._files = files
        self._path = path

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        data = self._files.read_range(self._path, self._at, end)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        # The one of RawIOBase reads 8 KiB at a time.
        data = self._files.read_range(self._path, self._at, self._size) if self._at < self._size else b""
        self._at += len(data)
        return data


class _BrokenReadError(UnavailableError):
    """A connection broke while content was on its way."""


_orphans: list[Any] = []


def _creates_exclusively(kind: type) -> bool:
    """Whether a file system has its own ``mode="create"``; fsspec's default looks first and writes then."""
    return any(_takes(kind.__dict__.get(name), "mode") for name in ("_pipe_file", "pipe_file"))


def _takes(function: Any, parameter: str) -> bool:
    return function is not None and parameter in inspect.signature(function).parameters


def error_code(error: BaseException) -> str | None:
    """The error code of S3 behind what s3fs raised."""
    response = getattr(error.__cause__, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None


def _lost_exclusive_create(error: OSError) -> bool:
    """SeaweedFS and others answer 412 PreconditionFailed, which s3fs raises as EINVAL."""
    return error_code(error) in ("PreconditionFailed", "412")
