"""How values are printed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from modelbox.cli.output import json_text, plain
from modelbox.cli.tables import brief, cell, print_table
from modelbox.sizes import size

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (1, 1),
        (2**70, 2**70),
        (0.1, 0.1),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (MOMENT, "2026-01-02T03:04:05.000000+00:00"),
        (MOMENT.astimezone(timezone(timedelta(hours=5))), "2026-01-02T03:04:05.000000+00:00"),
        (MOMENT.replace(tzinfo=None), "2026-01-02T03:04:05.000000"),
        (date(2026, 1, 2), "2026-01-02"),
        (b"\x00\xff", "AP8="),
        (Decimal("10"), 10),
        (Decimal("1.5"), 1.5),
        ({"a": [float("nan"), {"b": b""}]}, {"a": ["NaN", {"b": ""}]}),
        ((1, (2,)), [1, [2]]),
    ],
)
def test_json_values(value: object, expected: object) -> None:
    assert plain(value) == expected
    assert json.loads(json_text(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (False, "false"),
        (0.1, "0.1"),
        (1 / 3, "0.333333"),
        (1234567.0, "1234567.0"),
        (MOMENT, "2026-01-02 03:04:05"),
        (b"ab", "<2 bytes>"),
        ({"a": 1, "b": {"c": "d"}}, "a=1, b={c=d}"),
        (["x", 2], "x, 2"),
        ("a\tb\x1b[0m", "a\\tb\\x1b[0m"),
        ("smörgås 🍞", "smörgås 🍞"),
    ],
)
def test_cells_for_people(value: object, expected: str) -> None:
    assert cell(value) == expected


def test_short_numbers() -> None:
    assert [brief(x) for x in (1.0, 1e-9, 123456.789012, float("nan"))] == ["1.0", "1e-09", "123457", "nan"]


@pytest.mark.parametrize(("count", "expected"), [(None, ""), (0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (3 * 10**12, "3.0 TB")])
def test_sizes(count: int | None, expected: str) -> None:
    assert size(count) == expected


def test_markup_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([["[bold]x[/]", ":smile:", 1]], ["name", "b", "n"])
    assert capsys.readouterr().out.splitlines()[1].split() == ["[bold]x[/]", ":smile:", "1"]


def test_long_values_are_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([["x" * 500, "y" * 500]], ["name", "id"])
    assert capsys.readouterr().out.splitlines()[1].split() == ["x" * 500, "y" * 500]
