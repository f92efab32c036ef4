"""Running one command line: parse it, do it, and turn what goes wrong into a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from modelbox.cli.parsing import build_parser
from modelbox.errors import ModelBoxError

FAILED = 1
INTERRUPTED = 128 + 2
PIPE_CLOSED = 128 + 13


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Data goes to stdout; messages and progress go to stderr.

    Args:
        argv: The arguments after the program's name; those of the process when None.

    Returns:
        The exit code: 0, 1 when it failed, 130 after Ctrl-C, 141 when whoever read stdout has gone. A wrong usage raises
        ``SystemExit(2)``, as argparse does.
    """
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()
        return PIPE_CLOSED
    except ModelBoxError as error:
        return _fail(str(error))
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        return _fail(f"{error.filename}: {reason}" if error.filename else reason)
    return 0


def _fail(message: str) -> int:
    print(f"modelbox: {' '.join(message.split())}", file=sys.stderr)
    return FAILED


def _abandon_stdout() -> None:
    """Point stdout at nothing, so that the interpreter does not fail to flush it at exit."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return  # stdout is not a file of the process, so nothing is flushed at exit
