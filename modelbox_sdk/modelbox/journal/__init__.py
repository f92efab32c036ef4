"""The crash-safe, fork-safe file between a log call and a backend."""
