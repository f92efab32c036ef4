"""ModelBox and a plain Python model of it, driven side by side by Hypothesis."""

from side_by_side.machine import StoreMachine, machine_for
from side_by_side.opening import OpenClient, folder_factory, tiny_sizes

__all__ = ["OpenClient", "StoreMachine", "folder_factory", "machine_for", "tiny_sizes"]
