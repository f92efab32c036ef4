"""Failures of the operating system, told as errors of ModelBox."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from modelbox.errors import ModelBoxError, PermissionDeniedError, UnavailableError

_REASONS = {
    errno.ENOSPC: "no space is left",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EMFILE: "this process has too many open files",
    errno.EIO: "the device reports an input/output error",
}


@contextlib.contextmanager
def storage_errors(verb: str, place: str) -> Iterator[None]:
    """Turn failures of a storage into ModelBox errors that name the place; missing and existing files pass."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, ModelBoxError):
        raise
    except PermissionError as error:
        raise PermissionDeniedError(
            f"cannot {verb} {place}: permission denied; give this user the right, or choose another place"
        ) from error
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or error.strerror or str(error) or type(error).__name__
        if error.errno == errno.EROFS:
            raise PermissionDeniedError(f"cannot {verb} {place}: {reason}") from error
        raise UnavailableError(f"cannot {verb} {place}: {reason}") from error
