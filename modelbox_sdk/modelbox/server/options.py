"""What can be said about a server besides what it serves."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Role(enum.StrEnum):
    """Which calls a server answers."""

    ALL = "all"
    BLOB = "blob"
    """Only those of artifacts, so that transfers scale apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The limits of one server process.

    Attributes:
        threads: Short calls that are worked on at a time.
        max_streams: Transfers and other long answers at a time; more are refused with RESOURCE_EXHAUSTED.
        max_watchers: Watchers at a time; more are refused with RESOURCE_EXHAUSTED.
        max_message_bytes: Greatest message that is taken.
        role: Which calls are answered.
        blob_servers: Addresses of servers that take transfers instead of this one.
        reuse_port: Whether several processes listen on one port.
        request_timeout_s: How long a client may take to send its request after it has begun a call; less when many do so.
        stall_timeout_s: How long a client may send, or take, nothing of a transfer.
        query_timeout_s: How long a query may run.
        query_memory_bytes: How much memory a query may use.
        heartbeat_s: How often a watcher is told its position while nothing happens.
        send_timeout_s: How long a watcher may take nothing of what is sent to it.
        maintain_every_s: How often the backend is given time for work in the background.
    """

    threads: int = 32
    max_streams: int = 32
    max_watchers: int = 10_000
    max_message_bytes: int = 64 << 20
    role: Role = Role.ALL
    blob_servers: tuple[str, ...] = ()
    reuse_port: bool = False
    request_timeout_s: float = 60.0
    stall_timeout_s: float = 60.0
    query_timeout_s: float = 300.0
    query_memory_bytes: int = 2 << 30
    heartbeat_s: float = 15.0
    send_timeout_s: float = 10.0
    maintain_every_s: float = 5.0
