"""``modelbox events``."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

from modelbox.cli import rows
from modelbox.cli.lookup import find_object
from modelbox.cli.opening import namespaces, open_existing
from modelbox.cli.output import print_rows

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree


def register(tree: CommandTree) -> None:
    """Add the commands."""
    group = tree.group("events", "read logged events")
    command = group.command("list", _list, "list the events of an object, in the order of their wallclock")
    command.add_argument("object", metavar="ID", help="id of any object, or name of an experiment or a model")
    command.add_argument("--since", type=_moment, metavar="TIME", help="from then on: ISO 8601, or seconds since 1970")


def _list(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        found = find_object(client, args.object, namespaces(args)).events(since=args.since)
        shown = ("seq", "wallclock", "name", "source", "metadata")
        print_rows((rows.event_record(event) for event in found), rows.EVENT, args.format, shown=shown)


def _moment(argument: str) -> float | datetime:
    try:
        return float(argument)
    except ValueError:
        return datetime.fromisoformat(argument)
