"""What calling the command line gives, and the store that tests read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@dataclass
class Sample:
    uri: str
    ids: dict[str, str] = field(default_factory=dict)


Cli = Callable[..., Result]
