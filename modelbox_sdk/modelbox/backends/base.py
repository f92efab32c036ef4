"""The one seam between the public objects and everything below them."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from modelbox.errors import InvalidArgumentError
from modelbox.findings import Finding
from modelbox.records import (
    ArtifactRecord,
    Change,
    Event,
    ExperimentRecord,
    FileRecord,
    GarbageReport,
    LineageRecord,
    MetricBatch,
    ModelRecord,
    ModelVersionRecord,
    ObjectRecord,
    ObjectType,
    PendingEvent,
)

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file that is to be uploaded.

    Attributes:
        path: Relative POSIX path inside the artifact.
        size: Bytes.
        digest: ``blake3:<hex>`` of the content.
        content_type: MIME type.
        open: Opens the content, at its start.
    """

    path: str
    size: int
    digest: str
    content_type: str
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """Where the journals of a backend's clients live.

    Attributes:
        folder: A local folder; None keeps journals in memory, for a store that dies with the process anyway.
        shared: True when readers of the backend see the journals in this folder themselves, so that metrics may stay there
            until there are enough of them; False when they must be delivered to be seen.
        store: Where they are to be delivered, as a URI that can be opened, when the folder is not part of the store.
        patience_s: For so long those who wait for a delivery let it be tried again while the backend is out of reach.
    """

    folder: Path | None
    shared: bool
    store: str = ""
    patience_s: float = 0.0


class Feed(abc.ABC):
    """The feed of changes, read on from one change. One thread at a time uses it."""

    @abc.abstractmethod
    def read(self, timeout_s: float) -> list[Change]:
        """The next changes, in order, waiting for the first at most ``timeout_s``; none when there is none by then."""

    @abc.abstractmethod
    def close(self) -> None:
        """Stop following. Idempotent."""


