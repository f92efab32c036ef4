"""The tree of commands, and the options that all of them share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from modelbox import __version__

FORMATS = ("table", "csv", "json")
Run = Callable[[argparse.Namespace], None]

_EPILOG = """\
The store is --uri, else the server in --config, else $MODELBOX_URI, else $MODELBOX_API_ADDR, else the server in $MODELBOX_CONFIG,
else the folder ./.modelbox.
Commands that only read look at all namespaces unless --namespace names one.
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    from modelbox.cli import commands

    parser = argparse.ArgumentParser(
        prog="modelbox",
        description="Metadata, metrics, artifacts and lineage of AI models and experiments.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"modelbox {__version__}")
    _add_shared(parser, default=None)
    commands.register(CommandTree(parser, "command"))
    return parser


class CommandTree:
    """Commands under one word, or under none."""

    def __init__(self, parser: argparse.ArgumentParser, dest: str) -> None:
        self._children = parser.add_subparsers(title="commands", dest=dest, metavar="COMMAND", required=True)

    def group(self, name: str, help: str) -> CommandTree:
        """Add a word under which there are commands."""
        parser = self._children.add_parser(name, help=help, description=_sentence(help), allow_abbrev=False)
        _add_shared(parser, default=argparse.SUPPRESS)
        return CommandTree(parser, f"{name}_command")

    def command(self, name: str, run: Run, help: str, *, formats: bool = True, on_store: bool = True) -> argparse.ArgumentParser:
        """Add a command.

        Args:
            name: Its word.
            run: What it does, given the parsed arguments.
            help: What it does, in a line.
            formats: Whether it prints data, and so has ``--format``.
            on_store: Whether it works on a store, and so has ``--uri`` and ``--namespace``.

        Returns:
            Its parser, for what is its own.
        """
        parser = self._children.add_parser(name, help=help, description=_sentence(help), allow_abbrev=False)
        if on_store:
            _add_shared(parser, default=argparse.SUPPRESS)
        if formats:
            parser.add_argument("--format", choices=FORMATS, default="table", help="how to print (default: table)")
        parser.set_defaults(run=run, usage_error=parser.error)
        return parser


def _add_shared(parser: argparse.ArgumentParser, default: Any) -> None:
    # A subcommand must not overwrite what was given before it, so its own default is to leave the attribute alone.
    parser.add_argument(
        "-u", "--uri", default=default, help="the store: a folder, or a URL such as s3://bucket/prefix or grpc://host"
    )
    parser.add_argument("-c", "--config", default=default, metavar="PATH", help="a file that names a server, instead of --uri")
    parser.add_argument("-n", "--namespace", default=default, metavar="NS", help="the namespace")


def add_pairs(parser: argparse.ArgumentParser, option: str, help: str, *, type: Callable[[str], tuple[str, Any]]) -> None:
    """Add an option that takes any number of ``key=value``, and may be repeated."""
    parser.add_argument(option, nargs="+", action="extend", type=type, default=[], metavar="KEY=VALUE", help=help)


def text_pair(argument: str) -> tuple[str, str]:
    """``key=value``, the value as it stands."""
    key, equals, value = argument.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{argument!r} is not KEY=VALUE")
    return key, value


def json_pair(argument: str) -> tuple[str, Any]:
    """``key=value``, the value read as JSON where it is JSON, and as text where it is not."""
    key, value = text_pair(argument)
    try:
        return key, json.loads(value, parse_constant=_refuse_constant)
    except ValueError:
        return key, value


def natural(argument: str) -> int:
    """A whole number that is not negative."""
    number = int(argument)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{argument} is negative")
    return number


def seconds(argument: str) -> float:
    """A finite number of seconds that is not negative."""
    number = float(argument)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{argument} is not a number of seconds")
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _sentence(help: str) -> str:
    return f"{help[0].upper()}{help[1:]}."
