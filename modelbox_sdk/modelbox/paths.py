"""Paths inside artifacts, and names of artifacts: which are accepted, and what they suggest."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Iterable

from modelbox.errors import InvalidArgumentError

MAX_PATH_BYTES = 4096
MAX_SEGMENT_BYTES = 255
_DRIVE = re.compile(r"[A-Za-z]:")


def validate_relative_path(path: str, what: str = "path") -> str:
    """Check a path inside an artifact, relative and with forward slashes.

    Spaces, any script and emoji are fine.

    Args:
        path: The path.
        what: What to call it in the error.

    Returns:
        The path, unchanged.

    Raises:
        InvalidArgumentError: It is empty, absolute, too long or not UTF-8, or has a ``.``, ``..`` or empty segment, a backslash,
            a drive letter or a control character.
    """
    reason = _fault(path)
    if reason:
        shown = path if len(path) <= 200 else f"{path[:200]}..."
        raise InvalidArgumentError(f"{what} {shown!r} cannot be used: {reason}")
    return path


def validate_name(name: str) -> str:
    """Check the name of an artifact, which may have folders in it, like a path.

    Raises:
        InvalidArgumentError: It could not be a relative path.
    """
    return validate_relative_path(name, "artifact name")


def refuse_clashes(paths: Iterable[str]) -> None:
    """Check that paths can exist side by side in one folder.

    Raises:
        InvalidArgumentError: A path is there twice, or is both a file and a folder.
    """
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise InvalidArgumentError(f"path {path!r} comes twice; give the files different names")
        seen.add(path)
    folders: set[str] = set()
    for path in seen:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    clash = min(seen & folders, default=None)
    if clash is not None:
        raise InvalidArgumentError(f"path {clash!r} would be both a file and a folder")


def content_type(path: str) -> str:
    """The MIME type that a path suggests."""
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def _fault(path: str) -> str | None:
    if not isinstance(path, str):
        raise TypeError(f"a path inside an artifact is a str, not {type(path).__name__}")
    if not path:
        return "it is empty"
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "it is not valid UTF-8"
    if length > MAX_PATH_BYTES:
        return f"it is longer than {MAX_PATH_BYTES} bytes"
    if path.startswith("/"):
        return "it is absolute; give a relative one"
    if "\\" in path:
        return "it has a backslash; separate folders with /"
    if _DRIVE.match(path):
        return "it starts with a drive letter; give a relative one"
    if not path.isprintable() and any(unicodedata.category(char) == "Cc" for char in path):
        return "it has a control character"
    for segment in path.split("/"):
        if segment in ("", ".", ".."):
            return f"it has the segment {segment!r}"
        if len(segment) > MAX_SEGMENT_BYTES // 4 and len(segment.encode()) > MAX_SEGMENT_BYTES:
            return f"a segment is longer than {MAX_SEGMENT_BYTES} bytes"
    return None
