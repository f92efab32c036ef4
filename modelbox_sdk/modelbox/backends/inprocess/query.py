"""SQL over a whole store: its tables in the shapes that people know, in an in-memory DuckDB."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from modelbox.backends.query_limits import query_limits
from modelbox.errors import CorruptStoreError, InvalidArgumentError
from modelbox.records import MetricBatch, Rewind
from modelbox.stores.metadata import MetadataStore
from modelbox.stores.metrics import MetricsStore
from modelbox.stores.metrics.base import STORED_POINTS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_ATTEMPTS = 10
_MAY_READ_METRICS = re.compile("metrics|show|information_schema|duckdb_", re.IGNORECASE)

_VIEWS = """
create view experiments as
    select id, name, namespace, owner, external_id, framework, task, status, parent_id, created_at, updated_at
    from _experiments;
create view models as
    select id, name, namespace, owner, task, description, labels::json as labels, created_at, updated_at from _models;
create view model_versions as
    select v.id, v.model_id, m.name as model, v.version, v.name, v.namespace, v.description, v.framework, v.experiment_id,
        [d->>0 for d in v.datasets::json[]] as dataset_ids,
        coalesce((select list(tag order by tag) from _tags t where t.version_id = v.id), []) as unique_tags,
        v.labels::json as labels, v.created_at, v.updated_at
    from _model_versions v join _models m on m.id = v.model_id;
create view metadata as select object_id, key, value::json as value from _metadata;
create view artifacts as
    select a.id, a.object_id, a.object_type, a.name, a.namespace,
        coalesce((
            select list({
                'path': path, 'size': size, 'digest': digest, 'content_type': content_type,
                'uri': coalesce(uri, '<content>' || blob)
            } order by path)
            from _artifact_files f where f.artifact_id = a.id
        ), []) as files,
        a.created_at, a.updated_at
    from _artifacts a;
create view changes as
    select seq, action, object_type, object_id, namespace, "at", payload::json as payload from _changes;
create view events as
    select c.seq, c.object_type, c.object_id, c.namespace, c.payload->>'name' as name, c.payload->>'source' as source,
        (c.payload->>'wallclock')::timestamptz as wallclock, (c.payload::json)->'metadata' as metadata
    from _changes c semi join _lives l on l.uid = c.uid where c.action = 'logged';
"""

_LIVES = """
create view _lives as
    select id, uid, rewinds from _experiments union all select id, uid, rewinds from _models
    union all select id, uid, rewinds from _model_versions union all select id, uid, rewinds from _artifacts
"""

_LOCK_DOWN = """
set allow_persistent_secrets = false;
set enable_external_access = false;
set python_enable_replacements = false;
set lock_configuration = true;
"""
"""From here on the engine reads what is attached, and nothing else: a server runs the queries of others."""


def run_query(
    query: str,
    metadata: MetadataStore,
    metrics: MetricsStore,
    pending: Callable[[], Sequence[MetricBatch]],
    blob_uri: Callable[[str], str],
) -> pa.Table:
    """Run one statement that only reads.

    Args:
        query: The statement.
        metadata: Where the rows are.
        metrics: Where the points are.
        pending: Tells the points that may not be stored yet.
        blob_uri: Tells the address of content; that of all content begins alike.

    Raises:
        InvalidArgumentError: It does not parse or run, or is not a single query.
        CorruptStoreError: Stored points are damaged.
    """
    import duckdb

    attempts = 0
    while True:
        attempts += 1
        connection = duckdb.connect(":memory:")
        try:
            connection.execute("set TimeZone = 'UTC'")
            _require_one_select(connection, query)
            _create_views(connection, metadata, content=blob_uri("-").removesuffix("-"))
            if _MAY_READ_METRICS.search(query):  # attaching them takes a look at the files of every object
                _attach_metrics(connection, metrics, pending)
            with _limited(connection):
                connection.execute(_LOCK_DOWN)
                return connection.sql(query).to_arrow_table()
        except duckdb.Error as error:
            limits = query_limits()
            if limits is not None and limits.exceeded:
                raise InvalidArgumentError(f"the query was ended: {limits.exceeded}") from error
            if STORED_POINTS not in str(error):
                raise InvalidArgumentError(f"the query failed: {error}") from error
            if attempts == _ATTEMPTS:
                raise CorruptStoreError(f"stored points cannot be read; modelbox doctor tells which: {error}") from error
            # else a file may have been merged into another one meanwhile
        finally:
            connection.close()


@contextlib.contextmanager
def _limited(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Keep a query to the limits of this thread."""
    limits = query_limits()
    if limits is None:
        yield
        return
    if limits.exceeded:
        raise InvalidArgumentError(f"the query was not run: {limits.exceeded}")
    connection.execute(f"set memory_limit = '{limits.memory_bytes}B'")
    connection.execute("set temp_directory = ''")  # nothing of it is written to the disk of the server
    with limits.running(connection.interrupt):
        yield


def _create_views(connection: duckdb.DuckDBPyConnection, metadata: MetadataStore, *, content: str) -> None:
    for name, table in metadata.snapshot().items():
        connection.register(f"_{name}", table)
    connection.execute(_LIVES)
    connection.execute(_VIEWS.replace("<content>", content.replace("'", "''")))


def _attach_metrics(
    connection: duckdb.DuckDBPyConnection, metrics: MetricsStore, pending: Callable[[], Sequence[MetricBatch]]
) -> None:
    lives = connection.execute("select uid, id, rewinds from _lives").fetchall()
    rewinds = {uid: tuple(Rewind(*rewind) for rewind in json.loads(text)) for uid, _, text in lives if text}
    batches = pending()  # before the stored points are listed; see read_metrics
    metrics.attach(
        connection, {uid: id for uid, id, _ in lives}, batches, rewinds={uid: found for uid, found in rewinds.items() if found}
    )


def _require_one_select(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    import duckdb

    statements = connection.extract_statements(query)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise InvalidArgumentError(f"only a single select can be run, not {kinds}")
