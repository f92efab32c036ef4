"""The client: one way in, whichever backend is behind it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from modelbox import lifetime, settings
from modelbox.backends.base import Feed
from modelbox.backends.opening import Credentials, open_backend
from modelbox.errors import NotFoundError
from modelbox.findings import Finding
from modelbox.journal import Journal
from modelbox.objects.artifact import Artifact
from modelbox.objects.experiment import Experiment
from modelbox.objects.model import Model
from modelbox.objects.session import Session
from modelbox.objects.version import ModelVersion
from modelbox.records import (
    ANY_NAMESPACE,
    ArtifactRecord,
    Change,
    ExperimentRecord,
    GarbageReport,
    ModelRecord,
    ModelVersionRecord,
    ObjectType,
    PushReport,
)

if TYPE_CHECKING:
    import pyarrow as pa

_WATCH_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Health:
    """How a client is doing.

    Attributes:
        backend: What it talks to, and where.
        waiting: Records that were logged and are not in the store yet.
        oldest_s: Age of the oldest of them in seconds; 0.0 when there is none.
        last_error: Why the last delivery failed; None when it did not.
    """

    backend: str
    waiting: int
    oldest_s: float
    last_error: str | None


class ModelBoxClient:
    """A connection to a store; see the arguments for which.

    A client may be shared between threads and survives ``fork``. It is a context manager, and closes itself at exit.

    Args:
        uri: None for ``$MODELBOX_URI``, else ``$MODELBOX_API_ADDR``, else the embedded store in ``./.modelbox``; ``memory://`` for
            an ephemeral store; a path or ``file://`` URL for an embedded store in a folder, created when absent; an fsspec URL such
            as ``s3://bucket/prefix`` for one in object storage; ``grpc://host:port`` or ``host:port`` for a server, ``grpcs://``
            for one with TLS, with commas between several servers of one store. A server is not called before it is needed.
        namespace: Where objects are created and looked up by default.
        owner: Who owns what is created by default; None for ``$MODELBOX_OWNER``, then the login name.
        token: Proves who is calling, to a server; ``$MODELBOX_TOKEN`` when None. Embedded stores need none.
        ca_cert: A PEM file of the certificates that vouch for a server with TLS; None for ``$MODELBOX_CA_CERT``, then the system's.
        client_cert: A PEM file of the certificate that is shown to the server; None for ``$MODELBOX_CLIENT_CERT``.
        client_key: A PEM file of its private key; None for ``$MODELBOX_CLIENT_KEY``.
        offline: Where ``uri`` names a server, work in a local store instead, for ``modelbox push`` to send it later:
            ``$MODELBOX_OFFLINE_STORE``, else ``./.modelbox``.

    Raises:
        InvalidArgumentError: The place is not a store and cannot become one, or is not an address, or a certificate cannot be read.
        PermissionDeniedError: The place may not be read, or not be written.
        UnavailableError: The storage is out of reach.
    """

    def __init__(
        self,
        uri: str | os.PathLike[str] | None = None,
        *,
        namespace: str = "default",
        owner: str | None = None,
        token: str | None = None,
        ca_cert: str | os.PathLike[str] | None = None,
        client_cert: str | os.PathLike[str] | None = None,
        client_key: str | os.PathLike[str] | None = None,
        offline: bool = False,
    ) -> None:
        if owner is not None and not isinstance(owner, str):
            raise TypeError(f"owner must be a str, not {type(owner).__name__}")
        self._closed = False
        credentials = Credentials(token=token, ca_cert=ca_cert, client_cert=client_cert, client_key=client_key)
        self._backend = open_backend(settings.default_uri() if uri is None else os.fspath(uri), credentials, offline=offline)
        spool = self._backend.spool()
        journal = Journal(
            spool.folder,
            self._backend,
            shared=spool.shared,
            maintain=self._backend.maintain,
            store=spool.store,
            patience_s=spool.patience_s,
        )
        self._session = Session(
            self._backend, journal, namespace=namespace, owner=lambda: owner if owner is not None else settings.default_owner()
        )
        lifetime.begins(self, self._backend.forget_after_fork)

    # -- experiments

    def create_experiment(
        self,
        name: str,
        *,
        namespace: str | None = None,
        owner: str | None = None,
        external_id: str = "",
        framework: str = "",
        task: str = "",
        metadata: Mapping[str, Any] | None = None,
        parent: Experiment | None = None,
    ) -> Experiment:
        """Get or create an experiment by (namespace, name, owner), running.

        One that exists is returned as it is stored, with ``exists == True``: the other arguments are then not used.

        Args:
            name: Its name.
            namespace: Where; the client's when None.
            owner: Whose; the client's when None.
            external_id: Its id in another system.
            framework: A :class:`modelbox.MLFramework`, or its name in any case.
            task: What it is for.
            metadata: JSON values, such as hyperparameters.
            parent: Nests it under another experiment.

        Raises:
            InvalidArgumentError: A name cannot be used, the framework is unknown, or metadata is not JSON.
        """
        record, exists = self._session.backend.create_experiment(
            name=name,
            namespace=self._namespace(namespace),
            owner=self._session.owner if owner is None else owner,
            external_id=external_id,
            framework=framework,
            task=task,
            metadata=metadata,
            parent_id=None if parent is None else parent.id,
        )
        return Experiment(self._session, record, exists=exists)

    def get_experiment(self, id: str) -> Experiment:
        """The experiment with an id.

        Raises:
            NotFoundError: There is none.
        """
        record = self._session.backend.get_object(id, ObjectType.EXPERIMENT)
        return Experiment(self._session, cast(ExperimentRecord, record))

    def list_experiments(self, namespace: str | None = None, *, limit: int | None = None) -> list[Experiment]:
        """The experiments of a namespace (the client's when None; ``"*"`` for all), newest first."""
        found = self._session.backend.list_experiments(namespace=self._namespaces(namespace), limit=limit)
        return [Experiment(self._session, record) for record in found]

    def delete_experiment(self, id: str) -> None:
        """Delete an experiment, with its metrics, metadata, events and artifacts.

        Raises:
            NotFoundError: There is none.
        """
        self._session.backend.delete(self.get_experiment(id).id)

    # -- models

    def create_model(
        self,
        name: str,
        *,
        namespace: str | None = None,
        owner: str | None = None,
        task: str = "",
        description: str = "",
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Model:
        """Get or create a model by (namespace, name).

        One that exists is returned as it is stored, with ``exists == True``: the other arguments are then not used.
        """
        record, exists = self._session.backend.create_model(
            name=name,
            namespace=self._namespace(namespace),
            owner=self._session.owner if owner is None else owner,
            task=task,
            description=description,
            labels=labels,
            metadata=metadata,
        )
        return Model(self._session, record, exists=exists)

    def get_model(self, id_or_name: str, *, namespace: str | None = None) -> Model:
        """The model with an id, or with a name in a namespace (the client's when None).

        Raises:
            NotFoundError: There is none.
        """
        backend = self._session.backend
        with contextlib.suppress(NotFoundError):
            return Model(self._session, cast(ModelRecord, backend.get_object(id_or_name, ObjectType.MODEL)))
        return Model(self._session, backend.find_model(name=id_or_name, namespace=self._namespace(namespace)))

    def list_models(self, namespace: str | None = None, *, limit: int | None = None) -> list[Model]:
        """The models of a namespace (the client's when None; ``"*"`` for all), newest first."""
        found = self._session.backend.list_models(namespace=self._namespaces(namespace), limit=limit)
        return [Model(self._session, record) for record in found]

    def delete_model(self, id: str, *, force: bool = False) -> None:
        """Delete a model, with its versions and all that hangs on them.

        Raises:
            NotFoundError: There is none.
            ConflictError: One of its versions holds a unique tag, and ``force`` is False.
        """
        backend = self._session.backend
        backend.delete(backend.get_object(id, ObjectType.MODEL).id, force=force)

    def load_model(
        self,
        name: str,
        *,
        namespace: str | None = None,
        version: str | None = None,
        tag: str | None = None,
        artifact: str | None = None,
        progress: bool = True,
    ) -> Path:
        """A local, verified, read-only copy of a version's artifacts, for an inference service.

        The copies are kept by content in ``$MODELBOX_CACHE_DIR``: a second load transfers nothing, and many processes may load at
        once.

        Args:
            name: Name or id of the model.
            namespace: Where; the client's when None.
            version: Version string; with neither version nor tag, the newest version.
            tag: A unique tag.
            artifact: Only this artifact.
            progress: Show a progress bar when it takes long and there is a terminal or a notebook.

        Returns:
            A folder with ``<artifact>/<path>`` for each file, or ``<path>`` when one artifact is asked for.

        Raises:
            NotFoundError: There is no such model, version or artifact, or the version has no artifacts.
            ChecksumError: Stored content does not match its digest.
        """
        from modelbox.transfers import materialise

        model = self.get_model(name, namespace=namespace)
        backend = self._session.backend
        found = backend.get_version(model.id, version=version, tag=tag)
        if artifact is not None:
            return materialise(backend, [backend.find_artifact(found.id, artifact)], single=True, progress=progress)
        artifacts = backend.list_artifacts(found.id)
        if not artifacts:
            raise NotFoundError(f"version {found.version!r} of model {model.name!r} has no artifacts to load")
        return materialise(backend, artifacts, single=False, progress=progress)

    # -- changes

    def changes(self, namespace: str | None = None, *, since: int = 0, limit: int | None = None) -> list[Change]:
        """The changes after ``since``, in the order in which they were committed.

        Args:
            namespace: Which; the client's when None, ``"*"`` for all.
            since: The ``seq`` of the last change already known; 0 for the beginning.
            limit: At most so many.
        """
        return self._session.feed_backend.changes(since=since, limit=limit, namespace=self._namespaces(namespace))

    def watch(self, namespace: str | None = None, *, since: int | None = None, timeout: float | None = None) -> Iterator[Change]:
        """Follow the changes as they are committed, by this and other processes.

        Args:
            namespace: Which; the client's when None, ``"*"`` for all.
            since: The ``seq`` of the last change already known: resuming with it misses nothing and repeats nothing. None for from
                now on, 0 for the beginning.
            timeout: End after so many seconds without a change; None to go on for ever.
        """
        backend = self._session.feed_backend
        position = backend.last_seq() if since is None else since
        return self._follow(backend.follow(since=position, namespace=self._namespaces(namespace)), timeout)

    def _follow(self, feed: Feed, timeout: float | None) -> Iterator[Change]:
        deadline = None if timeout is None else time.monotonic() + timeout
        with contextlib.closing(feed):
            while not self._closed:
                _ = self._session.feed_backend  # what this process, and those that died, logged comes into the feed
                left = _WATCH_WAIT_S if deadline is None else deadline - time.monotonic()
                found = feed.read(max(0.0, min(left, _WATCH_WAIT_S)))
                yield from found
                if found:
                    deadline = None if timeout is None else time.monotonic() + timeout
                elif left <= 0:
                    return

    # -- any object

    def get_object(self, id: str) -> Experiment | Model | ModelVersion | Artifact:
        """The object with an id, of whichever type, as it stands in a :class:`Change` or in a row of SQL.

        Raises:
            NotFoundError: There is none.
        """
        record = self._session.backend.get_object(id)
        if isinstance(record, ExperimentRecord):
            return Experiment(self._session, record)
        if isinstance(record, ModelRecord):
            return Model(self._session, record)
        if isinstance(record, ModelVersionRecord):
            return ModelVersion(self._session, record)
        return Artifact(self._session, cast(ArtifactRecord, record))

    # -- the whole store

    def sql(self, query: str) -> pa.Table:
        """Run one read-only SQL query (DuckDB's dialect) over an embedded store.

        Tables: ``experiments``, ``models``, ``model_versions``, ``metadata``, ``metrics``, ``events``, ``artifacts``, ``changes``.

        Raises:
            InvalidArgumentError: It is not a single query, or fails; the message is DuckDB's.
        """
        return self._session.whole_backend.sql(query)

    def export(self, path: str | os.PathLike[str], *, namespace: str | None = None) -> Path:
        """Write what is in the store as Parquet files and plain files, for any tool to read.

        The folder gets ``experiments.parquet``, and so on for ``models``, ``model_versions``, ``artifacts`` (a row for each file),
        ``metadata``, ``metrics``, ``events`` and ``changes``, and the content of stored artifacts as
        ``files/<artifact id>/<path>``. Points that a rewind hides are left out, and so is what is deleted meanwhile. The folder
        appears under its name when it is whole.

        Args:
            path: A folder that does not exist, or is empty.
            namespace: Which; the client's when None, ``"*"`` for all.

        Returns:
            The folder.

        Raises:
            InvalidArgumentError: Something is there already.
            ChecksumError: Stored content does not match its digest.
            PermissionDeniedError: The folder cannot be created or written.
        """
        from modelbox.exporting import export

        return export(self, path, namespace=namespace)

    def push(
        self, uri: str | os.PathLike[str], *, namespace: str = ANY_NAMESPACE, token: str | None = None, progress: bool = True
    ) -> PushReport:
        """Send what is in this embedded store, and not on a server yet, to the server; or to another store.

        It may be done as often as one likes, while others log to the store, and again after it was killed: every point, event and
        artifact is there once then. Only what differs is sent, and nothing is deleted there. A unique tag that another version
        holds there stays with it.

        Args:
            uri: Where to, as in ``ModelBoxClient(uri)``.
            namespace: Which; ``"*"`` for all.
            token: Proves to that server who is calling.
            progress: Show how far it has come when there is a terminal or a notebook.

        Returns:
            What was sent, and as ``problems`` what could not be sent as it is.

        Raises:
            InvalidArgumentError: This is not an embedded store, or ``uri`` leads to this very store.
            ConflictError: Another process is pushing this store.
            UnavailableError: The server is out of reach; pushing again goes on from there.
        """
        from modelbox.pushing import push
        from modelbox.pushing.display import progress_line

        chosen = self._namespaces(namespace)
        with ModelBoxClient(uri, token=token) as target, progress_line("pushing", enabled=progress) as tell:
            return push(self._session.whole_backend, target._backend, namespace=chosen, progress=tell)

    def deliver_spool(self, folder: str | os.PathLike[str]) -> PushReport:
        """Deliver what clients of this server logged while it was out of reach, and left in their spool when they died.

        Clients do so by themselves, at the first log call or read of the next one with the same spool. This is for a folder that
        was brought from elsewhere.

        Args:
            folder: The spool of one server, as the message named it that said what could not be delivered.

        Returns:
            What was delivered, and as ``problems`` what stays there, such as journals of processes that are alive.

        Raises:
            InvalidArgumentError: There is no such folder, or it is a store.
            UnavailableError: The server is out of reach; delivering again goes on from there.
        """
        from modelbox.pushing import deliver_spool

        return deliver_spool(Path(folder), self._backend)

    def collect_garbage(self, *, dry_run: bool = False) -> GarbageReport:
        """Free the content that nothing refers to any more, or say how much there is."""
        return self._session.backend.collect_garbage(dry_run=dry_run)

    def check(self, *, verify_content: bool = False, quarantine: bool = False) -> list[Finding]:
        """Examine all that an embedded store consists of: the log, checkpoints, metrics, journals, and the artifacts' content.

        Nothing is changed unless ``quarantine`` is True. Then damaged files are moved to ``<store>/quarantine``, where they keep
        their names, so that all the rest can be read; never those of the log, which is the truth. Points in a damaged segment are
        given up by that.

        Args:
            verify_content: Read all content, and compare its digests.
            quarantine: Get what is damaged out of the way.

        Returns:
            What is not as it should be; nothing when all is well.

        Raises:
            InvalidArgumentError: It is not an embedded store.
        """
        return self._backend.check(verify_content=verify_content, quarantine=quarantine)

    def health(self) -> Health:
        """What this client talks to, and what has not been delivered yet. Does not touch the store."""
        pending = self._session.journal.pending()
        return Health(
            backend=self._backend.description(),
            waiting=pending.records,
            oldest_s=pending.oldest_age_s or 0.0,
            last_error=pending.last_error,
        )

    # -- the end

    def flush(self, timeout: float | None = None) -> None:
        """Return when everything logged so far is in the store, and survives the death of the machine.

        Args:
            timeout: Seconds to wait at most; None for as long as it takes.

        Raises:
            UnavailableError: The store could not be reached or written in time; what was logged is kept, on disk.
        """
        self._session.journal.flush(timeout)

    def close(self, timeout: float = lifetime.EXIT_TIMEOUT_S) -> None:
        """Flush and release. Closing again does nothing.

        Args:
            timeout: Seconds to wait at most. What could not be delivered by then stays on disk.

        Raises:
            UnavailableError: Something could not be delivered; the message says where it is and how to deliver it.
        """
        if self._closed:
            return
        self._closed = True
        lifetime.ends(self)
        try:
            self._session.journal.close(timeout)
        finally:
            self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ModelBoxClient {self._backend.description()}{' (closed)' if self._closed else ''}>"

    def _namespace(self, namespace: str | None) -> str:
        return self._session.namespace if namespace is None else namespace

    def _namespaces(self, namespace: str | None) -> str | None:
        chosen = self._namespace(namespace)
        return None if chosen == ANY_NAMESPACE else chosen
