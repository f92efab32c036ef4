"""Commands about a whole store: ``sql``, ``export``, ``gc``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelbox.cli import rows
from modelbox.cli.arrow import rows_of
from modelbox.cli.opening import namespaces, open_existing
from modelbox.cli.output import print_csv, print_json_list, print_record
from modelbox.cli.tables import print_table
from modelbox.sizes import size

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree


def register(tree: CommandTree) -> None:
    """Add the commands."""
    command = tree.command("sql", _sql, "run one read-only SQL query over the whole store")
    command.add_argument("query", help="tables: experiments models model_versions metadata metrics events artifacts changes")

    command = tree.command("export", _export, "write everything as Parquet and files into a new folder")
    command.add_argument("path", help="the folder; it must not exist, or be empty")

    command = tree.command("gc", _gc, "free the content that nothing refers to any more")
    command.add_argument("--dry-run", action="store_true", help="only say how much there is")


def _sql(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        table = client.sql(args.query)
        names = _distinct(table.column_names)
        values = rows_of(table)
        if args.format == "json":
            print_json_list(dict(zip(names, row, strict=True)) for row in values)
        elif args.format == "csv":
            print_csv(values, names)
        else:
            print_table(list(values), names)


def _distinct(names: Sequence[str]) -> list[str]:
    """SQL may give two columns one name; JSON keys must differ: a, a_2, a_3."""
    taken: list[str] = []
    for name in names:
        free, count = name, 1
        while free in taken:
            count += 1
            free = f"{name}_{count}"
        taken.append(free)
    return taken


def _export(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        folder = client.export(args.path, namespace=namespaces(args))
        print_record({"path": str(folder)}, args.format)


def _gc(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        report = rows.record(client.collect_garbage(dry_run=args.dry_run), ("blobs", "bytes", "dry_run"))
        if args.format == "table":
            verb = "would be freed" if report["dry_run"] else "freed"
            print(f"{report['blobs']} {'piece' if report['blobs'] == 1 else 'pieces'} of content, {size(report['bytes'])}, {verb}")
        else:
            print_record(report, args.format)
