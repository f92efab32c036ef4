"""Metadata: rows in a few tables, and the ordered feed of their changes."""

from modelbox.stores.metadata.base import MetadataStore, NewChange, Row, Transaction, View
from modelbox.stores.metadata.tables import TABLES, Table

__all__ = ["TABLES", "MetadataStore", "NewChange", "Row", "Table", "Transaction", "View"]
