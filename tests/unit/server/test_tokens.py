"""The file of tokens: made, read, changed, damaged."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest

from modelbox import AlreadyExistsError, InvalidArgumentError, UnauthenticatedError
from modelbox.backends.inprocess import open_store
from modelbox.cli import main
from modelbox.server import authorisation
from modelbox.server.authorisation import Authorisation
from modelbox.server.rights import Grant
from modelbox.server.tokens import create_token, digest_of, read_tokens


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.toml"


def bearer(token: str, scheme: str = "Bearer") -> list[tuple[str, str | bytes]]:
    return [("user-agent", "x"), ("authorization", f"{scheme} {token}")]


def test_a_token_is_known_by_its_hash_only(path: Path) -> None:
    token = create_token(path, name="ci", namespaces=["a", "b"], rights="write")
    assert re.fullmatch(r"mbx_[A-Za-z0-9_-]{43}", token)
    assert token not in path.read_text()
    assert read_tokens(path) == {digest_of(token): Grant(name="ci", namespaces=("a", "b"), may_write=True)}
    assert path.stat().st_mode & 0o777 == 0o600


def test_tokens_are_added_to_what_is_there(path: Path) -> None:
    tokens = [create_token(path, name=f"t{number}", namespaces=["*"], rights="read") for number in range(3)]
    assert [grant.name for grant in read_tokens(path).values()] == ["t0", "t1", "t2"]
    assert len(set(tokens)) == 3
    assert os.listdir(path.parent) == ["tokens.toml"]


def test_what_a_person_wrote_into_the_file_stays(path: Path) -> None:
    create_token(path, name="a", namespaces=["*"], rights="read")
    path.write_text(path.read_text() + "# of the night shift\n")
    create_token(path, name="b", namespaces=["*"], rights="read")
    assert "# of the night shift\n" in path.read_text()


def test_any_namespace_survives_the_file(path: Path) -> None:
    names = ['a "b" \\ c', "новое", "tab\there", "line\nbreak", "[[token]]"]
    create_token(path, name="ci", namespaces=names, rights="read")
    assert next(iter(read_tokens(path).values())).namespaces == tuple(names)


def test_several_that_add_a_token_at_once_all_do(path: Path) -> None:
    def add(number: int) -> None:
        create_token(path, name=f"t{number}", namespaces=["a"], rights="read")

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {grant.name for grant in read_tokens(path).values()} == {f"t{number}" for number in range(8)}


@pytest.mark.parametrize(
    ("name", "namespaces", "rights", "told"),
    [
        ("", ["a"], "read", "must have a name of 1 to 40"),
        ("a b", ["a"], "read", "must have a name of 1 to 40"),
        ("a", [], "read", "must have namespaces"),
        ("a", [""], "read", "namespace is ''"),
        ("a", ["*", "b"], "read", "namespace is '*'"),
        ("a", ["b"], "admin", "rights = 'read' or 'write', not 'admin'"),
    ],
)
def test_a_token_that_cannot_be(path: Path, name: str, namespaces: list[str], rights: str, told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(told)):
        create_token(path, name=name, namespaces=namespaces, rights=rights)
    assert not path.exists()


def test_a_name_is_given_once(path: Path) -> None:
    create_token(path, name="ci", namespaces=["a"], rights="read")
    before = path.read_text()
    with pytest.raises(AlreadyExistsError, match="a token named 'ci' already"):
        create_token(path, name="ci", namespaces=["a"], rights="read")
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("rights", "right", "token 'ci' has the unknown key right"),
        ('"read"', '"all"', "token 'ci' must have rights"),
        ('name = "ci"\n', "", "token 1 must have a name"),
        ('["a"]', '"a"', "token 'ci' must have namespaces"),
        ('["a"]', "[1]", "token 'ci': namespace must be a str"),
        ('sha256 = "', 'sha256 = "f', "token 'ci' must have the sha256"),
        ("[[token]]", "[[tokens]]", "there is 'tokens'"),
        ("[[token]]", "[token]", "there is 'token'"),
        ("[[token]]", "[[token]", "line "),
    ],
)
def test_a_damaged_file_is_refused(path: Path, old: str, new: str, told: str) -> None:
    create_token(path, name="ci", namespaces=["a"], rights="read")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InvalidArgumentError, match=re.escape(told)) as caught:
        read_tokens(path)
    assert str(path) in str(caught.value)


def test_two_tokens_with_one_name_are_refused(path: Path) -> None:
    create_token(path, name="ci", namespaces=["a"], rights="read")
    entry = path.read_text()
    path.write_text(entry + entry[entry.index("[[token]]") :])
    with pytest.raises(InvalidArgumentError, match="two tokens 'ci'"):
        read_tokens(path)


def test_a_file_that_is_not_there_is_told(path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="create-token makes it"):
        read_tokens(path)


# -- who calls


def test_callers_are_known_by_their_tokens(path: Path) -> None:
    token = create_token(path, name="ci", namespaces=["a"], rights="read")
    backend = open_store("memory://")
    authorise = Authorisation(backend, path)
    for headers in (bearer(token), bearer(token, "bearer"), bearer(f" {token} ")):
        assert authorise.caller_of(headers) == "ci"
        assert authorise(headers).store_id() == backend.store_id()
    for headers in ([], bearer(""), bearer(token, "Basic"), bearer(token)[:1], [("authorization", token.encode())]):
        with pytest.raises(UnauthenticatedError, match="wants a token"):
            authorise(headers)
        assert authorise.caller_of(headers) == ""
    for wrong in (token[:-1], token + "a", digest_of(token), "ключ", "\udc80"):
        with pytest.raises(UnauthenticatedError, match="does not know the token"):
            authorise(bearer(wrong))
    backend.close()


def test_changes_of_the_file_are_noticed(path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(authorisation, "_LOOK_EVERY_S", -1.0)
    first = create_token(path, name="a", namespaces=["a"], rights="read")
    backend = open_store("memory://")
    authorise = Authorisation(backend, path)
    second = create_token(path, name="b", namespaces=["a"], rights="read")
    assert authorise.caller_of(bearer(second)) == ""
    authorise(bearer(second))
    good = path.read_text()
    path.write_text(good + "[[token]]\n")
    authorise(bearer(first))
    assert "the old ones stay" in caplog.text
    path.write_text(good[good.rindex("[[token]]") :])
    with pytest.raises(UnauthenticatedError):
        authorise(bearer(first))
    authorise(bearer(second))
    path.unlink()
    authorise(bearer(second))
    assert first not in caplog.text
    assert second not in caplog.text
    backend.close()


# -- the command


def test_the_command_prints_the_token_once(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = tmp_path / "server.toml"
    assert main(["server", "init-config", str(configuration)]) == 0
    capsys.readouterr()
    command = ["server", "create-token", "--config-path", str(configuration), "--name", "ci", "--rights", "write"]
    assert main([*command, "--namespace", "a"]) == 1
    assert "names no tokens_file" in capsys.readouterr().err
    configuration.write_text(configuration.read_text().replace('# tokens_file = ""', f'tokens_file = "{path}"'))
    assert main([*command, "--namespace", "a", "--namespace", "b"]) == 0
    printed = capsys.readouterr()
    assert read_tokens(path)[digest_of(printed.out.strip())].namespaces == ("a", "b")
    assert printed.out.strip() not in printed.err
