from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from collecting import CollectingSink

from modelbox.errors import InvalidArgumentError
from modelbox.journal import Journal, Target

TARGET = Target("object", "uid")


class Scalar:
    """What PyTorch's and JAX's scalars look like from here."""

    ndim = 0
    dtype = "float32"

    def __float__(self) -> float:
        return 0.25


class Broken:
    def __float__(self) -> float:
        raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")


@pytest.fixture
def sink() -> CollectingSink:
    return CollectingSink()


@pytest.fixture
def journal(sink: CollectingSink) -> Iterator[Journal]:
    journal = Journal(None, sink, shared=False)
    yield journal
    journal.close()


def logged(journal: Journal, sink: CollectingSink, value: Any) -> Any:
    journal.log_metrics(TARGET, {"k": value})
    journal.flush()
    (row,) = sink.rows()
    (found,) = [row[name] for name in ("value", "text", "blob") if row[name] is not None]
    return found


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (0.1, 0.1),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (3, 3.0),
        (2**53, float(2**53)),
        (2**60, float(2**60)),
        (-(2**1023), -float(2**1023)),
        (True, 1.0),
        (False, 0.0),
        (np.float64(0.1), 0.1),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float16(0.1), float(np.float16(0.1))),
        (np.int64(7), 7.0),
        (np.uint8(7), 7.0),
        (np.bool_(True), 1.0),
        (np.array(0.5), 0.5),
        (np.array([0.5]), 0.5),
        (np.array([[7]]), 7.0),
        (Scalar(), 0.25),
        (Decimal("0.1"), 0.1),
        (Fraction(1, 4), 0.25),
        ("text", "text"),
        ("", ""),
        ("日本\n🙂\0", "日本\n🙂\0"),
        (np.str_("text"), "text"),
        (b"\0\xff", b"\0\xff"),
        (b"", b""),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (np.bytes_(b"ab"), b"ab"),
    ],
)
def test_accepted(journal: Journal, sink: CollectingSink, value: Any, stored: Any) -> None:
    found = logged(journal, sink, value)
    assert type(found) is type(stored)
    assert found == stored
    if isinstance(stored, float):
        assert math.copysign(1, found) == math.copysign(1, stored)


