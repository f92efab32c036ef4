"""The two suites, put together."""

from __future__ import annotations

from modelbox.testing.backend.artifacts import ArtifactTests
from modelbox.testing.backend.changes import ChangeTests
from modelbox.testing.backend.deletion import DeletionTests
from modelbox.testing.backend.experiments import ExperimentTests
from modelbox.testing.backend.logged import EventTests, MetadataTests
from modelbox.testing.backend.metrics import MetricTests
from modelbox.testing.backend.models import ModelTests
from modelbox.testing.backend.several import SeveralClientsTests


class BackendSuite(ExperimentTests, ModelTests, MetadataTests, MetricTests, EventTests, ArtifactTests, DeletionTests, ChangeTests):
    """What every backend does. A subclass gives the fixture ``client``: a fresh, empty store."""


class SharedBackendSuite(BackendSuite, SeveralClientsTests):
    """What every backend does whose store outlives a client. A subclass gives the fixture ``open_client``.

    ``open_client(**arguments)`` opens another client on the same store each time; the fixture closes them all.
    """
