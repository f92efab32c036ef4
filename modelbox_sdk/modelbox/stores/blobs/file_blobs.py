"""Blobs as files: in a folder, in object storage, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

from modelbox.errors import NotFoundError
from modelbox.findings import Fault
from modelbox.stores.blobs.base import BlobInfo, BlobItem, BlobStore, Reference, SignedUpload
from modelbox.stores.blobs.folder import FolderWriter
from modelbox.stores.blobs.receiving import Receiver
from modelbox.stores.blobs.writer import ROOT, STAGING, BlobWriter, Progress, StreamWriter, unheard
from modelbox.stores.files.base import Files
from modelbox.stores.files.memory import MemoryFiles
from modelbox.stores.files.posix import PosixFiles


class FileBlobStore(BlobStore):
    """Blobs under ``artifacts/`` of a tree of files.

    Args:
        files: The tree; it stays the caller's to close.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._writer = _writer(files)

    def put(self, name: str, digest: str, size: int, source: Callable[[], BinaryIO], progress: Progress | None = None) -> None:
        self.put_many([BlobItem(name, digest, size, source)], progress)

    def put_many(self, items: Sequence[BlobItem], progress: Progress | None = None) -> None:
        report = progress or unheard
        distinct = {item.name: item for item in items}
        self._writer.put_many(list(distinct.values()), report)
        if len(distinct) < len(items):
            report(sum(item.size for item in items) - sum(item.size for item in distinct.values()))

    def received(self, name: str, size: int) -> int:
        return self._writer.received(name, size)

    def receive(self, name: str, digest: str, size: int, offset: int = 0) -> Receiver:
        return self._writer.receive(BlobItem(name, digest, size, _unread), offset)

    def sign_upload(self, name: str, size: int) -> SignedUpload | None:
        signer = self._writer.signer()
        return signer.upload(name, size) if signer else None

    def finish_signed(self, name: str, upload_id: str, etags: Sequence[str]) -> bool:
        signer = self._writer.signer()
        return signer.finish(name, upload_id, etags) if signer else False

    def sign_download(self, name: str) -> str | None:
        signer = self._writer.signer()
        return signer.download(name) if signer else None

    def digest(self, name: str, size: int) -> str:
        signer = self._writer.signer()
        return signer.digest(name, size) if signer else super().digest(name, size)

    def size(self, name: str) -> int | None:
        return self._files.size(f"{ROOT}/{name}")

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        return self._writer.sizes(names)

    def open(self, name: str) -> BinaryIO:
        try:
            return self._files.open(f"{ROOT}/{name}")
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no content {name} in {self._files.url}; it may have been deleted") from error

    def uri(self, name: str) -> str:
        return self._files.address(f"{ROOT}/{name}")

    def blobs(self) -> Iterator[BlobInfo]:
        for info in self._files.walk(ROOT):
            if not info.path.startswith(f"{STAGING}/"):
                yield BlobInfo(info.path.removeprefix(f"{ROOT}/"), info.size)

    def delete(self, name: str) -> None:
        self._files.delete(f"{ROOT}/{name}")

    def check(self, referenced: Mapping[str, Reference], *, content: bool = False) -> Iterator[Fault]:
        from modelbox.stores.blobs.checking import check

        return check(self, referenced, content)

    def quarantine(self, fault: Fault, folder: str) -> None:
        self._files.move(fault.path, f"{folder}/{fault.path}")

    def clean(self, *, dry_run: bool) -> int:
        return self._writer.clean(dry_run=dry_run)

    def forget_after_fork(self) -> None:
        self._files.forget_after_fork()
        self._writer = _writer(self._files)  # what the parent has of unfinished uploads is the parent's

    def close(self) -> None:
        pass


def _writer(files: Files) -> BlobWriter:
    if isinstance(files, PosixFiles):
        return FolderWriter(files)
    if isinstance(files, MemoryFiles):
        return StreamWriter(files)
    from modelbox.stores.blobs.bucket import BucketWriter  # here, for most stores are folders, and a run waits for its imports
    from modelbox.stores.files.object_storage import ObjectFiles

    return BucketWriter(files) if isinstance(files, ObjectFiles) else StreamWriter(files)


def _unread() -> BinaryIO:
    raise AssertionError("content that comes in pieces has no source")
