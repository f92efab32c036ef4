"""``modelbox experiments``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from modelbox.cli import rows
from modelbox.cli.lookup import find_experiment
from modelbox.cli.opening import namespaces, open_existing, open_or_create
from modelbox.cli.output import print_record, print_rows
from modelbox.cli.parsing import add_pairs, json_pair, natural

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree


def register(tree: CommandTree) -> None:
    """Add the commands."""
    group = tree.group("experiments", "list, show and create experiments")

    command = group.command("list", _list, "list experiments, newest first")
    command.add_argument("--limit", type=natural, help="at most so many")

    command = group.command("show", _show, "show an experiment and what hangs on it")
    command.add_argument("experiment", help="id, or name")

    command = group.command("create", _create, "get or create an experiment, running")
    command.add_argument("name")
    command.add_argument("--owner", help="whose; default: $MODELBOX_OWNER, then the login name")
    command.add_argument("--framework", default="", help="such as pytorch")
    command.add_argument("--task", default="", help="what it is for")
    command.add_argument("--external-id", default="", help="its id in another system")
    command.add_argument("--parent", metavar="EXPERIMENT", help="id or name of the experiment to nest it under")
    add_pairs(command, "--metadata", "metadata, the value as JSON or text", type=json_pair)


def _list(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        found = client.list_experiments(namespaces(args), limit=args.limit)
        shown = ("id", "name", "namespace", "owner", "status", "created_at")
        print_rows((rows.record(experiment, rows.EXPERIMENT) for experiment in found), rows.EXPERIMENT, args.format, shown=shown)


def _show(args: argparse.Namespace) -> None:
    sections = {
        "metrics": rows.SUMMARY,
        "artifacts": ("id", "name", "size"),
        "children": ("id", "name", "status"),
        "versions": ("id", "name", "version", "unique_tags"),
    }
    with open_existing(args) as client:
        experiment = find_experiment(client, args.experiment, namespaces(args))
        print_record(rows.experiment_details(experiment), args.format, sections=sections)


def _create(args: argparse.Namespace) -> None:
    with open_or_create(args) as client:
        parent = None if args.parent is None else find_experiment(client, args.parent, namespaces(args))
        experiment = client.create_experiment(
            args.name,
            owner=args.owner,
            external_id=args.external_id,
            framework=args.framework,
            task=args.task,
            metadata=dict(args.metadata),
            parent=parent,
        )
        print_record(rows.record(experiment, (*rows.EXPERIMENT, "exists")), args.format)
