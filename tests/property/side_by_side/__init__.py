"""ModelBox and a plain Python model of it, driven side by side by Hypothesis."""

from side_by_side.machine import StoreMachine, machine_for
from side_by_side.opening import Factory, OpenClient, folder_factory, server_factory, tiny_sizes
from side_by_side.twins import twin_factory

__all__ = [
    "Factory",
    "OpenClient",
    "StoreMachine",
    "folder_factory",
    "machine_for",
    "server_factory",
    "tiny_sizes",
    "twin_factory",
]
