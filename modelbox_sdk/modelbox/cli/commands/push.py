"""``push``: what is in a local store, or waits in a spool, to a server."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import modelbox
from modelbox.cli import rows
from modelbox.cli.opening import open_at
from modelbox.cli.output import print_record
from modelbox.sizes import size

if TYPE_CHECKING:
    from modelbox import PushReport
    from modelbox.cli.parsing import CommandTree

_COUNTS = ("experiments", "models", "versions", "points", "events", "artifacts")
_BYTES = ("bytes_sent", "bytes_there")
_MARKER = "modelbox.json"
_NOTE = "store"
"""A file in a spool that says whose it is."""
_JOURNALS = "*/*.journal"


def register(tree: CommandTree) -> None:
    """Add the command."""
    command = tree.command("push", _push, "send a local store, or what waits in a spool, to a server", on_store=False)
    command.add_argument("store", metavar="STORE", help="the local store, or the spool of a client")
    command.add_argument("target", metavar="URI", help="where to: grpc://host:port, or another store")
    command.add_argument("-n", "--namespace", default="*", metavar="NS", help="only this namespace of the store")


def _push(args: argparse.Namespace) -> None:
    report = _deliver(args) if _is_spool(Path(args.store)) else _send(args)
    if args.format == "table":
        print(_summary(report))
    else:
        print_record(rows.record(report, (*_COUNTS, *_BYTES, "problems")), args.format)
    if report.problems:
        raise modelbox.ModelBoxError("; ".join(report.problems))


def _send(args: argparse.Namespace) -> PushReport:
    with open_at(args.store) as client:
        return client.push(args.target, namespace=args.namespace)


def _deliver(args: argparse.Namespace) -> PushReport:
    with modelbox.ModelBoxClient(args.target) as client:
        return client.deliver_spool(args.store)


def _is_spool(folder: Path) -> bool:
    if not folder.is_dir() or (folder / _MARKER).exists():
        return False
    return (folder / _NOTE).is_file() or any(folder.glob(_JOURNALS))


def _summary(report: PushReport) -> str:
    sent = [_counted(getattr(report, name), name) for name in _COUNTS if getattr(report, name)]
    content = ""
    if report.bytes_sent or report.bytes_there:
        content = f" ({size(report.bytes_sent)} sent, {size(report.bytes_there)} there already)"
    return f"pushed {', '.join(sent) or 'nothing, for all of it is there'}{content}"


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name.removesuffix('s') if count == 1 else name}"
