"""Opening an embedded store: what a path or URL means, and the marker that says it is a store."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelbox import settings
from modelbox.backends.base import Spool
from modelbox.backends.inprocess.backend import InProcessBackend
from modelbox.errors import CorruptStoreError, InvalidArgumentError
from modelbox.oserrors import storage_errors
from modelbox.stores.blobs import FileBlobStore
from modelbox.stores.files import Files, MemoryFiles, PosixFiles
from modelbox.stores.metadata.log import LogMetadataStore
from modelbox.stores.metrics.parquet import ParquetMetricsStore

MARKER = "modelbox.json"
FORMAT = 1
"""The version of the store's format that this release writes, and the newest that it reads."""


def open_store(uri: str) -> InProcessBackend:
    """Open an embedded store, creating it when there is none.

    Args:
        uri: ``memory://``, a path, ``file:///path``, or an fsspec URL such as ``s3://bucket/prefix``.

    Raises:
        InvalidArgumentError: The place holds something else, or a store of a newer format, or cannot hold a store.
        PermissionDeniedError: The place cannot be read, or not be written to create a store.
        UnavailableError: The storage is out of reach.
    """
    files, spool = place_of(uri)
    try:
        store_id = check_marker(files)
    except BaseException:
        files.close()
        raise
    return InProcessBackend(
        LogMetadataStore(files),
        ParquetMetricsStore(files),
        FileBlobStore(files),
        storage=files,
        spool=spool,
        description=f"embedded store at {files.url}",
        marker=lambda: read_marker(files),
        store_id=store_id,
    )


def place_of(uri: str) -> tuple[Files, Spool]:
    """What a path or a URL means: where the store is, and where journals for it wait.

    Raises:
        InvalidArgumentError: It cannot hold a store.
    """
    if uri == "memory://":
        return MemoryFiles(), Spool(folder=None, shared=False)
    if "://" in uri and not uri.startswith("file://"):
        from modelbox.stores.files import ObjectFiles

        files = ObjectFiles(uri)
        name = hashlib.sha256(files.url.encode()).hexdigest()[:16]
        return files, Spool(folder=settings.spool_dir() / name, shared=False)
    if "\0" in uri:
        raise InvalidArgumentError(f"{uri!r} cannot be a store: a path has no NUL")
    root = Path(_path_of(uri)).expanduser().absolute()
    with storage_errors("open", str(root)):
        if not root.is_dir() and (root.exists() or root.is_symlink()):
            raise InvalidArgumentError(f"{root} is not a folder, so it cannot be a store; name a folder")
    return PosixFiles(root), Spool(folder=root / "journal", shared=True)


def _path_of(uri: str) -> str:
    if not uri.startswith("file:"):
        return uri
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost"):
        raise InvalidArgumentError(f"{uri!r} names the host {parts.netloc!r}; write file:///path")
    return unquote(parts.path)


def check_marker(files: Files) -> str:
    """Check that this is a store, or make it one; its id.

    Raises:
        InvalidArgumentError: The place holds something else, or a store of a newer format.
        CorruptStoreError: The marker is damaged.
    """
    try:
        text = files.read(MARKER)
    except (FileNotFoundError, NotADirectoryError):
        text = _create_marker(files)
    return _understand_marker(files, text)


def read_marker(files: Files) -> None:
    """Check the marker of a store that is known to be one."""
    try:
        _understand_marker(files, files.read(MARKER))
    except FileNotFoundError as error:
        raise CorruptStoreError(f"{files.address(MARKER)} is missing") from error


def _understand_marker(files: Files, text: bytes) -> str:
    """The id of a store with this marker."""
    try:
        marker = json.loads(text)
        known, version = marker["format"] == "modelbox-store", int(marker["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptStoreError(f"{files.address(MARKER)} is damaged: it is not the marker of a ModelBox store") from error
    if not known:
        raise InvalidArgumentError(f"{files.url} is not a ModelBox store: {MARKER} is of something else")
    if version > FORMAT:
        raise InvalidArgumentError(
            f"the store at {files.url} has format {version}; this modelbox reads up to {FORMAT}: upgrade modelbox-sdk"
        )
    # Markers had no id at first; they are never written again, so that their bytes are one.
    return str(marker.get("id") or hashlib.sha256(text).hexdigest()[:32])


def _create_marker(files: Files) -> bytes:
    if files.files("") or files.folders(""):
        try:
            return files.read(MARKER)  # another process may just have created it
        except FileNotFoundError:
            raise InvalidArgumentError(f"{files.url} is not empty and not a ModelBox store; name a new or empty place") from None
    created_at = datetime.now(UTC).isoformat()
    marker = {"format": "modelbox-store", "version": FORMAT, "id": uuid.uuid4().hex, "created_at": created_at}
    text = json.dumps(marker, indent=2).encode() + os.linesep.encode()
    try:
        files.create(MARKER, text)
    except FileExistsError:  # another process was faster
        return files.read(MARKER)
    return text
