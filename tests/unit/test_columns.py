"""Arrow arrays from Python values."""

from __future__ import annotations

import math
import random

import pyarrow as pa
import pytest

from modelbox import columns
from modelbox.points import TIMESTAMP


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 1000])
@pytest.mark.parametrize("nulls", [0.0, 0.5, 1.0])
def test_they_equal_those_of_pyarrow(length: int, nulls: float) -> None:
    rng = random.Random(length)

    def maybe(value: object) -> object:
        return None if rng.random() < nulls else value

    texts = [maybe("π" * rng.randrange(4)) for _ in range(length)]
    numbers = [maybe(rng.randrange(-(2**63), 2**63)) for _ in range(length)]
    doubles = [maybe(rng.choice([0.5, -0.0, math.inf])) for _ in range(length)]
    blobs = [maybe(rng.randbytes(rng.randrange(4))) for _ in range(length)]
    for made, expected in [
        (columns.strings(texts), pa.array(texts, pa.string())),
        (columns.integers(numbers), pa.array(numbers, pa.int64())),
        (columns.integers(numbers, TIMESTAMP), pa.array(numbers, TIMESTAMP)),
        (columns.doubles(doubles), pa.array(doubles, pa.float64())),
        (columns.binaries(blobs), pa.array(blobs, pa.binary())),
    ]:
        made.validate(full=True)
        assert made.equals(expected)
        assert made.null_count == expected.null_count


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(OverflowError):
        columns.integers([2**63])
