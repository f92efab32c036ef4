"""Answers that are given again while nothing changes, as to clients that ask how their experiment is doing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelbox.backends.served import ServedBackend
from modelbox.server.calls import Call, parse

_MOST = 1024
_MOST_BYTES = 16 << 10


class Unchanged:
    """Keeps the answers to requests about the state of objects, until anything in the store changes.

    Every change of an object is in the feed, so an answer holds while the feed has no newer change.

    Args:
        backend: What is served. Only its own answers are kept: what a caller may see is for each to be found out.
    """

    def __init__(self, backend: ServedBackend) -> None:
        self._backend = backend
        self._kept: tuple[int, dict[tuple[Any, bytes], bytes]] = (0, {})

    def answer(self, kind: Any, request: bytes, call: Call, make: Callable[[Any, Call], Any]) -> bytes:
        """The serialised answer to a request.

        Args:
            kind: The message that the request is.
            request: The request, serialised.
            call: The call.
            make: Makes the answer.
        """
        if call.backend is not self._backend:
            return _made(kind, request, call, make)
        seq = self._backend.last_seq()  # before the state: that may be newer, but never older
        kept = self._kept
        if kept[0] != seq:
            kept = self._kept = (seq, {})
        answer = kept[1].get((kind, request))
        if answer is None:
            answer = _made(kind, request, call, make)
            if len(kept[1]) < _MOST and len(answer) <= _MOST_BYTES:
                kept[1][kind, request] = answer
        return answer


def _made(kind: Any, request: bytes, call: Call, make: Callable[[Any, Call], Any]) -> bytes:
    answer: bytes = make(parse(kind, request), call).SerializeToString()
    return answer
