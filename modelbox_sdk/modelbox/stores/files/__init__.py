"""Whole immutable files in a folder or in object storage: the ground that the embedded stores stand on."""

from typing import TYPE_CHECKING, Any

from modelbox.stores.files.base import FileInfo, Files
from modelbox.stores.files.memory import MemoryFiles
from modelbox.stores.files.posix import PosixFiles

if TYPE_CHECKING:
    from modelbox.stores.files.object_storage import ObjectFiles

__all__ = ["FileInfo", "Files", "MemoryFiles", "ObjectFiles", "PosixFiles"]


def __getattr__(name: str) -> Any:
    """What a process on a folder does not need is loaded on first use."""
    if name != "ObjectFiles":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from modelbox.stores.files.object_storage import ObjectFiles

    return ObjectFiles
