"""What a server writes to stderr: one line for each record, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

FIELDS = ("request_id", "method", "code", "seconds", "caller", "peer")
"""What a record may carry besides its message, in this order."""
ROOT = "modelbox"
ALWAYS = "modelbox.server.process"
"""Says that the server is ready, and that it stops, at every level."""


def configure(*, format: str, level: str) -> None:
    """Send what modelbox logs in this process to stderr.

    Args:
        format: ``text`` or ``json``.
        level: ``debug``, ``info``, ``warning`` or ``error``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    root = logging.getLogger(ROOT)
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
    logging.getLogger(ALWAYS).setLevel(logging.INFO)


class TextFormatter(logging.Formatter):
    """Lines for people: time, level, message, ``field=value``. What a client sent cannot begin a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        shown = [_time(record), record.levelname, _one_line(record.getMessage())]
        shown += [f"{name}={_one_line(str(value))}" for name, value in _fields(record).items()]
        line = " ".join(shown)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """A JSON object a line, for programs."""

    def format(self, record: logging.LogRecord) -> str:
        shown = {"time": _time(record), "level": record.levelname.lower(), "message": record.getMessage(), **_fields(record)}
        if record.exc_info:
            shown["exception"] = self.formatException(record.exc_info)
        return json.dumps(shown, ensure_ascii=True, default=str)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name in FIELDS if (value := getattr(record, name, "")) != ""}


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
