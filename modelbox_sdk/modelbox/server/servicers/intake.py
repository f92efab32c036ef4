"""Content that comes in one stream, piece after piece."""

from __future__ import annotations

import contextlib

from modelbox.backends.served import ContentReceiver, ServedBackend
from modelbox.errors import InvalidArgumentError, ModelBoxError
from modelbox.wire import service_pb2 as pb
from modelbox.wire.content import MAX_CHUNK

_SMALL = 256 << 10
"""Content up to here is stored in groups, which share what makes it durable."""
_GROUP = 250
_GROUP_BYTES = 8 << 20


class Intake:
    """Stores what one stream brings. A context: what is complete by its end is stored, also when the stream breaks.

    Args:
        backend: Where to, as the caller may use it.

    Attributes:
        completed: Pieces of content that are durable.
    """

    def __init__(self, backend: ServedBackend) -> None:
        self.completed = 0
        self._backend = backend
        self._header: pb.ContentHeader | None = None
        self._left = 0
        """Bytes that are to come of the present piece."""
        self._receiver: ContentReceiver | None = None
        self._small: bytearray | None = None
        self._group: dict[str, bytes] = {}
        self._group_owner = ""

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            if kind is not None:
                with contextlib.suppress(ModelBoxError):  # what ended the stream is the error to tell
                    self._store_group()
        finally:
            if self._receiver is not None:
                self._receiver.close()

    def begin(self, header: pb.ContentHeader) -> None:
        """Begin a piece of content."""
        self._refuse_unfinished()
        self._header, self._left = header, header.size - header.offset
        if header.size <= _SMALL and header.offset == 0:
            self._small = bytearray()
        else:
            self._receiver = self._backend.receive_content(header.object_id, header.digest, header.size, header.offset)
        if self._left <= 0:
            self._complete(header)

    def take(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes of it."""
        header = self._header
        if header is None:
            raise InvalidArgumentError("there is a chunk without a header that says which content it is of")
        if len(chunk) > MAX_CHUNK:
            raise InvalidArgumentError(f"a chunk has {len(chunk):,} bytes; at most {MAX_CHUNK:,} are accepted")
        if len(chunk) > self._left:
            raise InvalidArgumentError(f"there are more bytes than the {header.size:,} of {header.digest}")
        self._left -= len(chunk)
        if self._small is not None:
            self._small += chunk
        elif self._receiver is not None:
            self._receiver.write(chunk)
        if self._left == 0:
            self._complete(header)

    def finish(self) -> None:
        """Store what is left, now that the stream has ended."""
        self._refuse_unfinished()
        self._store_group()

    def _refuse_unfinished(self) -> None:
        if self._header is not None:
            raise InvalidArgumentError(f"{self._left:,} of the {self._header.size:,} bytes of {self._header.digest} did not come")

    def _complete(self, header: pb.ContentHeader) -> None:
        self._header = None
        if self._small is not None:
            content, self._small = bytes(self._small), None
            self._add_to_group(header, content)
        elif self._receiver is not None:
            receiver = self._receiver
            receiver.finish()
            self._receiver = None
            receiver.close()
            self.completed += 1

    def _add_to_group(self, header: pb.ContentHeader, content: bytes) -> None:
        if self._group_owner != header.object_id:
            self._store_group()
            self._group_owner = header.object_id
        self._group[header.digest] = content
        if len(self._group) >= _GROUP or sum(map(len, self._group.values())) >= _GROUP_BYTES:
            self._store_group()

    def _store_group(self) -> None:
        group, self._group = self._group, {}
        if group:
            self._backend.store_contents(self._group_owner, group)
            self.completed += len(group)
