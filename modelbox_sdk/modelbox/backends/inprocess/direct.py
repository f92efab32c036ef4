"""Content that goes past the server, straight between clients and the storage.

A client writes under a variant of the content's name that nothing refers to. When it has finished, the server reads the content,
and only if it is right does the variant become the name of this content, in a transaction. So nobody is served what has not been
verified, no deduplication relies on it, and nobody can replace content that others have. Nothing is copied.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from modelbox.backends import arguments
from modelbox.backends.arguments import ARTIFACT_OWNERS
from modelbox.backends.inprocess.artifacts import ArtifactRules, current_blob, generation_of
from modelbox.backends.served import DirectUpload
from modelbox.errors import ChecksumError, ConflictError, InvalidArgumentError
from modelbox.records import FileRecord
from modelbox.stores.blobs import blob_name
from modelbox.stores.metadata import Transaction, View

_SMALLEST = 8 << 20
"""Below, a request to the storage for each file costs more than the way through the server."""
_UPLOAD_ID = re.compile(r"(?P<generation>[0-9]{1,9})-(?P<variant>[0-9a-f]{16})-(?P<storage_id>[!-~]{1,1024})")


class DirectRules(ArtifactRules):
    """The part of the in-process backend about signed URLs."""

    def finish_direct_upload(self, object_id: str, digest: str, size: int, upload_id: str, etags: Sequence[str]) -> None:
        arguments.content(object_id, digest, size)
        found = _UPLOAD_ID.fullmatch(upload_id)
        if found is None:
            raise InvalidArgumentError(f"{upload_id[:200]!r} is not the id of an upload")
        view = self._metadata.view()
        self._require(view, object_id, *ARTIFACT_OWNERS)
        generation, variant = int(found["generation"]), found["variant"]
        name = blob_name(digest, generation, variant)
        if current_blob(view, digest) == name:
            return  # a call that is repeated
        if not self._blobs.finish_signed(name, found["storage_id"], etags):
            raise ConflictError(f"the storage does not have all parts of {digest}; begin the upload anew")
        self._verify(name, digest, size)
        self._adopt(name, digest, size, generation, variant)

    def download_url(self, file: FileRecord) -> str | None:
        return self._blobs.sign_download(file.blob) if file.blob is not None and (file.size or 0) >= _SMALLEST else None

    def _sign(self, view: View, digest: str, size: int) -> DirectUpload | None:
        """URLs for content that the store lacks."""
        if size < _SMALLEST:
            return None
        generation, variant = generation_of(view, digest), os.urandom(8).hex()
        signed = self._blobs.sign_upload(blob_name(digest, generation, variant), size)
        if signed is None:
            return None
        upload_id = f"{generation}-{variant}-{signed.upload_id}"
        return DirectUpload(upload_id=upload_id, part_size=signed.part_size, urls=tuple(signed.urls))

    def _verify(self, name: str, digest: str, size: int) -> None:
        found = self._blobs.size(name)
        if found != size or self._blobs.digest(name, size) != digest:
            if current_blob(self._metadata.view(), digest) != name:
                self._blobs.delete(name)
            raise ChecksumError(f"what was sent to the storage is not the {size:,} bytes with the digest {digest}")

    def _adopt(self, name: str, digest: str, size: int, generation: int, variant: str) -> None:
        """Make a verified variant the content with this digest, unless there is some."""
        before = current_blob(self._metadata.view(), digest)
        is_there = self._blobs.size(before) == size

        def body(transaction: Transaction) -> str:
            current = current_blob(transaction, digest)
            if current == before and not is_there and generation_of(transaction, digest) == generation:
                transaction.put("direct_blobs", {"digest": digest, "generation": generation, "variant": variant})
                return name
            return current

        current = self._metadata.transact(body)
        if current != name:
            self._blobs.delete(name)
            if not is_there:
                raise ConflictError(f"the content {digest} was collected as garbage while it was uploaded; begin the upload anew")
