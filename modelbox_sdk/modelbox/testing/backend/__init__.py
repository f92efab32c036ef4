"""The suite for a whole backend, driven through the public API."""

from modelbox.testing.backend.suite import BackendSuite, SharedBackendSuite

__all__ = ["BackendSuite", "SharedBackendSuite"]
