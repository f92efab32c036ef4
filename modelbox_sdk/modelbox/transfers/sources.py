"""What a user gives to be uploaded, as a list of files."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple, TypeAlias

from modelbox.backends.base import SourceFile
from modelbox.errors import InvalidArgumentError, NotFoundError
from modelbox.hashing import CHUNK
from modelbox.oserrors import storage_errors
from modelbox.paths import content_type, refuse_clashes, validate_relative_path
from modelbox.transfers.content import LocalContent, reading

LocalPath: TypeAlias = str | os.PathLike[str]
Source: TypeAlias = LocalPath | Sequence[LocalPath] | BinaryIO

_KEPT_BYTES = 32 << 20
"""How much of small files is kept in memory between hashing and sending."""


class _Found(NamedTuple):
    path: str
    """Inside the artifact."""
    local: str


@contextlib.contextmanager
def collect(source: Source, name: str) -> Iterator[list[SourceFile]]:
    """The files of a source, hashed; those of a stream exist as long as the context.

    Args:
        source: The path of a file or a folder, a list of them, or a binary file that is open for reading. A folder gives the files
            in it and below, by their path in it; in a list, by the folder's name and that path. Empty folders are left out. Links
            are followed as long as they stay in the folder that was given.
        name: Name of the artifact, which an open file without a name of its own gets.

    Raises:
        NotFoundError: A path does not exist.
        PermissionDeniedError: A path cannot be read.
        InvalidArgumentError: There is no file in it; a path inside cannot be used, or comes twice; a link leaves the folder; or
            there is a pipe, a socket or a device.
        ConflictError: A file is being written to all the time.
        TypeError: The source is none of the above, or is open in text mode.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, (str, os.PathLike)):
            found = _from_path(os.fsdecode(source))
        elif isinstance(source, (list, tuple)):
            found = _from_list(source)
        elif callable(getattr(source, "read", None)):
            found = [stack.enter_context(_spooled(source, name))]  # type: ignore[arg-type]
        else:
            raise TypeError(f"expected a path, a list of paths or an open binary file, not {type(source).__name__}")
        if not found:
            raise InvalidArgumentError(f"there is no file in {source!r}; nothing to upload")
        for file in found:
            validate_relative_path(file.path, "file path")
        refuse_clashes(file.path for file in found)
        yield _hashed(found)


def rehash(file: SourceFile) -> SourceFile:
    """The same file as it is now; for a retry when it changed while it was uploaded.

    Raises:
        NotFoundError: It is gone.
        ConflictError: It is being written to all the time.
    """
    if not isinstance(file.open, LocalContent):
        return file
    content = LocalContent(file.open.path, file.open.shown)
    content.settle()
    return dataclasses.replace(file, size=content.size, digest=content.digest, open=content)


def _hashed(found: list[_Found]) -> list[SourceFile]:
    contents: list[LocalContent] = []
    kept = 0
    for file in found:
        content = LocalContent(file.local, file.local, keep_small=kept < _KEPT_BYTES)
        contents.append(content)
        kept += content.kept
    for content in contents:
        content.settle()
    return [
        SourceFile(path=file.path, size=content.size, digest=content.digest, content_type=content_type(file.path), open=content)
        for file, content in zip(found, contents, strict=True)
    ]


def _from_list(paths: Sequence[LocalPath]) -> list[_Found]:
    found: list[_Found] = []
    for item in paths:
        if not isinstance(item, (str, os.PathLike)):
            raise TypeError(f"a list to upload holds paths, not {type(item).__name__}")
        path = os.fsdecode(item)
        base = os.path.basename(os.path.abspath(path))
        if os.path.isdir(path):
            found += [_Found(f"{base}/{file.path}", file.local) for file in _from_path(path)]
        else:
            found += _from_path(path)
    return sorted(found)


def _from_path(path: str) -> list[_Found]:
    with reading(path):
        try:
            kind = os.stat(path).st_mode
        except ValueError as error:  # a NUL in it
            raise InvalidArgumentError(f"path {path!r} cannot be used: {error}") from error
    if stat.S_ISDIR(kind):
        root = os.path.realpath(path)
        return sorted(_walk(path, "", root, (root,)))
    return [_Found(os.path.basename(path), path)]


def _walk(folder: str, prefix: str, root: str, ancestors: tuple[str, ...]) -> Iterator[_Found]:
    """The files below a folder; pipes and such are found when they are opened."""
    with reading(folder), os.scandir(folder) as listing:
        entries = list(listing)
    for entry in entries:
        path = f"{prefix}{entry.name}"
        if entry.is_symlink():
            _refuse_outside(entry.path, root)
        if entry.is_dir():
            real = os.path.realpath(entry.path) if entry.is_symlink() else f"{ancestors[-1]}/{entry.name}"
            if real in ancestors:
                raise InvalidArgumentError(
                    f"{entry.path} is a link to a folder that it is in; remove it, or upload a list of files"
                )
            yield from _walk(entry.path, f"{path}/", root, (*ancestors, real))
        else:
            yield _Found(path, entry.path)


def _refuse_outside(link: str, root: str) -> None:
    real = os.path.realpath(link)
    if real != root and not real.startswith(root.rstrip("/") + "/"):
        raise InvalidArgumentError(f"{link} is a link that leaves the folder, to {real}; upload that file itself if it is meant")
    if not os.path.exists(link):
        raise NotFoundError(f"{link} is a link to {os.readlink(link)}, which does not exist")


@contextlib.contextmanager
def _spooled(stream: BinaryIO, name: str) -> Iterator[_Found]:
    """The rest of a stream, in a temporary file, so that it can be hashed before it is sent, and sent again."""
    if isinstance(stream, io.TextIOBase):
        raise TypeError(_TEXT_MODE)
    own = getattr(stream, "name", None)
    base = (os.path.basename(own) if isinstance(own, str) else "") or name.rpartition("/")[2]
    with tempfile.NamedTemporaryFile(prefix="modelbox-upload-") as spool:
        while chunk := _read(stream, base):
            with storage_errors("write", spool.name):
                spool.write(chunk)
        with storage_errors("write", spool.name):
            spool.flush()
            os.utime(spool.name, (0, 0))  # nobody else writes to it: no need to wait and see
        yield _Found(base, spool.name)


_TEXT_MODE = "the file is open in text mode; open it with mode 'rb'"


def _read(stream: BinaryIO, shown: str) -> bytes:
    with reading(shown):
        try:
            chunk = stream.read(CHUNK)
        except ValueError as error:  # closed, or not open for reading
            raise InvalidArgumentError(f"cannot read the open file {shown!r}: {error}") from error
    if isinstance(chunk, str):
        raise TypeError(_TEXT_MODE)
    return chunk
