"""Who is told what a server does, such as its telemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc


class Observer:
    """Told about every call, by the thread that works on it; must be quick. This one does nothing with it."""

    def call_started(self, method: str) -> None:
        """A call has begun.

        Args:
            method: Name of the call, such as ``GetObject``.
        """

    def call_finished(
        self, method: str, code: grpc.StatusCode, seconds: float, context: grpc.ServicerContext, details: str = ""
    ) -> None:
        """A call has been answered, refused or given up.

        Args:
            method: Its name.
            code: How it ended.
            seconds: How long it took.
            context: grpc's context of it.
            details: What the client is told of an error.
        """

    def transferred(self, method: str, received: int, sent: int) -> None:
        """Bytes of messages came in or went out."""

    def watchers_changed(self, count: int) -> None:
        """So many watchers are connected now."""