class Backend(abc.ABC):
    """Everything that a client can ask for. All backends give the same results, errors and order.

    Methods may be called from any thread. They raise only ``ModelBoxError``, and ``TypeError`` for an argument of a wrong type.
    Besides what each method names, all may raise ``UnavailableError``, ``PermissionDeniedError`` and ``CorruptStoreError``. An
    object that has been deleted, or whose ``uid`` is not the current one, is a ``NotFoundError``.
    """

    # -- experiments

    @abc.abstractmethod
    def create_experiment(
        self,
        *,
        name: str,
        namespace: str,
        owner: str,
        external_id: str = "",
        framework: str = "",
        task: str = "",
        metadata: Mapping[str, Any] | None = None,
        parent_id: str | None = None,
    ) -> tuple[ExperimentRecord, bool]:
        """Get or create an experiment by (namespace, name, owner).

        Returns:
            The experiment as stored, running, and whether it existed. Of one that existed only the status changes.

        Raises:
            InvalidArgumentError: A name cannot be used, the framework is unknown, or metadata is not JSON.
            NotFoundError: There is no such parent.
        """

    @abc.abstractmethod
    def list_experiments(
        self, *, namespace: str | None, limit: int | None = None, parent_id: str | None = None
    ) -> list[ExperimentRecord]:
        """Experiments, newest first; of all namespaces when ``namespace`` is None."""

    @abc.abstractmethod
    def finish_experiment(self, id: str, *, status: str) -> ExperimentRecord:
        """Set the status to finished or failed (or back to running)."""

    @abc.abstractmethod
    def get_object(self, id: str, kind: ObjectType | None = None) -> ObjectRecord:
        """The experiment, model, model version or artifact with an id; with ``kind``, only one of that type.

        Raises:
            NotFoundError: There is none.
        """

    @abc.abstractmethod
    def rewind(self, id: str, *, step: int, at_us: int) -> ObjectRecord:
        """Hide the points of an object after a step that were logged at ``at_us`` or earlier."""

    # -- models and versions

    @abc.abstractmethod
    def create_model(
        self,
        *,
        name: str,
        namespace: str,
        owner: str,
        task: str = "",
        description: str = "",
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[ModelRecord, bool]:
        """Get or create a model by (namespace, name); one that existed is returned as stored."""

    @abc.abstractmethod
    def find_model(self, *, name: str, namespace: str) -> ModelRecord:
        """The model with a name.

        Raises:
            NotFoundError: There is none.
        """

    @abc.abstractmethod
    def list_models(self, *, namespace: str | None, limit: int | None = None) -> list[ModelRecord]:
        """Models, newest first; of all namespaces when ``namespace`` is None."""

    @abc.abstractmethod
    def create_version(
        self,
        model_id: str,
        *,
        version: str,
        name: str = "",
        description: str = "",
        experiment_id: str | None = None,
        dataset_ids: Sequence[str] = (),
        framework: str = "",
        unique_tags: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[ModelVersionRecord, bool]:
        """Get or create a version by (model, version string); one that existed is returned as stored.

        Raises:
            AlreadyExistsError: Another version holds one of the tags; nothing is created.
            NotFoundError: The model, the experiment or a dataset does not exist.
        """

    @abc.abstractmethod
    def get_version(self, model_id: str, *, version: str | None = None, tag: str | None = None) -> ModelVersionRecord:
        """The version with a version string, or that holds a unique tag; with neither, the newest."""

    @abc.abstractmethod
    def list_versions(self, model_id: str) -> list[ModelVersionRecord]:
        """The versions of a model, oldest first."""

    @abc.abstractmethod
    def move_tag(self, model_id: str, tag: str, *, version_id: str, if_held_by: str | None = None) -> ModelVersionRecord:
        """Give a unique tag to a version, taking it from the one that holds it, as one change.

        Args:
            model_id: The model.
            tag: The tag; it need not exist yet.
            version_id: Who is to hold it.
            if_held_by: The version string that must hold it now.

        Returns:
            The new holder.

        Raises:
            ConflictError: ``if_held_by`` does not hold the tag.
        """

    @abc.abstractmethod
    def remove_tag(self, model_id: str, tag: str) -> None:
        """Take a unique tag from whoever holds it.

        Raises:
            NotFoundError: No version holds it.
        """

    @abc.abstractmethod
    def set_labels(self, id: str, labels: Mapping[str, str | None]) -> ModelRecord | ModelVersionRecord:
        """Merge labels into those of a model or a version; a value of None removes one."""

    @abc.abstractmethod
    def lineage(self, id: str) -> LineageRecord:
        """For a model version what is behind it, for an experiment the versions that came of it."""

    # -- what hangs on every object

    @abc.abstractmethod
    def update_metadata(self, id: str, metadata: Mapping[str, Any]) -> None:
        """Merge JSON values into an object's metadata, at the top level."""

    @abc.abstractmethod
    def metadata(self, id: str) -> dict[str, Any]:
        """An object's metadata, sorted by key."""

    @abc.abstractmethod
    def append_metrics(self, batches: Sequence[MetricBatch]) -> None:
        """Store points durably; a batch that is stored already changes nothing. Points of objects that are gone are dropped."""

    @abc.abstractmethod
    def read_metrics(
        self,
        id: str,
        *,
        keys: Sequence[str] = (),
        start_step: int | None = None,
        end_step: int | None = None,
        max_points: int | None = None,
    ) -> pa.Table:
        """Points of an object, without those hidden by a rewind, as ``MetricsStore.read`` returns them."""

    @abc.abstractmethod
    def last_batch(self, id: str, writer: str) -> int | None:
        """The greatest sequence of the stored batches of a writer on the present life of an object; None when there is none."""

    @abc.abstractmethod
    def append_events(self, writer: str, events: Sequence[PendingEvent]) -> None:
        """Add events to the feed; those whose sequence is not above the writer's last are there already and are skipped."""

    @abc.abstractmethod
    def last_event(self, writer: str) -> int:
        """The greatest sequence of the events that a writer has added; 0 when there is none."""

    @abc.abstractmethod
    def events(self, id: str, *, since_us: int | None = None) -> list[Event]:
        """The events of an object, in the order of their wallclock."""

    # -- artifacts

    @abc.abstractmethod
    def put_artifact(
        self, object_id: str, name: str, files: Sequence[SourceFile], progress: Callable[[int], None] | None = None
    ) -> ArtifactRecord:
        """Upload files into the artifact with this name on an object. A file with the same path is replaced, others stay.

        Content that the store has is not sent again. Nothing is visible until all is stored.

        Raises:
            ChecksumError: A file did not have the digest that it was said to have, as when it changed after it was hashed; nothing
                is visible, and the caller may hash it again.
        """

    @abc.abstractmethod
    def track_artifact(self, object_id: str, name: str, *, uri: str, checksum: str | None) -> ArtifactRecord:
        """Remember an address in the artifact with this name on an object, copying nothing."""

    @abc.abstractmethod
    def list_artifacts(self, object_id: str) -> list[ArtifactRecord]:
        """The artifacts of an object, oldest first."""

    @abc.abstractmethod
    def find_artifact(self, object_id: str, name: str) -> ArtifactRecord:
        """The artifact with a name on an object.

        Raises:
            NotFoundError: There is none.
        """

    @abc.abstractmethod
    def open_file(self, file: FileRecord) -> BinaryIO:
        """A readable, seekable stream of a stored file. The caller verifies its digest.

        Raises:
            NotFoundError: The content is gone.
        """

    # -- deletion

    @abc.abstractmethod
    def delete(self, id: str, *, force: bool = False) -> None:
        """Delete an object with all that hangs on it, as one change; a model goes with its versions.

        Raises:
            ConflictError: A version, or a version of the model, holds a unique tag, and ``force`` is False.
        """

    @abc.abstractmethod
    def collect_garbage(self, *, dry_run: bool = False) -> GarbageReport:
        """Free the content that nothing refers to any more."""

    # -- changes

    @abc.abstractmethod
    def last_seq(self) -> int:
        """The sequence number of the newest change."""

    @abc.abstractmethod
    def changes(self, *, since: int, limit: int | None = None, namespace: str | None = None) -> list[Change]:
        """The changes after ``since``, in order; of all namespaces when ``namespace`` is None."""

    @abc.abstractmethod
    def wait_for_changes(self, since: int, timeout_s: float) -> bool:
        """Wait until there may be a change after ``since``, at most ``timeout_s``; whether there may be one."""

    def follow(self, *, since: int, namespace: str | None) -> Feed:
        """Read the feed on from the change ``since``; of all namespaces when ``namespace`` is None."""
        return _PollingFeed(self, since, namespace)

    # -- the whole store

    @abc.abstractmethod
    def sql(self, query: str) -> pa.Table:
        """Run one read-only SQL statement over the whole store.

        Raises:
            InvalidArgumentError: It is not a query, or does not parse or run; the message is the engine's.
        """

    @abc.abstractmethod
    def description(self) -> str:
        """What this is and where, in a few words, for health reports and error messages."""

    @abc.abstractmethod
    def spool(self) -> Spool:
        """Where journals for this backend live."""

    def check(self, *, verify_content: bool = False, quarantine: bool = False) -> list[Finding]:
        """Examine everything that is stored; what is not as it should be.

        Args:
            verify_content: Whether all content is read, and its digests compared.
            quarantine: Whether damaged files are got out of the way of the rest.

        Raises:
            InvalidArgumentError: The store is not one that can be examined from here.
        """
        del verify_content, quarantine
        raise InvalidArgumentError(f"{self.description()} cannot be examined from here; run modelbox doctor where its store is")

    def maintain(self) -> None:
        """Do background work that is due. Called from a background thread now and then."""

    def forget_after_fork(self) -> None:
        """Called in a forked child: let go of threads, connections and locks of the parent, without touching them."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release what is held. Idempotent."""


class _PollingFeed(Feed):
    """Asks the backend."""

    def __init__(self, backend: Backend, since: int, namespace: str | None) -> None:
        self._backend = backend
        self._position = since
        self._namespace = namespace
        backend.changes(since=since, limit=0, namespace=namespace)  # refuse bad arguments now, not at the first change

    def read(self, timeout_s: float) -> list[Change]:
        found = self._next()
        if not found and self._backend.wait_for_changes(self._position, timeout_s):
            found = self._next()
        return found

    def _next(self) -> list[Change]:
        newest = self._backend.last_seq()
        found = self._backend.changes(since=self._position, limit=_FEED_PAGE, namespace=self._namespace)
        # What other namespaces committed is not looked at again.
        self._position = found[-1].seq if found else max(self._position, newest)
        return found

    def close(self) -> None:
        pass


_FEED_PAGE = 1000
