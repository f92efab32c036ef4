"""Whatever a client says of where its file was becomes a path inside an artifact."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbox.paths import validate_relative_path
from modelbox.server.servicers.source_paths import relative_path


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("m.pt", "m.pt"),
        ("./runs/1/m.pt", "runs/1/m.pt"),
        ("/home/ada/m.pt", "home/ada/m.pt"),
        ("/home//ada/", "home/ada"),
        ("../m.pt", "__/m.pt"),
        ("../../etc/passwd", "__/__/etc/passwd"),
        ("C:\\Users\\ada\\m.pt", "C/Users/ada/m.pt"),
        ("C:m.pt", "Cm.pt"),
        ("\\\\server\\share\\m.pt", "server/share/m.pt"),
        (":\\a:", "a"),
        (".:/:./C:/m.pt", "C/m.pt"),
        ("s3://bucket/a/m.pt", "s3/bucket/a/m.pt"),
        ("runs/a:b", "runs/a:b"),
        ("Ünï cødé \U0001f600", "Ünï cødé \U0001f600"),
        ("a\nb\x00c", "a_b_c"),
        ("::", "weights"),
        ("", "weights"),
        ("/./", "weights"),
    ],
)
def test_paths(source: str, path: str) -> None:
    assert relative_path(source, "models/weights") == path


@settings(deadline=None)
@given(st.text() | st.text(":/\\.a\0", max_size=20) | st.text("aé/", max_size=20).map(lambda text: text * 500))
def test_any_text_becomes_a_path(source: str) -> None:
    path = relative_path(source, "name")
    assert validate_relative_path(path) == path


def test_long_paths_stay_apart() -> None:
    folders = ["/".join(["a" * 300] * 20), "/".join(["b" * 300] * 20), "é" * 3000, "é" * 3001]
    paths = {relative_path(f"{folder}/m.pt", "name") for folder in folders}
    assert len(paths) == len(folders)
    assert all(path.endswith("m.pt") for path in paths)
