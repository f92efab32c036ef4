"""What the workers say that they are about to do, and have done.

A worker writes a line before each operation and one after it, into a pipe. A line is shorter than ``PIPE_BUF``, so that a kill does
not tear it: an operation without its second line was in flight when the worker died, and may or may not have happened.
"""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


class Pen:
    """The worker's end of the pipe.

    Args:
        fd: Where to write.
        who: The life that writes.
    """

    def __init__(self, fd: int, who: int) -> None:
        self.fd = fd
        self.who = who
        self.count = 0

    def begin(self, do: str, **about: Any) -> int:
        """Say that something is about to be done; the number of it."""
        self.count += 1
        self._write([self.who, self.count, "begin", do, about])
        return self.count

    def done(self, number: int, **outcome: Any) -> None:
        self._write([self.who, number, "done", "", outcome])

    def failed(self, text: str) -> None:
        self._write([self.who, 0, "failed", "", {"text": text[-3000:]}])

    def _write(self, line: list[Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        assert len(data) <= select.PIPE_BUF, len(data)
        os.write(self.fd, data)


@dataclass
class Op:
    """One operation of a life; ``outcome`` is None when it was in flight at its end."""

    who: int
    number: int
    do: str
    about: dict[str, Any]
    outcome: dict[str, Any] | None = None

    @property
    def done(self) -> bool:
        return self.outcome is not None

    @property
    def token(self) -> str:
        """What names the operation in the store."""
        return f"{self.who}/{self.number}"


@dataclass
class Ledger:
    """All operations on one store, in the order of each life."""

    ops: dict[int, list[Op]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, line: bytes) -> None:
        who, number, state, do, about = json.loads(line)
        ops = self.ops.setdefault(who, [])
        if state == "begin":
            ops.append(Op(who, number, do, about))
        elif state == "done":
            ops[number - 1].outcome = about
        else:
            self.failures.append(f"life {who}: {about['text']}")

    def all(self, *kinds: str) -> Iterable[Op]:
        return (op for ops in self.ops.values() for op in ops if op.do in kinds)
