"""The file of tokens: who has which rights, by the hash of a secret.

A token is 32 random bytes, so a plain hash of it tells nothing: there is nothing to guess, and no need for the slow hashes that
protect passwords which people choose. Only the hash is kept.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelbox.backends import validation
from modelbox.errors import AlreadyExistsError, InvalidArgumentError, ModelBoxError
from modelbox.oserrors import storage_errors
from modelbox.server.rights import EVERYWHERE, Grant

PREFIX = "mbx_"
RIGHTS = ("read", "write")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HEAD = """\
# Who may use this ModelBox server. modelbox server create-token adds to it; to take rights away, change or remove an entry. The
# server notices within a second. A token itself is kept nowhere; sha256 is what it is known by.
"""


def digest_of(token: str) -> str:
    """What the file knows a token by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def read_tokens(path: Path) -> dict[str, Grant]:
    """The rights of all tokens, by their digests.

    Raises:
        InvalidArgumentError: The file is missing, or not what it should be.
    """
    try:
        with storage_errors("read", str(path)):
            text = path.read_text(encoding="utf-8")
        return _parse(text)
    except FileNotFoundError:
        raise InvalidArgumentError(f"tokens_file {path} is not there; modelbox server create-token makes it") from None
    except (ValueError, TypeError) as error:  # also a TOMLDecodeError, and our own
        raise InvalidArgumentError(f"tokens_file {path}: {error}") from error


def create_token(path: Path, *, name: str, namespaces: list[str], rights: str) -> str:
    """Make a token and add it to a file, which is replaced as a whole, and created when it is missing.

    Returns:
        The token, which is kept nowhere.

    Raises:
        AlreadyExistsError: There is a token of this name.
        InvalidArgumentError: The name, a namespace or the rights cannot be used, or the file is not what it should be.
    """
    token = PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    entry = _entry(name, namespaces, rights, digest_of(token))
    with storage_errors("write", str(path)):
        folder = os.open(path.absolute().parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # of several that add a token, each sees what the one before it wrote
            text = path.read_text(encoding="utf-8") if path.exists() else _HEAD
            if path.exists() and name in {grant.name for grant in read_tokens(path).values()}:
                raise AlreadyExistsError(f"{path} has a token named {name!r} already; choose another name, or remove that entry")
            _replace(path, f"{text.rstrip()}\n\n{entry}")
            os.fsync(folder)
        finally:
            os.close(folder)
    return token


def _entry(name: str, namespaces: list[str], rights: str, digest: str) -> str:
    where = f'"{EVERYWHERE}"' if namespaces == [EVERYWHERE] else "[" + ", ".join(map(_quoted, namespaces)) + "]"
    entry = (
        f"[[token]]\nname = {_quoted(name)}\nnamespaces = {where}\nrights = {_quoted(rights)}\n"
        f'sha256 = "{digest}"\ncreated_at = {datetime.now(UTC).replace(microsecond=0).isoformat()}\n'
    )
    _parse(entry)
    return entry


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    escaped = "".join(f"\\U{ord(char):08x}" if char in '"\\' or not char.isprintable() else char for char in text)
    return f'"{escaped}"'


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _parse(text: str) -> dict[str, Grant]:
    document = tomllib.loads(text)
    entries = document.pop("token", [])
    if document or not isinstance(entries, list):
        raise InvalidArgumentError(f"there is {', '.join(document) or 'token'!r}; it has nothing but entries [[token]]")
    found: dict[str, Grant] = {}
    for number, entry in enumerate(entries, 1):
        digest, grant = _parse_entry(entry, f"token {entry.get('name', number)!r}")
        if digest in found or grant.name in {other.name for other in found.values()}:
            raise InvalidArgumentError(f"there are two tokens {grant.name!r}")
        found[digest] = grant
    return found


def _parse_entry(entry: Mapping[str, Any], what: str) -> tuple[str, Grant]:
    unknown = set(entry) - {"name", "namespaces", "rights", "sha256", "created_at"}
    if unknown:
        raise InvalidArgumentError(f"{what} has the unknown key {min(unknown)}")
    if not _NAME.fullmatch(str(entry.get("name", ""))):
        raise InvalidArgumentError(f"{what} must have a name of 1 to 40 letters, digits, '.', '_' or '-'")
    if entry.get("rights") not in RIGHTS:
        raise InvalidArgumentError(f"{what} must have rights = 'read' or 'write', not {entry.get('rights')!r}")
    digest = entry.get("sha256")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise InvalidArgumentError(f"{what} must have the sha256 of a token, in 64 hexadecimal digits")
    return digest, Grant(
        name=entry["name"], namespaces=_namespaces(entry.get("namespaces"), what), may_write=entry["rights"] == "write"
    )


def _namespaces(value: Any, what: str) -> tuple[str, ...]:
    if value in (EVERYWHERE, [EVERYWHERE]):
        return (EVERYWHERE,)
    if not isinstance(value, list) or not value:
        raise InvalidArgumentError(f"{what} must have namespaces: a list of names, or '*' for all")
    try:
        return tuple(dict.fromkeys(map(validation.namespace, value)))
    except (ModelBoxError, TypeError) as error:
        raise InvalidArgumentError(f"{what}: {error}") from error
