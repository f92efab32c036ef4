"""``modelbox watch``: the feed of changes, as they are committed."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from modelbox.cli import rows
from modelbox.cli.closed_pipe import noticing_a_closed_pipe
from modelbox.cli.opening import namespaces, open_existing
from modelbox.cli.output import json_text, print_csv
from modelbox.cli.parsing import natural, seconds
from modelbox.cli.tables import cell, printable
from modelbox.sizes import size

if TYPE_CHECKING:
    from modelbox import Change, ModelBoxClient
    from modelbox.cli.parsing import CommandTree


def register(tree: CommandTree) -> None:
    """Add the command."""
    command = tree.command("watch", _watch, "follow the changes as they are committed; json prints an object per line")
    command.add_argument("--since", type=natural, metavar="SEQ", help="begin after this change; 0 for the beginning (default: now)")
    command.add_argument("--timeout", type=seconds, metavar="S", help="end after so many seconds without a change")


def _watch(args: argparse.Namespace) -> None:
    with open_existing(args) as client, noticing_a_closed_pipe():
        changes = client.watch(namespaces(args), since=args.since, timeout=args.timeout)
        if args.format == "csv":
            print_csv([], rows.CHANGE)
        names = _Names(client)
        for change in changes:
            if args.format == "json":
                print(json_text(rows.record(change, rows.CHANGE)))
            elif args.format == "csv":
                print_csv([list(rows.record(change, rows.CHANGE).values())], None)
            else:
                print(_line(change, names.of(change)))
            sys.stdout.flush()


def _line(change: Change, name: str) -> str:
    where = "" if change.namespace == "default" else f"{change.namespace}/"
    about = _about(change)
    what = f"{change.seq:>6}  {cell(change.at)}  {change.action:<8} {change.object_type:<14}"
    return f"{what} {printable(where + name)}{': ' if about else ''}{about}"


def _about(change: Change) -> str:
    """What was special about a change, in a few words."""
    payload = change.payload
    if change.action == "logged":
        return f"{printable(payload['name'])} {cell(payload['metadata'])}".strip()
    if change.action == "deleted":
        return ""
    if "tag" in payload:
        tag = payload["tag"]
        return printable(f"tag {tag['name']} from {tag['from'] or 'none'} to {tag['to'] or 'none'}")
    if "rewind" in payload:
        return f"rewind to step {payload['rewind']['step']}"
    if change.object_type == "artifact":
        count = len(payload["files"])
        return f"{count} {'file' if count == 1 else 'files'}, {size(sum(file['size'] or 0 for file in payload['files']))}"
    metadata = cell(payload["metadata"]) if payload.get("metadata") else ""
    return " ".join(filter(None, (payload.get("status", ""), metadata)))


class _Names:
    """What the objects are called, for events, which only say the id."""

    def __init__(self, client: ModelBoxClient) -> None:
        self._client = client
        self._known: dict[str, str] = {}

    def of(self, change: Change) -> str:
        id = change.object_id
        if change.action != "logged":
            self._known[id] = f"{change.payload['name']} {change.payload.get('version', '')}".strip()
        elif id not in self._known:
            self._known[id] = self._find(id)
        return self._known[id]

    def _find(self, id: str) -> str:
        from modelbox.cli.lookup import find_object
        from modelbox.errors import NotFoundError

        try:
            return find_object(self._client, id, "*").name
        except NotFoundError:  # deleted since
            return id
