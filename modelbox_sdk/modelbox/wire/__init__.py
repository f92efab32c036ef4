"""The protocol: generated code, and the only conversions between its messages and records, its statuses and errors."""
