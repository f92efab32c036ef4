"""Opening the store that a command line names."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import modelbox
from modelbox import settings

if TYPE_CHECKING:
    from modelbox import ModelBoxClient

ALL_NAMESPACES = "*"


def open_or_create(args: argparse.Namespace) -> ModelBoxClient:
    """A client of the store, which is created when there is none."""
    return modelbox.ModelBoxClient(uri_of(args), namespace=args.namespace or "default")


def open_existing(args: argparse.Namespace) -> ModelBoxClient:
    """A client of a store that is there: looking into an empty folder does not make it a store.

    Raises:
        NotFoundError: The folder does not exist, or is empty.
    """
    return open_at(uri_of(args), args.namespace or "default")


def open_at(uri: str, namespace: str = "default") -> ModelBoxClient:
    """As :func:`open_existing`, for any URI."""
    folder = _folder(uri)
    if folder is not None and _is_empty(folder):
        raise modelbox.NotFoundError(f"there is no store at {folder}; name one with --uri, or create one by logging to it")
    return modelbox.ModelBoxClient(uri, namespace=namespace)


def namespaces(args: argparse.Namespace) -> str:
    """Where a command that reads looks: everywhere, unless it is told a namespace."""
    return args.namespace or ALL_NAMESPACES


def uri_of(args: argparse.Namespace) -> str:
    """The store that a command line means."""
    if args.uri:
        return str(args.uri)
    return settings.server_in(args.config) if args.config else settings.default_uri()


def _folder(uri: str) -> Path | None:
    if uri.startswith("file:"):
        return Path(unquote(urlsplit(uri).path))
    if "://" in uri or settings.is_server(uri):
        return None
    return Path(uri).expanduser().absolute()


def _is_empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except FileNotFoundError:
        return True
    except OSError:
        return False  # opening it says better what is wrong
