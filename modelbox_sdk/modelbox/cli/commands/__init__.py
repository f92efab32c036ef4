"""The commands, a module for each word."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelbox.cli.parsing import CommandTree


def register(tree: CommandTree) -> None:
    """Add all commands, in the order in which the help lists them."""
    from modelbox.cli import demo
    from modelbox.cli.commands import (
        artifacts,
        client,
        doctor,
        events,
        experiments,
        metrics,
        models,
        push,
        server,
        store,
        versions,
        watch,
    )

    for module in (experiments, models, versions, metrics, artifacts, events, watch, store, push, doctor, server, client, demo):
        module.register(tree)
