"""Read stored points. Arguments: ``modelbox`` STORE ID KEY|*, ``duckdb`` FILE KEY, ``pyarrow`` FILE, ``tidy`` STORE ID FILE."""

import sys

from report import peak_bytes, report


def read_modelbox(store, id, key):
    import modelbox

    client = modelbox.ModelBoxClient(store)
    experiment = client.get_experiment(id)
    table = experiment.metrics() if key == "*" else experiment.metrics(key)
    if key == "*":
        return len(table.to_pandas())
    arrow = table.to_arrow()
    return len(list(zip(arrow["step"].to_pylist(), arrow["value"].to_pylist(), strict=True)))


def read_duckdb(path, key):
    import duckdb

    return len(duckdb.execute("SELECT step, value FROM read_parquet(?) WHERE key = ? ORDER BY step", [path, key]).fetchall())


def read_pyarrow(path):
    import pyarrow.parquet as pq

    return len(pq.read_table(path).to_pandas())


def write_tidy(store, id, path):
    """The same points as one tidy Parquet file, written at once; what came of it is checked against the store."""
    import pyarrow.parquet as pq

    import modelbox

    with modelbox.ModelBoxClient(store) as client:
        table = client.get_experiment(id).metrics().to_arrow()
    pq.write_table(table, path, compression="zstd")
    return len(table)


READERS = {"modelbox": read_modelbox, "duckdb": read_duckdb, "pyarrow": read_pyarrow, "tidy": write_tidy}
points = READERS[sys.argv[1]](*sys.argv[2:])
report(points=points, peak=peak_bytes())
