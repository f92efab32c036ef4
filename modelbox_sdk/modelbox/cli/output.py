"""Printing data: a table for people, CSV and JSON for programs.

JSON is one document: a list of objects, or one object. Times are ISO 8601 in UTC with microseconds. JSON has no numbers for what is
not finite, so those are the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, as in protobuf's JSON. Bytes are base64. CSV is
RFC 4180 with a header; it writes the same values, nothing for null, and lists and objects as JSON.
"""

from __future__ import annotations

import base64
import csv
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from modelbox.cli.tables import print_table
from modelbox.sizes import size

Row: TypeAlias = Mapping[str, Any]


def print_rows(rows: Iterable[Row], columns: Sequence[str], format: str, *, shown: Sequence[str] | None = None) -> None:
    """Print a list of objects.

    Args:
        rows: The objects; JSON and CSV are written as they come.
        columns: The names of what each has, in order.
        format: ``table``, ``csv`` or ``json``.
        shown: Which columns a table has; all when None.
    """
    if format == "json":
        print_json_list(rows)
    elif format == "csv":
        print_csv(([row.get(name) for name in columns] for row in rows), columns)
    else:
        _print_objects(list(rows), shown or columns)


def print_record(record: Row, format: str, *, sections: Mapping[str, Sequence[str]] | None = None) -> None:
    """Print one object.

    Args:
        record: The object.
        format: ``table``, ``csv`` (one row, with a header) or ``json``.
        sections: Values of the record that are lists of objects, with the columns that a table shows of them; a table
            shows each under its name.
    """
    sections = sections or {}
    if format == "json":
        print(json_text(record, indent=2))
    elif format == "csv":
        print_csv([list(record.values())], list(record))
    else:
        rest = {name: value for name, value in record.items() if name not in sections and value not in _EMPTY}
        print_table([[name, value] for name, value in _for_people(rest).items()], None)
        for name, columns in sections.items():
            if record.get(name):
                print(f"\n{name}")
                _print_objects(record[name], columns, indent=2)


_EMPTY: tuple[Any, ...] = ("", None, {}, [])
_USUAL: Mapping[str, tuple[Any, ...]] = {"namespace": ("default",)}


def _print_objects(rows: Sequence[Row], columns: Sequence[str], *, indent: int = 0) -> None:
    """A table of objects, without columns that say nothing."""
    telling = [name for name in columns if any(row.get(name) not in _USUAL.get(name, _EMPTY) for row in rows)]
    print_table([list(_for_people({name: row.get(name) for name in telling}).values()) for row in rows], telling, indent=indent)


def _for_people(row: Row) -> Row:
    """Sizes with their units, and the times of objects to the minute."""
    people = dict(row)
    for name, value in row.items():
        if name == "size":
            people[name] = size(value)
        elif name.endswith("_at") and isinstance(value, datetime):
            people[name] = f"{value:%Y-%m-%d %H:%M}"
    return people


def print_json_list(rows: Iterable[Row]) -> None:
    """One JSON list, an object on each line, written as the rows come."""
    opening = "["
    for row in rows:
        sys.stdout.write(f"{opening}\n  {json_text(row)}")
        opening = ","
    print("[]" if opening == "[" else "\n]")


def print_csv(rows: Iterable[Sequence[Any]], columns: Sequence[str] | None) -> None:
    """Rows of CSV, under a header unless ``columns`` is None."""
    writer = csv.writer(sys.stdout)
    if columns is not None:
        writer.writerow(columns)
    writer.writerows([csv_value(value) for value in row] for row in rows)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Valid JSON for a value, in one line unless it is to be indented."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(plain(value), ensure_ascii=not utf8, allow_nan=False, indent=indent)


def csv_value(value: Any) -> Any:
    """What the CSV writer is to write for a value."""
    value = plain(value)
    if isinstance(value, (dict, list)):
        return json_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def plain(value: Any) -> Any:
    """A value as JSON can hold it; see the module."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    if isinstance(value, datetime):
        return iso_time(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):  # what DuckDB gives for 1.5 and for the sum of integers
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def iso_time(moment: datetime) -> str:
    """ISO 8601 with microseconds; in UTC, unless it is naive, as a timestamp without time zone from SQL is."""
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    return moment.isoformat(timespec="microseconds")


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
