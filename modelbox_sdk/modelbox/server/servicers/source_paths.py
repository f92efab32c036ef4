"""Where a client of upstream has a file, as a path inside an artifact."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from modelbox.paths import MAX_PATH_BYTES, MAX_SEGMENT_BYTES

_SEPARATORS = re.compile(r"[/\\]+")
_NOWHERE = ("", ".")
_HASH_CHARACTERS = 16


def relative_path(source: str, name: str) -> str:
    """A relative path with forward slashes that says where the file was, so that files of one name in other folders stay apart.

    Args:
        source: Where the client has the file: a path of any system, or an address.
        name: Name of the artifact, for a source that says nothing.
    """
    segments = [segment for segment in _SEPARATORS.split(source) if segment not in _NOWHERE]
    while segments:
        segments[0] = segments[0].replace(":", "")  # a drive, or the scheme of an address
        if segments[0] not in _NOWHERE:
            break
        del segments[0]
    path = "/".join(map(_segment, segments)) or name.rpartition("/")[2]
    if len(path.encode()) <= MAX_PATH_BYTES:
        return path
    return _cut(path, MAX_PATH_BYTES, MAX_SEGMENT_BYTES)


def _segment(text: str) -> str:
    if text == "..":
        return "__"
    printable = "".join("_" if unicodedata.category(character) in ("Cc", "Cs") else character for character in text)
    return printable if len(printable.encode()) <= MAX_SEGMENT_BYTES else _cut(printable, MAX_SEGMENT_BYTES, MAX_SEGMENT_BYTES)


def _cut(text: str, limit: int, kept: int) -> str:
    """The end of a text, behind a hash of all of it, in at most so many bytes."""
    data = text.encode()
    digest = hashlib.sha256(data).hexdigest()[:_HASH_CHARACTERS]
    tail = data[-(min(limit, kept) - len(digest) - 1) :].decode(errors="ignore")
    return f"{digest}-{tail.rpartition('/')[2]}"
