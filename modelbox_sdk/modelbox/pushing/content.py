"""Sending the content of artifacts that the target lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, cast

from modelbox.backends.base import Backend, SourceFile
from modelbox.backends.inprocess import InProcessBackend
from modelbox.errors import ChecksumError, CorruptStoreError, NotFoundError
from modelbox.pushing.report import Tally
from modelbox.records import ArtifactRecord, FileRecord

_ATTEMPTS = 5


class ContentSender:
    """Sends artifacts.

    Args:
        local: The store.
        target: Where to.
        tally: Where to count.
    """

    def __init__(self, local: InProcessBackend, target: Backend, tally: Tally) -> None:
        self._local = local
        self._target = target
        self._tally = tally

    def send(self, record: ArtifactRecord) -> ArtifactRecord | None:
        """Send an artifact, whose object is there; as it is on the target then, or None when its content cannot be read.

        Raises:
            NotFoundError: It is deleted.
        """
        for _ in range(_ATTEMPTS):
            try:
                return self._send(record)
            except (ChecksumError, CorruptStoreError, NotFoundError) as error:
                now = self._local.find_artifact(record.object_id, record.name)
                if now.files == record.files:
                    self._tally.problems.append(f"artifact {record.name!r} ({record.id}) is not sent: {error}")
                    return None
                record = now  # its content was replaced, and the old collected as garbage
        self._tally.problems.append(f"artifact {record.name!r} ({record.id}) is not sent, for it changes all the time; push again")
        return None

    def _send(self, record: ArtifactRecord) -> ArtifactRecord:
        there = self._find(record)
        known = {file.path: file for file in there.files} if there is not None else {}
        missing = [file for file in record.files if not _same(file, known.get(file.path))]
        self._tally.bytes_there += sum(file.size or 0 for file in record.files if file not in missing)
        stored = [file for file in missing if file.blob is not None]
        if stored or (there is None and not missing):
            there = self._put(record, stored)
        for file in missing:
            if file.blob is None:
                there = self._target.track_artifact(record.object_id, record.name, uri=file.uri, checksum=file.digest or None)
        if missing:
            self._tally.touched["artifacts"].add(record.id)
        return cast(ArtifactRecord, there)

    def _put(self, record: ArtifactRecord, files: list[FileRecord]) -> ArtifactRecord:
        read: dict[str, int] = {}
        sources = [self._source(file, read) for file in files]
        there = self._target.put_artifact(record.object_id, record.name, sources)
        contents = {file.digest: file.size or 0 for file in files}
        sent = sum(min(read.get(digest, 0), size) for digest, size in contents.items())
        self._tally.bytes_sent += sent
        self._tally.bytes_there += sum(file.size or 0 for file in files) - sent
        return there

    def _source(self, file: FileRecord, read: dict[str, int]) -> SourceFile:
        def open_counted() -> BinaryIO:
            return cast(BinaryIO, _CountedStream(self._local.open_file(file), count))

        def count(size: int) -> None:
            read[file.digest] = read.get(file.digest, 0) + size

        return SourceFile(
            path=file.path, size=file.size or 0, digest=file.digest, content_type=file.content_type, open=open_counted
        )

    def _find(self, record: ArtifactRecord) -> ArtifactRecord | None:
        try:
            return self._target.find_artifact(record.object_id, record.name)
        except NotFoundError:
            return None


def _same(mine: FileRecord, there: FileRecord | None) -> bool:
    if there is None or (mine.digest, mine.size) != (there.digest, there.size):
        return False
    return mine.blob is not None or mine.uri == there.uri


class _CountedStream:
    """A stream of stored content that tells how much is read of it."""

    def __init__(self, stream: BinaryIO, count: Callable[[int], None]) -> None:
        self._stream = stream
        self._count = count

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._count(len(data))
        return data

    def readinto(self, buffer: memoryview) -> int:
        size: int = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        self._count(size)
        return size

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> _CountedStream:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
