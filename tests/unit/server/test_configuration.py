"""A configuration file: the default one, the environment, and every mistake with its line."""

from __future__ import annotations

import logging
import tomllib
from pathlib import Path

import pytest

from modelbox import AlreadyExistsError, InvalidArgumentError
from modelbox.cli import main
from modelbox.server.configuration import DatabaseAddress, ServerConfiguration, load
from modelbox.server.configuration_file import line_of
from modelbox.server.default_file import DEFAULT_FILE, write_default

PUBLISHED = """
artifact_storage = "filesystem"
metadata_storage = "ephemeral"
metrics_storage = "inmemory"
listen_addr = ":8085"

[artifact_storage_filesystem]
base_dir = "/tmp/modelboxblobs"

[artifact_storage_s3]
region = "us-east-1"
bucket = "modelbox-artifacts"

[metadata_storage_integrated]
path = "/tmp/modelbox.dat"

[metadata_storage_postgres]
host = "172.17.0.3"
port = 5432
username = "postgres"
password = "foo"
dbname   = "modelbox"

[metadata_storage_mysql]
host     = "172.17.0.2"
port     = 3306
username = "root"
password = "foo"
dbname   = "modelbox"

[metrics_storage_timescaledb]
host = "172.17.0.4"
port = 5432
username = "postgres"
password = "foo"
dbname   = "modelbox_metrics"
"""
"""The keys and the values that everybody's files have had since upstream."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "server.toml"
    path.write_text(DEFAULT_FILE)
    return path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) >= 1
    file.write_text(text.replace(old, new, 1))


def problem(file: Path) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        load(file)
    return str(caught.value)


def line(file: Path, beginning: str) -> int:
    return next(number for number, text in enumerate(file.read_text().splitlines(), 1) if text.startswith(beginning))


# -- the default file


def test_the_default_file_has_the_published_keys_and_values() -> None:
    assert tomllib.loads(DEFAULT_FILE) == tomllib.loads(PUBLISHED)


def test_the_default_file_can_be_loaded(file: Path) -> None:
    configuration = load(file)
    assert configuration.listen_addr == ":8085"
    assert configuration.metadata_storage_mysql.port == 3306
    assert configuration.metrics_addr is None


def test_what_is_commented_out_in_the_default_file_is_the_default(file: Path) -> None:
    lines = (text.removeprefix("# ") for text in DEFAULT_FILE.splitlines())
    file.write_text(
        "\n".join(text for text in lines if text.startswith("[") or (" = " in text and text[0].isalpha() and "#" not in text))
    )
    told, default = (
        load(file),
        ServerConfiguration(artifact_storage="filesystem", metadata_storage="ephemeral", metrics_storage="inmemory"),
    )
    sections = {name for name in ServerConfiguration.__slots__ if "storage" in name}
    for name in set(ServerConfiguration.__slots__) - sections - {"metrics_addr"}:
        assert getattr(told, name) == getattr(default, name), name
        assert f"{name} = " in DEFAULT_FILE


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "modelbox_server.toml"
    path.write_text("mine")
    with pytest.raises(AlreadyExistsError, match="exists already"):
        write_default(path)
    assert path.read_text() == "mine"


def test_init_config_writes_the_default_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["server", "init-config"]) == 0
    assert capsys.readouterr().out == "modelbox_server.toml\n"
    assert (tmp_path / "modelbox_server.toml").read_text() == DEFAULT_FILE
    assert main(["server", "init-config"]) == 1
    assert main(["server", "init-config", "other.toml"]) == 0


# -- mistakes


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('listen_addr = ":8085"', 'listen_adr = ":8085"', "there is no key listen_adr; did you mean listen_addr?"),
        ('listen_addr = ":8085"', "listen_addr = 8085", "listen_addr must be a text, not 8085"),
        ('listen_addr = ":8085"', 'listen_addr = "8085"', "listen_addr: '8085' is not host:port"),
        ('listen_addr = ":8085"', 'listen_addr = ":99999"', "listen_addr: ':99999' is not host:port"),
        ("# workers = 1", "workers = 0", "workers must be at least 1, not 0"),
        ("# workers = 1", 'workers = "2"', "workers must be a whole number, not '2'"),
        ("# workers = 1", "workers = true", "workers must be a whole number, not True"),
        ("# workers = 1", "workers = 4", "workers = 4 needs storage that processes share; metadata_storage = 'ephemeral'"),
        ('# role = "server"', 'role = "blobs"', "role must be 'server' or 'blob', not 'blobs'"),
        ("# blob_servers = []", 'blob_servers = ["a:1", 2]', "blob_servers must be a list of texts"),
        ("# blob_servers = []", 'blob_servers = [\n  "a:1",\n  "b",\n]', "blob_servers: 'b' is not host:port"),
        ("# max_message_bytes = 67108864", "max_message_bytes = 1", "max_message_bytes must be at least 1048576, not 1"),
        ('metadata_storage = "ephemeral"', 'metadata_storage = "sqlite"', "metadata_storage must be 'ephemeral' or 'integrated'"),
        ('metadata_storage = "ephemeral"', 'metadata_storage = "postgres"', "comes with a later release"),
        ('metadata_storage = "ephemeral"', 'metadata_storage = "mysql"', "comes with a later release"),
        ('metrics_storage = "inmemory"', 'metrics_storage = "timescaledb"', "comes with a later release"),
        (
            'metrics_storage = "inmemory"',
            'metrics_storage = "integrated"\n"listen_addr\\u0021" = 1',
            "there is no key listen_addr!",
        ),
        ("[metadata_storage_integrated]", "[metadata_storage_integated]", "did you mean metadata_storage_integrated?"),
        ("port = 5432", "port = 70000", "metadata_storage_postgres.port must be at most 65535, not 70000"),
        ("port = 5432", "prt = 5432", "there is no key metadata_storage_postgres.prt; did you mean port?"),
        (
            "[artifact_storage_s3]",
            "workers = 2\n[artifact_storage_s3]",
            "workers is a key of the file itself; it goes above the first [table]",
        ),
        ('# tls_cert = ""', 'tls_cert = "a.pem"', "tls_cert is given without tls_key"),
        ('# tls_key = ""', 'tls_key = "a.pem"', "tls_key is given without tls_cert"),
        ('# tls_client_ca = ""', 'tls_client_ca = "a.pem"', "tls_client_ca is given without tls_cert and tls_key"),
        ("# slow_call_s = 1.0", "slow_call_s = nan", "slow_call_s must be at least 0, not nan"),
    ],
)
def test_a_mistake_is_told_with_its_line(file: Path, old: str, new: str, told: str) -> None:
    change(file, old, new)
    message = problem(file)
    wrong = next(text for text in new.split("\n") if not text.startswith(('metrics_storage = "int', "[artifact")))
    assert message.startswith(f"{file}, line {line(file, wrong)}: ")
    assert told in message


@pytest.mark.parametrize("name", ["artifact_storage", "metadata_storage", "metrics_storage"])
def test_where_things_are_kept_must_be_said(file: Path, name: str) -> None:
    text = file.read_text().splitlines(keepends=True)
    file.write_text("".join(one for one in text if not one.startswith(f"{name} =")))
    assert f"{name} is missing" in problem(file)


@pytest.mark.parametrize(
    ("key", "value", "removed", "told"),
    [
        ("artifact_storage", "filesystem", 'base_dir = "/tmp/modelboxblobs"', "artifact_storage_filesystem.base_dir"),
        ("artifact_storage", "s3", 'bucket = "modelbox-artifacts"', "artifact_storage_s3.bucket"),
        ("metadata_storage", "integrated", 'path = "/tmp/modelbox.dat"', "metadata_storage_integrated.path"),
        ("metrics_storage", "integrated", "", "metrics_storage_integrated.path"),
    ],
)
def test_what_is_chosen_must_have_a_place(
    file: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str, removed: str, told: str
) -> None:
    monkeypatch.setenv(f"MODELBOX_SERVER_{key.upper()}", value)
    change(file, removed, "")
    assert f"{told} is missing" in problem(file)


def test_a_file_that_is_not_toml_is_told_with_the_line(file: Path) -> None:
    change(file, 'listen_addr = ":8085"', "listen_addr = :8085")
    assert "is not TOML" in problem(file)
    assert f"line {line(file, 'listen_addr')}" in problem(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "modelbox server init-config" in problem(tmp_path / "none.toml")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in problem(tmp_path / "server.toml")


@pytest.mark.parametrize("spelling", ["-config-path", "--config-path"])
def test_the_command_tells_the_mistake_in_one_line(file: Path, spelling: str, capsys: pytest.CaptureFixture[str]) -> None:
    change(file, "listen_addr = ", "listen_adr = ")
    assert main(["server", "create-token", spelling, str(file), "--name", "a", "--namespace", "b", "--rights", "read"]) == 1
    assert capsys.readouterr().err.startswith(f"modelbox: {file}, line ")


# -- lines


@pytest.mark.parametrize(
    ("text", "where", "number"),
    [
        ("a = 1\nb = 2", ("b",), 2),
        ("# b = 1\n\nb = 2", ("b",), 3),
        ('a = """\nb = 1\n"""\nb = 2', ("b",), 4),
        ("a = [\n  1,\n  2,\n]\nb = 2", ("a",), 1),
        ("[t]\n# x\nb = 2", ("t", "b"), 3),
        ("t.b = 2", ("t", "b"), 1),
        ('x = 1\r\n"b" = 2\r\n', ("b",), 2),
        ("[t]\n[u]\nb = 1\n[t.b]", ("t", "b"), 4),
    ],
)
def test_the_line_of_a_key(text: str, where: tuple[str, ...], number: int) -> None:
    assert line_of(text, where) == number


# -- the environment


def test_the_environment_stands_in_for_values(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_SERVER_LISTEN_ADDR", "127.0.0.1:0")
    monkeypatch.setenv("MODELBOX_SERVER_THREADS", "7")
    monkeypatch.setenv("MODELBOX_SERVER_SLOW_CALL_S", "3")
    monkeypatch.setenv("MODELBOX_SERVER_BLOB_SERVERS", "a:1, b:2")
    monkeypatch.setenv("MODELBOX_SERVER_METADATA_STORAGE_POSTGRES_PASSWORD", "123")
    configuration = load(file)
    assert (configuration.listen_addr, configuration.threads, configuration.slow_call_s) == ("127.0.0.1:0", 7, 3.0)
    assert configuration.blob_servers == ("a:1", "b:2")
    assert configuration.metadata_storage_postgres.password == "123"


def test_a_wrong_value_in_the_environment_is_told_with_the_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOX_SERVER_WORKERS", "many")
    assert problem(file) == "MODELBOX_SERVER_WORKERS in the environment: workers must be a whole number, not 'many'"


def test_a_variable_that_looks_like_a_key_is_warned_of(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MODELBOX_SERVER_LISTEN_ADDRESS", ":1")
    monkeypatch.setenv("MODELBOX_SERVER_SERVICE_HOST", "10.0.0.1")  # as Kubernetes sets it
    with caplog.at_level(logging.WARNING, "modelbox.server"):
        load(file)
    assert "did you mean MODELBOX_SERVER_LISTEN_ADDR?" in caplog.text
    assert "SERVICE_HOST" not in caplog.text


# -- secrets


def test_a_password_is_never_shown(file: Path) -> None:
    assert "foo" not in repr(load(file))
    change(file, 'password = "foo"', "password = 1234567")
    assert "1234567" not in problem(file)


def test_a_password_under_a_wrong_name_is_not_shown(file: Path) -> None:
    change(file, 'password = "foo"', 'pasword = "hidden"')
    assert "hidden" not in problem(file)


def test_an_address_shows_all_but_the_password() -> None:
    assert repr(DatabaseAddress(host="h", password="p-w")) == "DatabaseAddress(host='h', port=0, username='', dbname='')"