def test_nan(journal: Journal, sink: CollectingSink) -> None:
    assert math.isnan(logged(journal, sink, math.nan))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (None, TypeError),
        ([1.0], TypeError),
        ((1.0,), TypeError),
        ({"a": 1}, TypeError),
        (1j, TypeError),
        (np.complex64(1), TypeError),
        (np.complex128(1), TypeError),
        (np.array([1.0, 2.0]), TypeError),
        (np.array([]), TypeError),
        (object(), TypeError),
        (Broken(), TypeError),
        (2**53 + 1, InvalidArgumentError),
        (-(2**53) - 1, InvalidArgumentError),
        (np.int64(2**53 + 1), InvalidArgumentError),
        (10**400, InvalidArgumentError),
        ("\ud800", InvalidArgumentError),
    ],
)
def test_refused(journal: Journal, sink: CollectingSink, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="'my key'"):
        journal.log_metrics(TARGET, {"fine": 1.0, "also": "fine", "my key": value})
    journal.flush()
    assert sink.rows() == []


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (1, TypeError),
        (None, TypeError),
        (b"k", TypeError),
        ("", InvalidArgumentError),
        ("a\0b", InvalidArgumentError),
        ("\udfff", InvalidArgumentError),
    ],
)
def test_refused_keys(journal: Journal, key: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        journal.log_metrics(TARGET, {key: 1.0})


@pytest.mark.parametrize("key", ["a/b", "a.b c", "🙂", "x" * 10_000, "'\"\\", np.str_("k")])
def test_accepted_keys(journal: Journal, sink: CollectingSink, key: str) -> None:
    for _ in range(2):
        journal.log_metrics(TARGET, {key: 1.0})
    journal.flush()
    assert [row["key"] for row in sink.rows()] == [key, key]


@pytest.mark.parametrize(
    ("step", "stored"), [(None, 0), (0, 0), (-(2**63), -(2**63)), (2**63 - 1, 2**63 - 1), (np.int64(5), 5), (np.uint8(5), 5)]
)
def test_steps(journal: Journal, sink: CollectingSink, step: Any, stored: int) -> None:
    for _ in range(2):
        journal.log_metrics(TARGET, {"k": 1.0}, step)
    journal.flush()
    assert [row["step"] for row in sink.rows()] == [stored, stored]


@pytest.mark.parametrize(
    ("step", "error"),
    [(True, TypeError), (1.0, TypeError), ("1", TypeError), (2**63, InvalidArgumentError), (-(2**63) - 1, InvalidArgumentError)],
)
def test_refused_steps(journal: Journal, sink: CollectingSink, step: Any, error: type[Exception]) -> None:
    journal.log_metrics(TARGET, {"k": 1.0}, 1)
    with pytest.raises(error, match="step"):
        journal.log_metrics(TARGET, {"k": 1.0}, step)
    journal.flush()
    assert len(sink.rows()) == 1


@pytest.mark.parametrize(
    ("wallclock", "us"),
    [
        (0, 0),
        (12.5, 12_500_000),
        (-1.000001, -1_000_001),
        (1_700_000_000.123457, 1_700_000_000_123_457),
        (1_700_000_000, 1_700_000_000_000_000),
        (253_402_300_799, 253_402_300_799_000_000),
        (np.float64(1.5), 1_500_000),
        (np.int64(2), 2_000_000),
        (datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC), 1_704_067_200_000_001),
        (datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 1_704_067_200_000_000),
        (datetime(2024, 1, 1, 12), round(datetime(2024, 1, 1, 12).timestamp() * 1e6)),
        (datetime(1, 1, 1, tzinfo=UTC), -62_135_596_800_000_000),
    ],
)
def test_wallclocks(journal: Journal, sink: CollectingSink, wallclock: Any, us: int) -> None:
    before = journal.now_us()
    journal.log_metrics(TARGET, {"k": 1.0, "t": "x"}, wallclock=wallclock)
    after = journal.now_us()
    journal.log_event(TARGET, "e", wallclock=wallclock)
    journal.flush()
    assert [row["wallclock"] for row in sink.rows()] == [us, us]
    assert all(before < row["wallclock"] + row["delay"] < after for row in sink.rows())
    assert sink.events[0].wallclock_us == us


@pytest.mark.parametrize(
    ("wallclock", "error"),
    [
        ("now", TypeError),
        (True, TypeError),
        (1j, TypeError),
        (math.nan, InvalidArgumentError),
        (math.inf, InvalidArgumentError),
        (1e300, InvalidArgumentError),
        (253_402_300_800, InvalidArgumentError),
        (-62_135_596_801, InvalidArgumentError),
        (10**400, InvalidArgumentError),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-2))), InvalidArgumentError),
    ],
)
def test_refused_wallclocks(journal: Journal, wallclock: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="wallclock"):
        journal.log_metrics(TARGET, {"k": 1.0}, wallclock=wallclock)
    with pytest.raises(error, match="wallclock"):
        journal.log_event(TARGET, "e", wallclock=wallclock)


def test_nothing_is_logged_of_nothing(journal: Journal, sink: CollectingSink) -> None:
    journal.log_metrics(TARGET, {}, 3)
    journal.flush()
    assert sink.rows() == []
    with pytest.raises(TypeError, match="mapping"):
        journal.log_metrics(TARGET, [("k", 1.0)])  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "source"), [("\ud800", ""), ("e", "\ud800"), ("a\0", "")])
def test_refused_events(journal: Journal, name: str, source: str) -> None:
    with pytest.raises(InvalidArgumentError):
        journal.log_event(TARGET, name, source)
    with pytest.raises(TypeError):
        journal.log_event(TARGET, 7)  # type: ignore[arg-type]
