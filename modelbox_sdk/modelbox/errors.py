"""Every error that ModelBox raises.

::

    ModelBoxError
    ├── NotFoundError            the object, version, tag or file does not exist
    ├── AlreadyExistsError       something else holds the name or the unique tag
    ├── InvalidArgumentError     a bad value; also a ValueError
    ├── ConflictError            the state is not what the caller said it had to be
    ├── UnavailableError         a server or a storage is out of reach, full or failing
    ├── PermissionDeniedError    the caller, or the process, may not do this
    ├── UnauthenticatedError     the caller is not known
    ├── CorruptStoreError        stored bytes are not what was written
    └── ChecksumError            content does not match its digest

The same mistake raises the same class with the same message on every backend. Errors pickle, so that they cross process pools.
"""

from __future__ import annotations


class ModelBoxError(Exception):
    """The base of every error that ModelBox raises."""


class NotFoundError(ModelBoxError):
    """The object, version, tag or file does not exist (any more)."""


class AlreadyExistsError(ModelBoxError):
    """Another object already holds what was asked for, such as a unique tag."""


class InvalidArgumentError(ModelBoxError, ValueError):
    """A value that cannot be accepted; the message shows it and says what is accepted."""


class ConflictError(ModelBoxError):
    """The state is not what the caller required, or changed while it was being read."""


class UnavailableError(ModelBoxError):
    """A server or a storage is out of reach, full or failing, after bounded retries."""


class PermissionDeniedError(ModelBoxError):
    """The caller or the process lacks the right to do this."""


class UnauthenticatedError(ModelBoxError):
    """The caller did not say who it is, or is not known."""


class CorruptStoreError(ModelBoxError):
    """Stored bytes are not what was written; the message names the file."""


class ChecksumError(ModelBoxError):
    """Content does not match its digest."""
