"""Whole immutable files in a folder or in object storage: the ground that the embedded stores stand on."""

from modelbox.stores.files.base import FileInfo, Files
from modelbox.stores.files.memory import MemoryFiles
from modelbox.stores.files.object_storage import ObjectFiles
from modelbox.stores.files.posix import PosixFiles

__all__ = ["FileInfo", "Files", "MemoryFiles", "ObjectFiles", "PosixFiles"]
