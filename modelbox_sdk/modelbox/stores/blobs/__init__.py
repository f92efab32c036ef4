"""Content, addressed by its digest."""

from modelbox.stores.blobs.base import BlobInfo, BlobStore, blob_name

__all__ = ["BlobInfo", "BlobStore", "blob_name"]
