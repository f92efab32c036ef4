"""``modelbox metrics``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from modelbox.cli import rows
from modelbox.cli.lookup import find_object
from modelbox.cli.opening import namespaces, open_existing
from modelbox.cli.output import print_rows

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree

_PLOTTED_POINTS = 1000


def register(tree: CommandTree) -> None:
    """Add the commands."""
    group = tree.group("metrics", "read logged metrics")
    command = group.command("show", _show, "print the points of an object, by key and step")
    command.add_argument("object", metavar="ID", help="id of any object, or name of an experiment or a model")
    command.add_argument("--key", action="append", default=[], metavar="K", help="only this metric; may be repeated")
    command.add_argument("--start-step", type=int, metavar="N", help="first step")
    command.add_argument("--end-step", type=int, metavar="N", help="last step")
    command.add_argument("--max-points", type=int, metavar="N", help="thin each series, keeping minima, maxima and ends")
    command.add_argument("--plot", action="store_true", help="draw the scalars instead (needs modelbox-sdk[demo])")


def _show(args: argparse.Namespace) -> None:
    if args.plot and args.format != "table":
        args.usage_error(f"--plot draws for people; leave it out, or leave out --format {args.format}")
    max_points = _PLOTTED_POINTS if args.plot and args.max_points is None else args.max_points
    with open_existing(args) as client:
        found = find_object(client, args.object, namespaces(args))
        table = found.metrics(*args.key, start_step=args.start_step, end_step=args.end_step, max_points=max_points)
        if args.plot:
            from modelbox.cli.plotting import print_plot

            print_plot(table)
        else:
            print_rows(rows.points(table), table.to_arrow().column_names, args.format)
