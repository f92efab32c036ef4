"""Content, addressed by its digest."""

from modelbox.stores.blobs.base import BlobInfo, BlobItem, BlobStore, Reference, blob_name, parse_blob_name
from modelbox.stores.blobs.file_blobs import FileBlobStore
from modelbox.stores.blobs.receiving import Receiver

__all__ = ["BlobInfo", "BlobItem", "BlobStore", "FileBlobStore", "Receiver", "Reference", "blob_name", "parse_blob_name"]
