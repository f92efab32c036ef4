"""Content between the user's files and a backend: uploads, downloads, and the cache of loaded models."""

from modelbox.transfers.cache import materialise
from modelbox.transfers.downloads import download
from modelbox.transfers.sources import Source, collect
from modelbox.transfers.uploads import upload
from modelbox.transfers.verified import open_verified

__all__ = ["Source", "collect", "download", "materialise", "open_verified", "upload"]
