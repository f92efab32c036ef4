"""Pages of a list. A token names the last item of a page, so that what is created meanwhile moves nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from modelbox.errors import InvalidArgumentError
from modelbox.records import Event, ObjectRecord, us_from_datetime

Item = TypeVar("Item")
Record = TypeVar("Record", bound=ObjectRecord)
Place = tuple[int, str | int]
"""Of an object: when it was created, and its id. Of an event: its wallclock, and its seq."""


def page_of_objects(found: Sequence[Record], size: int, token: str, *, newest_first: bool) -> tuple[Sequence[Record], str]:
    """A page of objects in the order of their creation, and the token of the next page."""

    def start(last: Place) -> int:
        for index, record in enumerate(found):
            if record.id == last[1]:
                return index + 1
        # It was deleted meanwhile: go on with what was created on its other side.
        beyond: Callable[[int], bool] = last[0].__gt__ if newest_first else last[0].__lt__
        return next((index for index, record in enumerate(found) if beyond(record.created_at_us)), len(found))

    return _page(found, size, token, start, lambda record: (record.created_at_us, record.id))


def page_of_events(found: Sequence[Event], size: int, token: str) -> tuple[Sequence[Event], str]:
    """A page of events in the order of their wallclock, and the token of the next page."""

    def place(event: Event) -> Place:
        return us_from_datetime(event.wallclock), event.seq

    def start(last: Place) -> int:
        return next((index for index, event in enumerate(found) if place(event) > last), len(found))

    return _page(found, size, token, start, place)


def _page(
    found: Sequence[Item], size: int, token: str, start_after: Callable[[Place], int], place: Callable[[Item], Place]
) -> tuple[Sequence[Item], str]:
    start = start_after(_decode(token)) if token else 0
    end = start + size if size else len(found)
    page = found[start:end]
    return page, _encode(place(page[-1])) if page and end < len(found) else ""


def _encode(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _decode(token: str) -> Place:
    try:
        at, name = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
        if isinstance(at, int) and isinstance(name, (int, str)):
            return at, name
    except (binascii.Error, ValueError, TypeError):
        pass
    raise InvalidArgumentError(f"page_token is {token[:100]!r}; it must be the next_page_token of the page before")
