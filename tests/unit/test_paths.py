from __future__ import annotations

import pytest

from modelbox.errors import InvalidArgumentError
from modelbox.paths import refuse_clashes, validate_name, validate_relative_path

GOOD = [
    "a",
    "a/b/c.txt",
    "with space",
    " ",
    "..a",
    "a..b",
    "...",
    "-rf",
    "~",
    "a:b/c"[2:],
    "日本語/ünï/😀👩‍👩‍👧.bin",
    "#?%+*[]&",
    "é" * 127,
    "CON",
]
BAD = [
    "", "/", "/etc/passwd", "//host/share", "..", "../x", "a/../b", "a/..", ".", "./a", "a/./b", "a//b", "a/", "C:", "C:/x", "c:x",
    "a\\b", "..\\x", "\\\\host\\x", "a\0b", "a\nb", "a\x7fb", "a\x85b", "\ud800", "a\udcffb", "x" * 256, "é" * 128,
    "a/" * 2048 + "a",
]  # fmt: skip


@pytest.mark.parametrize("path", GOOD)
def test_good_paths_are_taken_as_they_are(path: str) -> None:
    assert validate_relative_path(path) == path
    assert validate_name(path) == path


@pytest.mark.parametrize("path", BAD)
def test_bad_paths_are_refused(path: str) -> None:
    with pytest.raises(InvalidArgumentError, match="path"):
        validate_relative_path(path)
    with pytest.raises(InvalidArgumentError, match="artifact name") as error:
        validate_name(path)
    assert len(str(error.value)) < 400
    str(error.value).encode()


@pytest.mark.parametrize("value", [None, 3, b"a"])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        validate_relative_path(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("paths", [["a", "a"], ["a", "a/b"], ["a/b/c/d", "x", "a/b"]])
def test_paths_that_cannot_be_side_by_side_are_refused(paths: list[str]) -> None:
    with pytest.raises(InvalidArgumentError, match="'a"):
        refuse_clashes(paths)


def test_paths_side_by_side() -> None:
    refuse_clashes(["a/b", "a/c", "ab", "a.b", "b/a"])
