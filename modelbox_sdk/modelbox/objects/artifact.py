"""Artifacts: files under a name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from modelbox.errors import InvalidArgumentError, NotFoundError
from modelbox.objects.base import ModelBoxObject
from modelbox.records import ArtifactRecord, FileRecord


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """A file of an artifact.

    Attributes:
        path: Relative POSIX path inside the artifact.
        size: Bytes; None for a tracked file.
        digest: ``blake3:<hex>`` of the content; for a tracked file the checksum as it was given, or "".
        content_type: MIME type guessed from the path.
        uri: Where the content is.
    """

    path: str
    size: int | None
    digest: str
    content_type: str
    uri: str


class Artifact(ModelBoxObject[ArtifactRecord]):
    """Files under a name on an experiment, a model or a model version."""

    __slots__ = ()

    @property
    def object_id(self) -> str:
        """The object it hangs on."""
        return self._record.object_id

    @property
    def files(self) -> list[ArtifactFile]:
        """The files, in the order of their paths."""
        return [
            ArtifactFile(path=f.path, size=f.size, digest=f.digest, content_type=f.content_type, uri=f.uri)
            for f in self._record.files
        ]

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(file.size or 0 for file in self._record.files)

    def download(self, dst: str | os.PathLike[str], *, progress: bool = True) -> Path:
        """Write ``dst/<path>`` for each file, verified against its digest.

        A file appears under its name whole or not at all; nothing is written outside ``dst``. Files that are there already with
        the right content are kept.

        Args:
            dst: A folder; created when absent.
            progress: Show a progress bar when it takes long and there is a terminal or a notebook.

        Returns:
            The folder.

        Raises:
            ChecksumError: Stored content does not match its digest; that file is not written.
            InvalidArgumentError: A file is only tracked; the message says where it is.
        """
        from modelbox.transfers import download

        return download(self._session.backend, self._record, dst, progress=progress)

    def open(self, path: str | None = None) -> BinaryIO:
        """A readable, seekable binary stream of a file, verified against its digest.

        Args:
            path: Which file; may be left out when there is only one.

        Raises:
            NotFoundError: There is no such file.
            ChecksumError: Stored content does not match its digest; reading raises it too, before the last bytes are handed out.
        """
        from modelbox.transfers import open_verified

        return open_verified(self._session.backend, self._file(path))

    def delete(self) -> None:
        """Delete the artifact; ``modelbox gc`` frees content that nothing else refers to.

        Raises:
            NotFoundError: It has been deleted already.
        """
        self._session.backend.delete(self.id)

    def _file(self, path: str | None) -> FileRecord:
        files = self._record.files
        if path is None:
            if len(files) == 1:
                return files[0]
            raise InvalidArgumentError(f"artifact {self.name!r} has {len(files)} files; name one")
        for file in files:
            if file.path == path:
                return file
        some = ", ".join(repr(file.path) for file in files[:5])
        raise NotFoundError(f"artifact {self.name!r} has no file {path!r}; it has {some}{', ...' if len(files) > 5 else ''}")

    def _repr_html_(self) -> str:
        from modelbox.display import artifact_html

        return artifact_html(self)
