"""What the parts of the remote backend share."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from modelbox.backends.base import Backend, Feed
from modelbox.backends.remote.calls import Calls

T = TypeVar("T")
PAGE = 5_000
MAX_UINT = 2**63 - 1
"""What is greater means no more than this: there are never so many of anything."""


class RemoteBase(Backend):
    """The base of the parts: the calls.

    Args:
        new_calls: Makes what has a channel of its own.
    """

    def __init__(self, new_calls: Callable[[], Calls]) -> None:
        self._new_calls = new_calls
        self._calls = new_calls()
        self._feeds: weakref.WeakSet[Feed] = weakref.WeakSet()

    def _list(
        self, name: str, request: Any, items: Callable[[Any], Iterator[Any]], read: Callable[[Any], T], limit: int | None = None
    ) -> list[T]:
        """All items of a list that comes in pages, or the first of them.

        Args:
            name: Of the call.
            request: Its message; the page is filled in.
            items: Takes the messages of the items out of a response.
            read: Makes of each what is returned.
            limit: At most so many items.
        """
        found: list[T] = []
        while True:
            left = PAGE if limit is None else limit - len(found)
            request.page_size = max(1, min(PAGE, left))  # 0 would mean all; and what is wrong with the rest must come to light
            response = self._calls.unary(name, request)
            found += map(read, items(response))
            request.page_token = response.next_page_token
            if not request.page_token or (limit is not None and len(found) >= limit):
                return found[:limit]


def in_namespace(request: Any, namespace: str | None) -> Any:
    """A request about a namespace, or about all."""
    if namespace is None:
        request.all_namespaces = True
    else:
        request.namespace = namespace
    return request
