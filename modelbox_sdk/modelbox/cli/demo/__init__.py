"""``modelbox demo``: runs ``quickstart.py``, which ``examples/quickstart.py`` is a link to."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from modelbox.cli.extras import require
from modelbox.cli.opening import uri_of
from modelbox.errors import InvalidArgumentError

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree


_NEXT = (
    "experiments show digits-mlp",
    "metrics show digits-mlp --key val_accuracy --plot",
    "versions show digits --tag prod",
    'sql "select key, count(*), min(value) from metrics group by key"',
    "watch --since 0 --timeout 1",
)


def register(tree: CommandTree) -> None:
    """Add the command."""
    tree.command("demo", _demo, "train a small classifier, keep everything about it, and read it back", formats=False)


def _demo(args: argparse.Namespace) -> None:
    require("the demo", "numpy", "plotext", "sklearn", extra="demo")
    uri = uri_of(args)
    if uri == "memory://":
        raise InvalidArgumentError("the demo reads back with a second client, which memory:// has nothing for; name a folder")
    from modelbox.cli.demo.quickstart import run

    run(uri, namespace=args.namespace or "default")
    named = args.uri or args.config
    option = f" -u {shlex.quote(uri)}" if named else ""
    print("\nIt is all in the store. Look around:")
    for command in _NEXT:
        print(f"  modelbox{option} {command}")
