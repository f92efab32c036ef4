"""Ids of files for clients of upstream: at most 40 characters, from which the artifact can be told without an index."""

from __future__ import annotations

import base64
import binascii
import hashlib

from modelbox.errors import NotFoundError

_ARTIFACT_CHARACTERS = 22
_PATH_CHARACTERS = 18


def file_id(artifact_id: str, path: str) -> str:
    """The id of a file: the 16 bytes of its artifact's id, and a hash of its path, in base64url."""
    return _base64(bytes.fromhex(artifact_id)) + _path_hash(path)


def artifact_id_of(file_id: str) -> str:
    """The id of the artifact that a file belongs to.

    Raises:
        NotFoundError: No file can have this id.
    """
    try:
        if len(file_id) != _ARTIFACT_CHARACTERS + _PATH_CHARACTERS:
            raise ValueError
        return base64.b64decode(file_id[:_ARTIFACT_CHARACTERS] + "==", altchars=b"-_", validate=True).hex()
    except (ValueError, binascii.Error):
        raise NotFoundError(f"there is no file with id {file_id!r}") from None


def _path_hash(path: str) -> str:
    return _base64(hashlib.sha256(path.encode()).digest())[:_PATH_CHARACTERS]


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
