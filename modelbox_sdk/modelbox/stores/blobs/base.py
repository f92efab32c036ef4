"""What a blob store does."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from modelbox.errors import ConflictError
from modelbox.findings import Fault
from modelbox.hashing import digest_of_stream
from modelbox.stores.blobs.receiving import Receiver, SpooledReceiver

DIGEST_PREFIX = "blake3:"


def blob_name(digest: str, generation: int = 0, variant: str = "") -> str:
    """The name of content in a blob store, such as ``blake3/ab/abcdef...``.

    Args:
        digest: Its digest.
        generation: Makes ``.N`` of a generation N other than 0.
        variant: Makes ``-V`` of a variant V, which somebody wrote whom nobody trusts yet.
    """
    algorithm, _, value = digest.partition(":")
    suffix = (f".{generation}" if generation else "") + (f"-{variant}" if variant else "")
    return f"{algorithm}/{value[:2]}/{value}{suffix}"


class BlobParts(NamedTuple):
    """What :func:`blob_name` made a name of."""

    digest: str
    generation: int
    variant: str


def parse_blob_name(name: str) -> BlobParts:
    """The parts of a name."""
    algorithm, _, last = name.split("/")
    value, _, variant = last.partition("-")
    value, _, generation = value.partition(".")
    return BlobParts(f"{algorithm}:{value}", int(generation or 0), variant)


class BlobItem(NamedTuple):
    """Content that is to be stored; the fields are the arguments of :meth:`BlobStore.put`."""

    name: str
    digest: str
    size: int
    source: Callable[[], BinaryIO]


class BlobInfo(NamedTuple):
    """A stored piece of content."""

    name: str
    size: int


class SignedUpload(NamedTuple):
    """How somebody without credentials can write content to the storage."""

    upload_id: str
    part_size: int
    urls: list[str]


class Reference(NamedTuple):
    """What refers to a piece of content: what it must be, and a file that it is the content of."""

    digest: str
    size: int
    what: str


def refuse_gap(offset: int, received: int) -> None:
    """Check that content can be continued at an offset.

    Raises:
        ConflictError: Less of it is here.
    """
    if offset > received:
        raise ConflictError(f"content cannot be continued at byte {offset:,}: {received:,} bytes of it are here")


class BlobStore(abc.ABC):
    """Immutable content under the names that :func:`blob_name` gives.

    Content appears whole and verified or not at all. Methods may be called from any thread. They raise ``UnavailableError`` or
    ``PermissionDeniedError`` when the storage fails.
    """

    @abc.abstractmethod
    def put(
        self, name: str, digest: str, size: int, source: Callable[[], BinaryIO], progress: Callable[[int], None] | None = None
    ) -> None:
        """Store content durably, streaming it. Content that is there already is not read again.

        An earlier attempt that was interrupted is continued where the storage allows it.

        Args:
            name: Where to store it.
            digest: What the content must hash to.
            size: How long it must be, in bytes.
            source: Opens the content, at its start; the caller's stream is closed here. May be called more than once.
            progress: Called with the number of bytes just dealt with.

        Raises:
            ChecksumError: The source did not have this digest or size; nothing is stored.
        """

    def put_many(self, items: Sequence[BlobItem], progress: Callable[[int], None] | None = None) -> None:
        """Store many pieces of content, as :meth:`put` does each; faster where the storage can sync or send many at once.

        When it fails, some of the items may have been stored.
        """
        for item in items:
            self.put(item.name, item.digest, item.size, item.source, progress)

    def received(self, name: str, size: int) -> int:
        """Bytes that a receiver left of content that it did not finish: another one may begin there, or before."""
        del name, size
        return 0

    def receive(self, name: str, digest: str, size: int, offset: int = 0) -> Receiver:
        """Take content in that comes in pieces. It appears when the receiver has finished, verified as by :meth:`put`.

        Args:
            name: Where to store it.
            digest: What the content must hash to.
            size: How long it must be, in bytes.
            offset: Where the first piece begins.

        Raises:
            ConflictError: Less than ``offset`` bytes were left; see :meth:`received`.
        """
        refuse_gap(offset, 0)
        return SpooledReceiver(size, lambda source: self.put(name, digest, size, source))

    def sign_upload(self, name: str, size: int) -> SignedUpload | None:
        """URLs with which content can be written in parts, over HTTP and without credentials; None where there is no such thing.

        Nothing appears before :meth:`finish_signed`, and the URLs do nothing after it. What appears then is not verified.
        """
        del name, size
        return None

    def finish_signed(self, name: str, upload_id: str, etags: Sequence[str]) -> bool:
        """Make content appear that was written to signed URLs; whether all parts of it were there. May be repeated."""
        del name, upload_id, etags
        return False

    def sign_download(self, name: str) -> str | None:
        """A URL from which content can be read without credentials; None where there is no such thing."""
        del name
        return None

    def digest(self, name: str, size: int) -> str:
        """Read content that has so many bytes; its digest.

        Raises:
            NotFoundError: There is nothing under this name.
        """
        with self.open(name) as stream:
            return digest_of_stream(stream, size)[0]

    @abc.abstractmethod
    def size(self, name: str) -> int | None:
        """Bytes stored under a name, or None when there is nothing."""

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """Bytes stored under those of the names that have something."""
        found = {name: self.size(name) for name in names}
        return {name: size for name, size in found.items() if size is not None}

    @abc.abstractmethod
    def open(self, name: str) -> BinaryIO:
        """A readable, seekable stream of the content.

        Raises:
            NotFoundError: There is nothing under this name.
        """

    @abc.abstractmethod
    def uri(self, name: str) -> str:
        """The address of the content, for people and other tools."""

    @abc.abstractmethod
    def blobs(self) -> Iterator[BlobInfo]:
        """Everything that is stored."""

    @abc.abstractmethod
    def delete(self, name: str) -> None:
        """Delete content, if it is there."""

    @abc.abstractmethod
    def clean(self, *, dry_run: bool) -> int:
        """Free what interrupted uploads left behind and nobody will continue; the bytes freed, or that would be."""

    def check(self, referenced: Mapping[str, Reference], *, content: bool = False) -> Iterator[Fault]:
        """Examine content, changing nothing; what is not as it should be.

        Args:
            referenced: What has to be there, by name.
            content: Whether content is read, and its digest compared.
        """
        del referenced, content
        return iter(())

    def quarantine(self, fault: Fault, folder: str) -> None:
        """Get content with a movable fault out of the way, so that it can be uploaded again, and keep it below a folder."""
        del fault, folder

    def forget_after_fork(self) -> None:
        """Called in a forked child: let go of what belongs to the parent, without touching it."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release what is held. Idempotent."""
