"""Metadata in a log of immutable files; see ``docs/design``."""

from modelbox.stores.metadata.log.store import LogMetadataStore

__all__ = ["LogMetadataStore"]
