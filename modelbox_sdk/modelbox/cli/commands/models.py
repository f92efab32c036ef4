"""``modelbox models``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from modelbox.cli import rows
from modelbox.cli.lookup import find_model
from modelbox.cli.opening import namespaces, open_existing, open_or_create
from modelbox.cli.output import print_record, print_rows
from modelbox.cli.parsing import add_pairs, json_pair, natural, text_pair

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree


def register(tree: CommandTree) -> None:
    """Add the commands."""
    group = tree.group("models", "list, show and create models")

    command = group.command("list", _list, "list models, newest first")
    command.add_argument("--limit", type=natural, help="at most so many")

    command = group.command("show", _show, "show a model, its versions and what hangs on it")
    command.add_argument("model", help="id, or name")

    command = group.command("create", _create, "get or create a model")
    command.add_argument("name")
    command.add_argument("--owner", help="whose; default: $MODELBOX_OWNER, then the login name")
    command.add_argument("--task", default="", help="what it is for")
    command.add_argument("--description", default="", help="what it is")
    add_pairs(command, "--label", "labels for operations", type=text_pair)
    add_pairs(command, "--metadata", "metadata, the value as JSON or text", type=json_pair)


def _list(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        found = client.list_models(namespaces(args), limit=args.limit)
        shown = ("id", "name", "namespace", "owner", "task", "created_at")
        print_rows((rows.record(model, rows.MODEL) for model in found), rows.MODEL, args.format, shown=shown)


def _show(args: argparse.Namespace) -> None:
    sections = {"versions": ("id", "version", "unique_tags", "created_at"), "artifacts": ("id", "name", "size")}
    with open_existing(args) as client:
        model = find_model(client, args.model, namespaces(args))
        print_record(rows.model_details(model), args.format, sections=sections)


def _create(args: argparse.Namespace) -> None:
    with open_or_create(args) as client:
        model = client.create_model(
            args.name,
            owner=args.owner,
            task=args.task,
            description=args.description,
            labels=dict(args.label),
            metadata=dict(args.metadata),
        )
        print_record(rows.record(model, (*rows.MODEL, "exists")), args.format)
