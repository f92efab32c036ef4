"""Clients and servers of other versions of the same major, which know fields that this one does not."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from modelbox import ModelBoxClient, NotFoundError
from modelbox.backends.remote import channel
from services.server_process import ServerProcess

MIB = 1 << 20
UNKNOWN = b"\xc2\x3e\x05later"
"""Field 1000 of any message: a text."""

LATER_SERVER = """
    import sys
    import grpc
    import modelbox

    modelbox.__version__ = "0.999.0"

    def with_more(make):
        def handler(behaviour, request_deserializer=None, response_serializer=bytes):
            return make(behaviour, request_deserializer, lambda message: response_serializer(message) + {unknown!r})
        return handler

    for kind in ("stream_unary_rpc_method_handler", "stream_stream_rpc_method_handler"):
        setattr(grpc, kind, with_more(getattr(grpc, kind)))

    from modelbox.cli import main

    sys.exit(main())
"""


def use(client: ModelBoxClient, name: str, folder: Path) -> None:
    """A bit of everything: unary calls, streams both ways, a feed, an error."""
    exp = client.create_experiment(name, metadata={"lr": 0.1})
    exp.log_metrics({"loss": 0.5}, step=1)
    exp.log_event("begun")
    client.flush()
    assert exp.metrics("loss").to_dict()["value"] == [0.5]
    assert [event.name for event in exp.events()] == ["begun"]
    content = os.urandom(MIB + 1)
    (folder / "weights").write_bytes(content)
    artifact = exp.upload_artifact("weights", folder / "weights", progress=False)
    assert (artifact.download(folder / name, progress=False) / "weights").read_bytes() == content
    model = client.create_model("model-" + name)
    version = model.create_version("1", experiment=exp)
    model.move_tag("prod", to=version)
    assert client.get_model("model-" + name).get_version(tag="prod").id == version.id
    with pytest.raises(NotFoundError, match="nobody"):
        client.get_model("nobody")


def test_a_server_is_restarted_on_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_RETRY_S", "30")
    later = ("-c", textwrap.dedent(LATER_SERVER).format(unknown=UNKNOWN))
    with ServerProcess(tmp_path / "server") as server, ModelBoxClient(server.uri) as client:
        now = server.command
        watch = client.watch(since=0, timeout=30)
        seen = 0
        for number, command in enumerate((now, later, now)):
            if number:
                server.stop()
                server.command = command
                server.launch()  # the client waits for it
            use(client, f"exp{number}", tmp_path)
            for change in client.changes(since=seen):
                assert next(watch) == change
                seen = change.seq
        watch.close()
        assert [exp.name for exp in client.list_experiments()] == ["exp2", "exp1", "exp0"]


def test_a_client_of_a_later_version_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serialise = channel._serialise
    monkeypatch.setattr(channel, "_serialise", lambda request: serialise(request) + UNKNOWN)
    with ServerProcess(tmp_path / "server") as server, ModelBoxClient(server.uri) as client:
        use(client, "exp", tmp_path)
