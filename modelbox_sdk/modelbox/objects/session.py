"""What the handles of one client share."""

from __future__ import annotations

from collections.abc import Callable

from modelbox.backends.base import Backend
from modelbox.journal import Journal


class Session:
    """A backend, and the journal of what this process logs to it.

    Attributes:
        journal: Takes log calls.
        namespace: Where objects are created and looked up by default.
        owner: Who owns what is created by default.
    """

    def __init__(self, backend: Backend, journal: Journal, *, namespace: str, owner: Callable[[], str]) -> None:
        self._backend = backend
        self._delivers_to_be_seen = not backend.spool().shared
        self._owner = owner
        self.journal = journal
        self.namespace = namespace

    @property
    def owner(self) -> str:
        """The default owner, looked up when first needed."""
        return self._owner()

    @property
    def backend(self) -> Backend:
        """The backend, for reading and changing metadata: every event logged before is in the feed first."""
        self.journal.deliver_events()
        return self._backend

    @property
    def whole_backend(self) -> Backend:
        """The backend, for reading events and metrics: all that was logged before can be seen."""
        self.journal.deliver_events()
        return self.metrics_backend

    @property
    def metrics_backend(self) -> Backend:
        """The backend, for reading metrics: every point logged before can be seen."""
        if self._delivers_to_be_seen:
            self.journal.flush()
        return self._backend
