"""Content, addressed by its digest."""

from modelbox.stores.blobs.base import BlobInfo, BlobItem, BlobStore, blob_name
from modelbox.stores.blobs.file_blobs import FileBlobStore

__all__ = ["BlobInfo", "BlobItem", "BlobStore", "FileBlobStore", "blob_name"]
