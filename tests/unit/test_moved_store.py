"""A store holds nothing about where it lies: it can be copied and moved."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelbox import ModelBoxClient


def test_addresses_follow_a_store_that_moves(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    with ModelBoxClient(tmp_path / "old's place") as client:
        exp = client.create_experiment("e")
        before = exp.upload_artifact("a", tmp_path / "f").files[0].uri
        exp.track_artifact("b", "s3://bucket/x")
    (tmp_path / "old's place").rename(tmp_path / "new place")
    with ModelBoxClient(tmp_path / "new place") as client:
        art = client.get_experiment(exp.id).artifact("a")
        (file,) = art.files
        assert file.uri != before
        assert Path(unquote(urlsplit(file.uri).path)).read_bytes() == b"content"
        with art.open() as stream:
            assert stream.read() == b"content"
        listed = client.sql("select name, files[1].uri as uri from artifacts order by name").to_pylist()
        assert listed == [{"name": "a", "uri": file.uri}, {"name": "b", "uri": "s3://bucket/x"}]
        payloads = json.dumps([change.payload for change in client.changes()])
        assert str(tmp_path) not in payloads
