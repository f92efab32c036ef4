"""Putting a backend together from parts that lie in different places, as a server's configuration names them."""

from __future__ import annotations

import functools
import logging
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from modelbox.backends.base import Spool
from modelbox.backends.inprocess.backend import InProcessBackend
from modelbox.backends.inprocess.opening import check_marker, place_of, read_marker
from modelbox.errors import ModelBoxError
from modelbox.stores.blobs import FileBlobStore
from modelbox.stores.files import Files, MemoryFiles, PosixFiles
from modelbox.stores.metadata.log import LogMetadataStore
from modelbox.stores.metrics.parquet import ParquetMetricsStore

_log = logging.getLogger("modelbox")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A local folder."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A place in an S3 bucket.

    Attributes:
        url: Such as ``s3://bucket/prefix``.
        region: Where it is; "" for what the environment says.
        endpoint: The S3 server; "" for what the environment says.
    """

    url: str
    region: str = ""
    endpoint: str = ""


StoreObserver: TypeAlias = Callable[[str, str, float], None]
"""Told the part (``metadata``, ``metrics``, ``artifacts``), what it did, and how many seconds that took."""

_MEASURED = {
    "metadata": ("transact", "view", "changes", "events", "snapshot"),
    "metrics": ("append", "read", "attach", "delete", "maintain"),
    "artifacts": ("put_many", "open", "size", "blobs", "delete", "clean"),
}


def assemble(
    metadata: Folder | None, metrics: Folder | None, artifacts: Folder | Bucket, observe: StoreObserver | None = None
) -> InProcessBackend:
    """Open a store whose parts may lie apart, creating what is not there.

    The folder of metadata is what an embedded store would be. Places of other parts may be shared by several stores: each keeps
    its part in a folder of its own in there, which is named by its id. What is in memory ends with the backend, and with metadata
    in memory the other parts do, too.

    Args:
        metadata: Where metadata lies; None for memory.
        metrics: Where metrics lie; None for memory.
        artifacts: Where content lies.
        observe: Told how long the parts take.

    Raises:
        InvalidArgumentError: A place holds something else, or a store of a newer format, or cannot hold a store.
        PermissionDeniedError: A place cannot be read or written.
        UnavailableError: A storage is out of reach.
    """
    base, spool = place_of(metadata.path if metadata else "memory://")
    store_id = check_marker(base) if metadata else f"ephemeral-{uuid.uuid4().hex}"
    metrics_files = _metrics_files(base, metadata, metrics, store_id)
    content = _content_files(base, metadata, artifacts, store_id)
    others = list(dict.fromkeys(files for files in (metrics_files, content) if files is not base))
    kind = InProcessBackend if metadata else _VolatileBackend
    backend = kind(
        _measured(LogMetadataStore(base), "metadata", observe),
        _measured(ParquetMetricsStore(metrics_files), "metrics", observe),
        _measured(FileBlobStore(content), "artifacts", observe),
        storage=base,
        others=others,
        spool=spool if isinstance(metrics_files, PosixFiles) else Spool(folder=None, shared=False),
        description=f"store at {base.url}" if metadata else "store in memory",
        marker=(lambda: read_marker(base)) if metadata else (lambda: None),
        store_id=store_id,
    )
    if isinstance(backend, _VolatileBackend):
        backend.places = others
    return backend


def _metrics_files(base: Files, metadata: Folder | None, metrics: Folder | None, store_id: str) -> Files:
    if metrics is None:
        return base if metadata is None else MemoryFiles()
    return base if _same(metadata, metrics) else PosixFiles(os.path.join(_root(metrics), store_id))


def _content_files(base: Files, metadata: Folder | None, artifacts: Folder | Bucket, store_id: str) -> Files:
    if isinstance(artifacts, Folder):
        return base if _same(metadata, artifacts) else PosixFiles(os.path.join(_root(artifacts), store_id))
    from modelbox.stores.files import ObjectFiles

    return ObjectFiles(f"{artifacts.url.rstrip('/')}/{store_id}", region=artifacts.region, endpoint=artifacts.endpoint)


def _root(folder: Folder) -> str:
    return place_of(folder.path)[0].url


def _same(one: Folder | None, other: Folder) -> bool:
    return one is not None and os.path.realpath(_root(one)) == os.path.realpath(_root(other))


def _measured(store: T, part: str, observe: StoreObserver | None) -> T:
    """The store, which tells how long its methods take from now on."""
    if observe is not None:
        for name in _MEASURED[part]:
            setattr(store, name, _timed(getattr(store, name), functools.partial(observe, part, name)))
    return store


def _timed(method: Callable[..., Any], tell: Callable[[float], None]) -> Callable[..., Any]:
    @functools.wraps(method)
    def timed(*args: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return method(*args, **named)
        finally:
            tell(time.perf_counter() - started)

    return timed


class _VolatileBackend(InProcessBackend):
    """A backend whose metadata are gone when it is closed, and with them all use of its other parts.

    Attributes:
        places: Where those are.
    """

    places: Sequence[Files] = ()

    def close(self) -> None:
        places, self.places = self.places, ()
        for files in places:
            try:
                files.delete_tree("")
            except ModelBoxError as error:
                _log.warning("what this server kept in %s could not be deleted, and is of no use any more: %s", files.url, error)
        super().close()
