"""Finding out who calls."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from modelbox.backends.served import ServedBackend
from modelbox.errors import ModelBoxError, UnauthenticatedError
from modelbox.server.authorised import AuthorisedBackend
from modelbox.server.tokens import digest_of, read_tokens

_HEADER = "authorization"
_SCHEME = "bearer "
_LOOK_EVERY_S = 1.0

_log = logging.getLogger("modelbox.server")


class Authorisation:
    """Gives each caller the backend as it may use it, by its token.

    Args:
        backend: All of it.
        tokens_file: Who may do what; read again when it changes.

    Raises:
        InvalidArgumentError: The file is missing, or not what it should be.
    """

    def __init__(self, backend: ServedBackend, tokens_file: Path) -> None:
        self._backend = backend
        self._path = tokens_file
        self._lock = threading.Lock()
        self._stamp = self._stamp_now()
        self._callers = self._read()
        self._look_at = time.monotonic() + _LOOK_EVERY_S

    def __call__(self, metadata: Sequence[tuple[str, str | bytes]]) -> ServedBackend:
        """The backend for the caller with these headers.

        Raises:
            UnauthenticatedError: It shows no token, or one that is not known.
        """
        if time.monotonic() > self._look_at:
            self._look()
        token = _token_of(metadata)
        if not token:
            raise UnauthenticatedError("this server wants a token; give it to the client, or set MODELBOX_TOKEN")
        # Looked up by its hash, which nobody can steer towards another one, so that the time this takes tells nothing.
        caller = self._callers.get(digest_of(token))
        if caller is None:
            raise UnauthenticatedError("this server does not know the token; it may have been taken back")
        return caller

    def caller_of(self, metadata: Sequence[tuple[str, str | bytes]]) -> str:
        """The name of the caller with these headers, or "" when it is not known."""
        caller = self._callers.get(digest_of(_token_of(metadata)))
        return caller.caller if caller is not None else ""

    def _look(self) -> None:
        with self._lock:
            self._look_at = time.monotonic() + _LOOK_EVERY_S
            stamp = self._stamp_now()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._callers = self._read()
            except ModelBoxError as error:
                _log.error("the tokens have changed and cannot be used; the old ones stay: %s", error)
            else:
                _log.info("the tokens have changed; there are %d", len(self._callers))

    def _read(self) -> dict[str, AuthorisedBackend]:
        return {digest: AuthorisedBackend(self._backend, grant) for digest, grant in read_tokens(self._path).items()}

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _token_of(metadata: Sequence[tuple[str, str | bytes]]) -> str:
    for name, value in metadata:
        if name == _HEADER and isinstance(value, str) and value[: len(_SCHEME)].lower() == _SCHEME:
            return value[len(_SCHEME) :].strip()
    return ""
