"""The in-process backend: the rules over three stores."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from modelbox.backends import validation
from modelbox.backends.base import Spool
from modelbox.backends.inprocess.content import ContentRules
from modelbox.backends.inprocess.experiments import ExperimentRules
from modelbox.backends.inprocess.models import ModelRules
from modelbox.backends.inprocess.outgoing import OutgoingRules
from modelbox.backends.inprocess.query import run_query
from modelbox.findings import Finding
from modelbox.stores.blobs import BlobStore
from modelbox.stores.files import Files
from modelbox.stores.metadata import MetadataStore
from modelbox.stores.metrics import MetricsStore

if TYPE_CHECKING:
    import pyarrow as pa


class InProcessBackend(ExperimentRules, ModelRules, OutgoingRules, ContentRules):
    """Every rule of ModelBox, over whatever stores it is given.

    Args:
        metadata: Where metadata lives; closed with the backend.
        metrics: Where metrics live; closed with the backend.
        blobs: Where content lives; closed with the backend.
        storage: What the stores stand on, if they share it; closed after them.
        others: What else they stand on; closed after them.
        spool: Where the journals of its clients live.
        description: What this is and where.
        marker: Raises what is wrong with the marker of the store.
        store_id: Identifies the store; without one, it is nobody else's.
    """

    def __init__(
        self,
        metadata: MetadataStore,
        metrics: MetricsStore,
        blobs: BlobStore,
        *,
        storage: Files | None = None,
        others: Sequence[Files] = (),
        spool: Spool,
        description: str,
        marker: Callable[[], None] = lambda: None,
        store_id: str = "",
    ) -> None:
        super().__init__(metadata, metrics, blobs)
        self._parts: tuple[MetadataStore | MetricsStore | BlobStore | Files, ...] = (
            metadata,
            metrics,
            blobs,
            *([storage] if storage is not None else []),
            *others,
        )
        self._spool = spool
        self._description = description
        self._storage = storage
        self._marker = marker
        self._store_id = store_id or uuid.uuid4().hex

    def sql(self, query: str) -> pa.Table:
        return run_query(validation.text(query, "query"), self._metadata, self._metrics, self._pending, self._blobs.uri)

    def check(self, *, verify_content: bool = False, quarantine: bool = False) -> list[Finding]:
        from modelbox.backends.inprocess.checkup import Checkup

        checkup = Checkup(
            self,
            self._metadata,
            self._metrics,
            self._blobs,
            storage=self._storage,
            marker=self._marker,
            content=verify_content,
        )
        return checkup.run(quarantine=quarantine)

    def store_id(self) -> str:
        return self._store_id

    def description(self) -> str:
        return self._description

    def spool(self) -> Spool:
        return self._spool

    def maintain(self) -> None:
        self._metrics.maintain()

    def forget_after_fork(self) -> None:
        for part in self._parts:
            part.forget_after_fork()

    def close(self) -> None:
        for part in self._parts:
            part.close()
