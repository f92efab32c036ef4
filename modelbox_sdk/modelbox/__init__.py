"""ModelBox keeps the metadata of AI models and experiments; start with :class:`ModelBoxClient`.

The names here are loaded on first use, so that ``import modelbox`` costs a few milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from modelbox.client import Health as Health
    from modelbox.client import ModelBoxClient as ModelBoxClient
    from modelbox.errors import AlreadyExistsError as AlreadyExistsError
    from modelbox.errors import ChecksumError as ChecksumError
    from modelbox.errors import ConflictError as ConflictError
    from modelbox.errors import CorruptStoreError as CorruptStoreError
    from modelbox.errors import InvalidArgumentError as InvalidArgumentError
    from modelbox.errors import ModelBoxError as ModelBoxError
    from modelbox.errors import NotFoundError as NotFoundError
    from modelbox.errors import PermissionDeniedError as PermissionDeniedError
    from modelbox.errors import UnauthenticatedError as UnauthenticatedError
    from modelbox.errors import UnavailableError as UnavailableError
    from modelbox.findings import Finding as Finding
    from modelbox.objects import Artifact as Artifact
    from modelbox.objects import ArtifactFile as ArtifactFile
    from modelbox.objects import Experiment as Experiment
    from modelbox.objects import Lineage as Lineage
    from modelbox.objects import MetricTable as MetricTable
    from modelbox.objects import Model as Model
    from modelbox.objects import ModelVersion as ModelVersion
    from modelbox.records import Change as Change
    from modelbox.records import Event as Event
    from modelbox.records import GarbageReport as GarbageReport
    from modelbox.records import MLFramework as MLFramework
    from modelbox.records import PushReport as PushReport

_HOMES = {
    "modelbox.client": ("Health", "ModelBoxClient"),
    "modelbox.errors": (
        "AlreadyExistsError",
        "ChecksumError",
        "ConflictError",
        "CorruptStoreError",
        "InvalidArgumentError",
        "ModelBoxError",
        "NotFoundError",
        "PermissionDeniedError",
        "UnauthenticatedError",
        "UnavailableError",
    ),
    "modelbox.findings": ("Finding",),
    "modelbox.objects": ("Artifact", "ArtifactFile", "Experiment", "Lineage", "MetricTable", "Model", "ModelVersion"),
    "modelbox.records": ("Change", "Event", "GarbageReport", "MLFramework", "PushReport"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'modelbox' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
