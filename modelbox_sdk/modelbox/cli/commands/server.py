"""Commands about a server: ``server init-config``, ``server start``, ``server create-token``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from modelbox.cli.extras import require
from modelbox.server.default_file import DEFAULT_PATH

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree


def register(tree: CommandTree) -> None:
    """Add the commands."""
    group = tree.group("server", "run a server")

    command = group.command("init-config", _init_config, "write a configuration file to change", formats=False, on_store=False)
    command.add_argument("path", nargs="?", default=DEFAULT_PATH, help=f"the file; it must not exist (default: {DEFAULT_PATH})")

    command = group.command("start", _start, "serve until SIGTERM or Ctrl-C", formats=False, on_store=False)
    _add_config_path(command)

    command = group.command("create-token", _create_token, "make a token and print it, once", formats=False, on_store=False)
    _add_config_path(command)
    command.add_argument("--name", required=True, help="whose it is: 1 to 40 letters, digits, '.', '_' or '-'")
    command.add_argument(
        "--namespace",
        action="append",
        required=True,
        dest="namespaces",
        metavar="NS",
        help="a namespace that it gives rights on; may be repeated; '*' stands for all",
    )
    command.add_argument("--rights", choices=("read", "write"), required=True, help="write includes read")


def _add_config_path(command: argparse.ArgumentParser) -> None:
    # The guides of upstream write the option with one dash.
    command.add_argument(
        "--config-path",
        "-config-path",
        default=DEFAULT_PATH,
        metavar="PATH",
        help=f"the configuration file (default: {DEFAULT_PATH})",
    )


def _init_config(args: argparse.Namespace) -> None:
    from modelbox.server.default_file import write_default

    print(write_default(args.path))


def _start(args: argparse.Namespace) -> None:
    require("modelbox server start", "grpc_health", "grpc_reflection", "prometheus_client", extra="server")
    from modelbox.server.process import serve

    serve(args.config_path)


def _create_token(args: argparse.Namespace) -> None:
    from modelbox.server.configuration import load
    from modelbox.server.tokens import create_token

    path = load(args.config_path).tokens_path
    print(create_token(path, name=args.name, namespaces=args.namespaces, rights=args.rights))
    print(f"added to {path}; it is not shown again", file=sys.stderr)
