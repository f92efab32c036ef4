"""``modelbox versions``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from modelbox.cli import rows
from modelbox.cli.lookup import find_model
from modelbox.cli.opening import namespaces, open_existing
from modelbox.cli.output import print_record, print_rows

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree


def register(tree: CommandTree) -> None:
    """Add the commands."""
    group = tree.group("versions", "list and show the versions of a model")

    command = group.command("list", _list, "list the versions of a model, oldest first")
    command.add_argument("model", help="id, or name")

    command = group.command("show", _show, "show a version, what hangs on it and what is behind it")
    command.add_argument("model", help="id, or name, of the model")
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("version", nargs="?", help="the version")
    which.add_argument("--tag", help="the version that holds this unique tag")


def _list(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        found = find_model(client, args.model, namespaces(args)).list_versions()
        shown = ("id", "version", "unique_tags", "framework", "created_at")
        print_rows((rows.record(version, rows.VERSION) for version in found), rows.VERSION, args.format, shown=shown)


def _show(args: argparse.Namespace) -> None:
    sections = {
        "metrics": rows.SUMMARY,
        "artifacts": ("id", "name", "size"),
        "experiments": ("id", "name", "owner", "status"),
        "datasets": ("id", "name", "size"),
    }
    with open_existing(args) as client:
        model = find_model(client, args.model, namespaces(args))
        details = rows.version_details(model.get_version(args.version, tag=args.tag))
        if args.format == "table":
            lineage = details.pop("lineage")
            details |= {"experiments": lineage["experiments"], "datasets": lineage["datasets"]}
        print_record(details, args.format, sections=sections)
