"""``modelbox artifacts``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from modelbox.cli import rows
from modelbox.cli.lookup import find_holder
from modelbox.cli.opening import namespaces, open_existing
from modelbox.cli.output import print_record, print_rows

if TYPE_CHECKING:
    from modelbox import Artifact
    from modelbox.cli.parsing import CommandTree


def register(tree: CommandTree) -> None:
    """Add the commands."""
    group = tree.group("artifacts", "list, download and upload artifacts")

    command = group.command("list", _list, "list the artifacts of an object, oldest first")
    _add_holder(command)

    command = group.command("download", _download, "write the files of an artifact, verified, into a folder")
    _add_holder(command)
    command.add_argument("name", help="name of the artifact")
    command.add_argument("destination", nargs="?", default=".", help="the folder; created when absent (default: this one)")

    command = group.command("upload", _upload, "store files as an artifact of an object")
    _add_holder(command)
    command.add_argument("name", help="name of the artifact")
    command.add_argument("path", nargs="+", help="a file or a folder")


def _add_holder(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "object", metavar="OBJECT", help="id of an experiment, model or version, or name of an experiment or model"
    )


def _list(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        found = find_holder(client, args.object, namespaces(args)).artifacts()
        if args.format == "table":
            columns = ("id", "name", "files", "size", "created_at")
            print_rows([_in_a_line(artifact) for artifact in found], columns, args.format)
        else:
            print_rows([rows.artifact_record(artifact) for artifact in found], rows.ARTIFACT, args.format)


def _in_a_line(artifact: Artifact) -> rows.Record:
    return rows.record(artifact, rows.ARTIFACT) | {"files": len(artifact.files)}


def _download(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        artifact = find_holder(client, args.object, namespaces(args)).artifact(args.name)
        folder = artifact.download(args.destination)
        written = [{"file": str(folder / file.path), **rows.record(file, rows.FILE)} for file in artifact.files]
        print_rows(written, ("file", *rows.FILE), args.format, shown=("file", "size", "digest"))


def _upload(args: argparse.Namespace) -> None:
    with open_existing(args) as client:
        holder = find_holder(client, args.object, namespaces(args))
        source = args.path[0] if len(args.path) == 1 else args.path
        artifact = holder.upload_artifact(args.name, source)
        print_record(rows.artifact_record(artifact), args.format, sections={"files": ("path", "size", "digest")})
