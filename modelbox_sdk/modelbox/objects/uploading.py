"""What objects that hold artifacts can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from modelbox.objects.base import ModelBoxObject
from modelbox.records import ObjectRecord

if TYPE_CHECKING:
    from modelbox.objects.artifact import Artifact
    from modelbox.transfers import Source

R = TypeVar("R", bound=ObjectRecord)


class ArtifactHolder(ModelBoxObject[R]):
    """An object that artifacts hang on."""

    __slots__ = ()

    def upload_artifact(self, name: str, source: Source, *, progress: bool = True) -> Artifact:
        """Store files under a name. Content that the store has already is not stored again.

        A file overwritten meanwhile is uploaded whole in one state, or refused. Uploading again under the same name replaces
        files with the same path and keeps the others; after an interruption it finishes the work.

        Args:
            name: Name of the artifact on this object.
            source: A file, a folder, a list of them, or an open binary file (read from where it stands).
            progress: Show a progress bar when it takes long and there is a terminal or a notebook.

        Raises:
            NotFoundError: There is no such file, or the object has been deleted.
            InvalidArgumentError: A name or path cannot be used, or a symbolic link leaves the folder.
            ConflictError: A file kept changing while it was read.
        """
        from modelbox.objects.artifact import Artifact
        from modelbox.transfers import upload

        return Artifact(self._session, upload(self._session.backend, self.id, name, source, progress=progress), exists=False)

    def track_artifact(self, name: str, uri: str, checksum: str | None = None) -> Artifact:
        """Remember where content is, without copying or reading it.

        Args:
            name: Name of the artifact on this object.
            uri: Any address.
            checksum: Kept as it is given, as the file's ``digest``.
        """
        from modelbox.objects.artifact import Artifact

        record = self._session.backend.track_artifact(self.id, name, uri=uri, checksum=checksum)
        return Artifact(self._session, record, exists=False)

    def artifacts(self) -> list[Artifact]:
        """The artifacts of this object, oldest first."""
        from modelbox.objects.artifact import Artifact

        return [Artifact(self._session, record) for record in self._session.backend.list_artifacts(self.id)]

    def artifact(self, name: str) -> Artifact:
        """The artifact with a name.

        Raises:
            NotFoundError: There is none.
        """
        from modelbox.objects.artifact import Artifact

        return Artifact(self._session, self._session.backend.find_artifact(self.id, name))
