"""The remote backend."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, BinaryIO

from modelbox import settings
from modelbox.backends import arguments, validation
from modelbox.backends.base import SourceFile, Spool
from modelbox.backends.remote.address import ServerAddress, TlsOptions, parse_address
from modelbox.backends.remote.blob_servers import TransferCalls
from modelbox.backends.remote.calls import Calls
from modelbox.backends.remote.channel import Channel
from modelbox.backends.remote.logged import READ_DEADLINE_S, RemoteLogged
from modelbox.backends.remote.objects import RemoteObjects
from modelbox.errors import InvalidArgumentError
from modelbox.records import ArtifactRecord, FileRecord, GarbageReport
from modelbox.wire import messages
from modelbox.wire import service_pb2 as pb

if TYPE_CHECKING:
    import pyarrow as pa

_GARBAGE_DEADLINE_S = 600.0


class RemoteBackend(RemoteObjects, RemoteLogged):
    """A server as a backend. Nothing is connected before the first call.

    Args:
        address: ``grpc://host:port`` or ``grpcs://host:port``, with commas between several servers of one store.
        token: Proves who is calling.
        tls: Certificates for ``grpcs://``.

    Raises:
        InvalidArgumentError: The address or the token cannot be used.
    """

    def __init__(self, address: str, *, token: str | None = None, tls: TlsOptions | None = None) -> None:
        self._address = parse_address(address)
        self._tls = tls or TlsOptions()
        self._token = _checked_token(token)
        if token and not self._address.secure and not self._address.is_local:
            _warn_of_open_token(self._address)
        self._first = random.randrange(len(self._address.hosts))  # noqa: S311 - so that servers share the clients
        super().__init__(self._connect)
        self._transfer_calls = TransferCalls(self._calls, self._address, self._connect_to)

    def _connect(self) -> Calls:
        return self._connect_to(self._address)

    def _connect_to(self, address: ServerAddress) -> Calls:
        channel = Channel(address, self._tls, first=self._first)
        return Calls(channel, token=self._token, retry_s=settings.retry_s())

    # -- artifacts

    def put_artifact(
        self, object_id: str, name: str, files: Sequence[SourceFile], progress: Callable[[int], None] | None = None
    ) -> ArtifactRecord:
        from modelbox.backends.remote.uploads import Upload

        arguments.put_artifact(object_id, name, files)
        return Upload(self._transfer_calls.get(), object_id, name, files, progress).run()

    def track_artifact(self, object_id: str, name: str, *, uri: str, checksum: str | None) -> ArtifactRecord:
        arguments.track_artifact(object_id, name, uri=uri, checksum=checksum)
        request = pb.TrackArtifactRequest(object_id=object_id, name=name, uri=uri, checksum=checksum)
        return messages.artifact_from_message(self._calls.unary("TrackArtifact", request).artifact)

    def list_artifacts(self, object_id: str) -> list[ArtifactRecord]:
        request = pb.ListArtifactsRequest(object_id=validation.id(object_id))
        return self._list("ListArtifacts", request, lambda page: page.artifacts, messages.artifact_from_message)

    def find_artifact(self, object_id: str, name: str) -> ArtifactRecord:
        arguments.find_artifact(object_id, name)
        response = self._calls.unary("GetArtifact", pb.GetArtifactRequest(object_id=object_id, name=name))
        return messages.artifact_from_message(response.artifact)

    def open_file(self, file: FileRecord) -> BinaryIO:
        from modelbox.backends.remote.downloads import open_content

        validation.stored_blob(file)
        return open_content(self._transfer_calls.get(), file)

    # -- the whole store

    def sql(self, query: str) -> pa.Table:
        request = pb.QueryRequest(sql=validation.text(query, "query"))
        return self._calls.repeated(lambda: self._query(request))

    def _query(self, request: pb.QueryRequest) -> pa.Table:
        import pyarrow as pa

        with self._calls.stream("Query", request, deadline_s=READ_DEADLINE_S) as responses:
            data = b"".join(response.arrow for response in responses)
        with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
            return reader.read_all()

    def collect_garbage(self, *, dry_run: bool = False) -> GarbageReport:
        request = pb.CollectGarbageRequest(dry_run=bool(dry_run))
        response = self._calls.unary("CollectGarbage", request, deadline_s=_GARBAGE_DEADLINE_S)
        return messages.garbage_from_message(response, dry_run=bool(dry_run))

    # -- itself

    def description(self) -> str:
        return f"ModelBox server at {self._address}"

    def spool(self) -> Spool:
        folder = settings.spool_dir() / self._address.key
        return Spool(folder=folder, shared=False, store=str(self._address), patience_s=settings.retry_s())

    def close(self) -> None:
        for feed in list(self._feeds):
            feed.close()
        self._transfer_calls.close()
        self._calls.channel.close()


_warned: set[ServerAddress] = set()


def _warn_of_open_token(address: ServerAddress) -> None:
    if address not in _warned:
        _warned.add(address)
        message = f"the token is sent to {address} unencrypted, where others may read it on its way; use grpcs:// and TLS"
        warnings.warn(message, RuntimeWarning, stacklevel=5)


def _checked_token(token: str | None) -> str | None:
    if token is None:
        return None
    if not isinstance(token, str):
        raise TypeError(f"token must be a str, not {type(token).__name__}")
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable():  # not shown: it is a secret
        raise InvalidArgumentError(
            "the token cannot be sent: it must be printable ASCII, as `modelbox server create-token` makes it"
        )
    return token
