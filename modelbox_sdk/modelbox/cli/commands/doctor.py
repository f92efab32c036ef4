"""``modelbox doctor``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from modelbox.cli import rows
from modelbox.cli.opening import open_existing
from modelbox.cli.output import print_record, print_rows

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree

_COLUMNS = ("kind", "file", "problem", "meaning", "advice", "object", "movable", "moved_to")
_SHOWN = ("kind", "file", "object", "problem", "meaning", "advice", "moved_to")
_UNHEALTHY = 1


def register(tree: CommandTree) -> None:
    """Add the command."""
    command = tree.command("doctor", _doctor, "examine an embedded store: exit code 0 when it is healthy, 1 when not")
    command.add_argument(
        "--quarantine",
        action="store_true",
        help="move damaged segments, checkpoints, journals and content to <store>/quarantine, so that the rest can be read;"
        " files of the log are the truth, and never moved",
    )
    command.add_argument("--verify-content", action="store_true", help="read the content of all artifacts, and compare digests")


def _doctor(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        findings = client.check(verify_content=args.verify_content, quarantine=args.quarantine)
    records = [rows.record(finding, _COLUMNS) for finding in findings]
    if args.format != "table":
        print_rows(records, _COLUMNS, args.format)
    for number, record in enumerate(records if args.format == "table" else ()):
        if number:
            print()
        print_record({name: record[name] for name in _SHOWN}, "table")
    sys.stdout.flush()
    print(_summary(len(findings)), file=sys.stderr)
    if findings:
        raise SystemExit(_UNHEALTHY)


def _summary(count: int) -> str:
    return {0: "the store is healthy", 1: "1 finding"}.get(count, f"{count} findings")
