"""Who watches, and what for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import grpc

from modelbox.backends.base import Backend
from modelbox.errors import PermissionDeniedError
from modelbox.server.recent import Encode
from modelbox.server.statuses import set_status


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a watcher asks for.

    Attributes:
        namespace: Where; None for all that the caller may read.
        since: The last change that it knows.
        encode: Makes responses of changes; the same function for all watchers that want the same.
    """

    namespace: str | None
    since: int
    encode: Encode


class Watcher:
    """A client that watches. It is idle, or one thread serves it.

    Args:
        watch: What it asks for.
        backend: The backend as it may use it.
        context: Its call.
        send: Hands a response to grpc, and waits until that has sent it; None ends the call.
        restricted: Whether it may see only some namespaces.

    Attributes:
        position: It has been sent all changes up to here; while it is idle, up to the hub's position if that is greater.
        beat_due: Whether it is to be told its position.
        is_gone: Whether its call has ended.
        slot: When it is told so.
    """

    def __init__(
        self,
        watch: Watch,
        backend: Backend,
        context: grpc.ServicerContext,
        send: Callable[[bytes | None], None],
        *,
        restricted: bool,
    ) -> None:
        self.watch = watch
        self.position = watch.since
        self.beat_due = True
        self.is_gone = False
        self.slot = 0
        self._backend = backend
        self._context = context
        self._send = send
        self._restricted = restricted
        self._seen: dict[str, bool] = {}

    def send(self, messages: list[bytes]) -> None:
        """Send responses, in order."""
        for message in messages:
            if self.is_gone:
                return
            self._send(message)

    def visible(self, namespaces: tuple[str, ...]) -> tuple[str, ...]:
        """Those of some namespaces that it asks for, and may see."""
        wanted = self.watch.namespace
        if wanted is not None:
            return (wanted,) if wanted in namespaces else ()
        if not self._restricted:
            return namespaces
        return tuple(name for name in namespaces if self._may_see(name))

    def end(self, error: Exception) -> None:
        """End its call with the status that tells of an error."""
        code, details = set_status("watching", error, self._context)
        self._context.set_code(code)
        self._context.set_details(details)
        self._send(None)

    def cancel(self) -> None:
        """End its call without a word, since it takes none."""
        self._context.cancel()

    def _may_see(self, namespace: str) -> bool:
        if namespace not in self._seen:
            try:
                self._backend.changes(since=0, limit=0, namespace=namespace)
                self._seen[namespace] = True
            except PermissionDeniedError:
                self._seen[namespace] = False
        return self._seen[namespace]
