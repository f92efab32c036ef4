"""Content into a folder: staged, verified, synced, renamed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import BinaryIO

from modelbox.direct_io import LARGE
from modelbox.hashing import read_into
from modelbox.stores.blobs.appending import write_all
from modelbox.stores.blobs.base import BlobItem
from modelbox.stores.blobs.folder_receiver import FolderReceiver
from modelbox.stores.blobs.parts import PART, READ_ONLY, Part, free_abandoned
from modelbox.stores.blobs.receiving import Receiver
from modelbox.stores.blobs.syncing import opened, sync_files, sync_folders
from modelbox.stores.blobs.writer import ROOT, STAGING, BlobWriter, Progress, verified_chunks, whole_content
from modelbox.stores.files.base import storage_errors
from modelbox.stores.files.posix import PosixFiles

_SMALL = 1 << 20
"""Content up to here is written in groups that share a sync."""
_GROUP = 4000
_GROUP_BYTES = 256 << 20
_WORTH_WAITING = 4 << 20
_PATIENCE_S = 1.0
"""Who lost a connection may ask for what is there before the one at the other end has noticed, and let go."""


class FolderWriter(BlobWriter):
    """Stores content in a folder.

    A blob is first ``artifacts/staging/<name>.part``. Whoever writes it holds a lock on it, which goes with the process, so that
    the part of a killed one can be continued at once; a second writer of the same content uses a file of its own.
    """

    def __init__(self, files: PosixFiles) -> None:
        super().__init__(files)
        self._folder = files

    def put_many(self, items: Sequence[BlobItem], progress: Progress) -> None:
        missing = []
        for item in items:
            if self.has(item):
                progress(item.size)
            else:
                missing.append(item)
        small = [item for item in missing if item.size <= _SMALL]
        while small:
            group = _first_of(small)
            self._put_group(group, progress)
            del small[: len(group)]
        for item in missing:
            if item.size > _SMALL:
                self._put_large(item, progress)

    def clean(self, *, dry_run: bool) -> int:
        freed = 0
        for info in self._files.files(STAGING):
            path = self._path(info.path)
            with storage_errors("delete", path), contextlib.suppress(FileNotFoundError, BlockingIOError):
                freed += free_abandoned(path, dry_run)
        return freed

    def _path(self, path: str) -> str:
        return self._folder.local_path(path)

    def _put_group(self, items: Sequence[BlobItem], progress: Progress) -> None:
        """Write all, sync once, name all, sync once: the same promise as one by one, at a fraction of the syncs."""
        staging = self._path(STAGING)
        self._folder.make_folders(STAGING)
        staged: dict[str, str] = {}
        try:
            with storage_errors("write", staging), opened(staging, os.O_RDONLY | os.O_DIRECTORY) as folder:
                group = f"{staging}/{os.urandom(8).hex()}"
                for number, item in enumerate(items):
                    content = whole_content(item)
                    name = f"{group}-{number}{PART}"
                    staged[name] = self._path(f"{ROOT}/{item.name}")
                    with opened(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, READ_ONLY) as fd:
                        write_all(fd, memoryview(content))
                    progress(item.size)
                folders = {target[: target.rindex("/")] for target in staged.values()}
                made = _make_missing(folders)
                sync_files(folder, list(staged))
                for name, target in staged.items():
                    os.rename(name, target)
                sync_folders([*folders, *made])
        except BaseException:
            for name in staged:
                with contextlib.suppress(OSError):
                    os.unlink(name)
            raise

    def _put_large(self, item: BlobItem, progress: Progress) -> None:
        target = self._path(f"{ROOT}/{item.name}")
        self._folder.make_folders(STAGING)
        self._folder.make_folders(os.path.dirname(f"{ROOT}/{item.name}"))
        with storage_errors("write", target), contextlib.closing(Part(self._part(item.name), direct=item.size >= LARGE)) as part:
            if self.has(item):  # another process was faster, while this one waited for the lock
                progress(item.size)
                part.drop()
                return
            with part.dropped_if_useless(), item.source() as source:
                _fill(part, source, item, progress)
            part.publish(target)

    def received(self, name: str, size: int) -> int:
        path = self._part(name)
        with storage_errors("read", path):
            kept = Part.kept(path, _PATIENCE_S if size >= _WORTH_WAITING else 0.0)
        return kept if kept <= size else 0

    def receive(self, item: BlobItem, offset: int) -> Receiver:
        self._folder.make_folders(STAGING)
        self._folder.make_folders(os.path.dirname(f"{ROOT}/{item.name}"))
        return FolderReceiver(self._part(item.name), self._path(f"{ROOT}/{item.name}"), item, offset)

    def _part(self, name: str) -> str:
        return self._path(f"{STAGING}/{name.replace('/', '-')}")


def _first_of(items: Sequence[BlobItem]) -> Sequence[BlobItem]:
    """As many as are written in one group; one at least."""
    total = 0
    for number, item in enumerate(items[:_GROUP]):
        total += item.size
        if total > _GROUP_BYTES:
            return items[: max(number, 1)]
    return items[:_GROUP]


def _fill(part: Part, source: BinaryIO, item: BlobItem, progress: Progress) -> None:
    """Make a part what the source is; what it has already is compared instead of written."""
    comparing = part.size() > 0
    with open(part.fd, "rb", buffering=0, closefd=False) as written:
        kept = memoryview(bytearray(0))
        for chunk in verified_chunks(source, item, ahead=item.size >= LARGE):
            if comparing:
                if len(kept) < len(chunk):
                    kept = memoryview(bytearray(len(chunk)))
                view = kept[: len(chunk)]
                comparing = read_into(written, view) == len(chunk) and view == chunk
            if comparing:
                part.at += len(chunk)
            else:
                part.write(chunk)
            progress(len(chunk))
    part.end()


def _make_missing(folders: set[str]) -> set[str]:
    """Make folders; the folders in which something was made and that are to be synced."""
    changed = set()
    for folder in folders:
        while not os.path.isdir(folder):
            try:
                os.mkdir(folder)
            except FileNotFoundError:
                changed |= _make_missing({os.path.dirname(folder)})
            except FileExistsError:
                pass
            else:
                changed.add(os.path.dirname(folder))
    return changed
