"""What the handles of one client share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from modelbox.backends.base import Backend
from modelbox.errors import ModelBoxError
from modelbox.journal import Journal, adopt_abandoned


class Session:
    """A backend, and the journal of what this process logs to it.

    Attributes:
        journal: Takes log calls.
        namespace: Where objects are created and looked up by default.
    """

    def __init__(self, backend: Backend, journal: Journal, *, namespace: str, owner: Callable[[], str]) -> None:
        self._backend = backend
        self._spool = backend.spool()
        self._owner = owner
        self.journal = journal
        self.namespace = namespace

    @property
    def owner(self) -> str:
        """The default owner, looked up when first needed."""
        return self._owner()

    @property
    def backend(self) -> Backend:
        """The backend, for what is in the log of changes already, and for changing it: events logged before come first."""
        self.journal.deliver_events()
        return self._backend

    @property
    def feed_backend(self) -> Backend:
        """The backend, for reading the feed: also the events that a dead process logged last are in it."""
        self._adopt()
        return self.backend

    @property
    def metrics_backend(self) -> Backend:
        """The backend, for reading metrics: every point logged before can be seen, also what a dead process logged last.

        Raises:
            UnavailableError: What this process logged is only in its memory, and cannot be stored.
        """
        if not self._spool.shared:
            self._adopt()
            self.journal.flush()
        elif self.journal.homeless:
            self.journal.flush()
        return self._backend

    @property
    def whole_backend(self) -> Backend:
        """The backend, for reading everything."""
        self.journal.deliver_events()
        self._adopt()
        return self.metrics_backend

    def _adopt(self) -> None:
        if self._spool.folder is not None:
            # Reading works without the right to write, and while the journals wait for better times.
            with contextlib.suppress(ModelBoxError, OSError):
                adopt_abandoned(self._spool.folder, self._backend)
