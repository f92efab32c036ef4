"""``client init-config``: a file that names a server."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from modelbox.errors import AlreadyExistsError

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree

DEFAULT_PATH = "modelbox_client.toml"

_CONTENT = """\
# Where clients of ModelBox find their server. Clients use this file when MODELBOX_CONFIG or --config names it; MODELBOX_URI and
# MODELBOX_API_ADDR come before it. A token never stands here: it belongs in MODELBOX_TOKEN.

# host:port, or grpcs://host:port for TLS; with commas between several servers of one store.
server_addr = "localhost:8085"
"""


def register(tree: CommandTree) -> None:
    """Add the command."""
    group = tree.group("client", "configure clients")
    command = group.command("init-config", _init_config, "write a file that names a server", formats=False, on_store=False)
    command.add_argument("path", nargs="?", default=DEFAULT_PATH, help=f"the file; it must not exist (default: {DEFAULT_PATH})")


def _init_config(args: argparse.Namespace) -> None:
    try:
        with Path(args.path).open("x", encoding="utf-8") as file:
            file.write(_CONTENT)
    except FileExistsError:
        raise AlreadyExistsError(f"{args.path} exists already; remove it, or name another file") from None
    print(f"wrote {args.path}; clients use it with MODELBOX_CONFIG={args.path}, or with --config {args.path}")
