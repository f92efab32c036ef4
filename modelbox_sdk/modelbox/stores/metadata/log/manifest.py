"""What a checkpoint consists of, and which checkpoints there are.

``metadata/checkpoints/<number>.json`` names the files of the checkpoint of that transaction. It is written last, and exclusively,
so a checkpoint is whole when its manifest is there. Files have unique names and are never changed: a table in which nothing
changed, and the history of changes, are shared by several checkpoints.
"""

from __future__ import annotations

import logging
import zlib
from dataclasses import asdict, dataclass
from typing import NamedTuple

from modelbox.errors import CorruptStoreError
from modelbox.stores.files import Files
from modelbox.stores.metadata.log.encoding import FORMAT, dumps, iso_from_us, seal, unseal, us_from_iso
from modelbox.stores.metadata.log.state import SmallTable
from modelbox.stores.metadata.tables import TABLES

FOLDER = "metadata/checkpoints"
HISTORY = "metadata/history"
KEPT = 3
"""Checkpoints that are kept: a reader may still be looking at one that has just been replaced."""

_log = logging.getLogger("modelbox")


class DamagedCheckpointError(CorruptStoreError):
    """A file of a checkpoint is missing or damaged; the log can stand in for it.

    Args:
        message: What is wrong, and with which file.
        path: The file, relative to the root of the store.
    """

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message, path)
        self.path = path

    def __str__(self) -> str:
        return str(self.args[0])


class StoredFile(NamedTuple):
    """A file of a checkpoint; for a piece of history with the changes that it holds."""

    path: str
    size: int
    crc32: str
    rows: int
    first_seq: int = 0
    last_seq: int = 0

    def check(self, data: bytes, place: str) -> bytes:
        """The bytes, if they are those that were written."""
        if len(data) != self.size or f"{zlib.crc32(data):08x}" != self.crc32:
            raise DamagedCheckpointError(f"{place} is damaged: its size or checksum does not match", self.path)
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The files of a checkpoint.

    Attributes:
        number: The last transaction that it includes.
        last_seq: The last change that it includes.
        last_at_us: The time of that transaction.
        state: Rows of the small tables, for opening.
        tables: Parquet files of the tables that have rows.
        history: Parquet files of the changes, oldest first.
    """

    number: int
    last_seq: int
    last_at_us: int
    state: StoredFile
    tables: dict[str, StoredFile]
    history: list[StoredFile]

    @property
    def path(self) -> str:
        """Where the manifest lies."""
        return f"{FOLDER}/{self.number:020d}.json"

    def paths(self) -> set[str]:
        """All files that it names."""
        return {self.state.path, *(file.path for file in self.tables.values()), *(file.path for file in self.history)}

    def encode(self) -> bytes:
        """The content of the manifest."""
        content = {"format": FORMAT} | asdict(self) | {"last_at": iso_from_us(self.last_at_us)}
        del content["last_at_us"]
        content["state"] = self.state._asdict()
        content["tables"] = {name: file._asdict() for name, file in self.tables.items()}
        content["history"] = [file._asdict() for file in self.history]
        return seal(dumps(content)[:-1].encode())

    @classmethod
    def decode(cls, data: bytes, place: str) -> Manifest:
        """Read a manifest.

        Raises:
            CorruptStoreError: It is damaged.
        """
        content = unseal(data, place)
        try:
            return cls(
                number=content["number"],
                last_seq=content["last_seq"],
                last_at_us=us_from_iso(content["last_at"]),
                state=StoredFile(**content["state"]),
                tables={name: StoredFile(**file) for name, file in content["tables"].items()},
                history=[StoredFile(**file) for file in content["history"]],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptStoreError(f"{place} is damaged: {error}") from error


def numbers(files: Files) -> list[int]:
    """The transactions that have a manifest, oldest first."""
    names = (info.path.rpartition("/")[2].removesuffix(".json") for info in files.files(FOLDER))
    return sorted(int(name) for name in names if name.isdecimal())


def read_manifest(files: Files, number: int) -> Manifest:
    """The manifest of a transaction.

    Raises:
        DamagedCheckpointError: It is missing or damaged.
    """
    path = f"{FOLDER}/{number:020d}.json"
    try:
        return Manifest.decode(files.read(path), files.address(path))
    except FileNotFoundError as error:
        raise DamagedCheckpointError(f"{files.address(path)} is missing", path) from error
    except CorruptStoreError as error:
        raise DamagedCheckpointError(str(error), path) from error


def encode_small(tables: dict[str, SmallTable]) -> bytes:
    """The rows of the small tables, in order, as JSON: opening a store must not wait for a Parquet reader to be imported."""
    parts = []
    for name, table in tables.items():
        # Row by row, so that other threads get their turn in between.
        rows = ",\n".join([dumps(list(row.values())) for _, _, row in table.find({})])
        parts.append(f'{dumps(name)}:{{"columns":{dumps(list(table.table.columns))},"rows":[{rows}]}}')
    return seal(f'{{"format":{FORMAT},"tables":{{{",".join(parts)}}}'.encode())


def load_small(files: Files, manifest: Manifest) -> dict[str, SmallTable]:
    """The small tables of a checkpoint.

    Raises:
        DamagedCheckpointError: Their file is missing or damaged.
    """
    path, place = manifest.state.path, files.address(manifest.state.path)
    try:
        stored = unseal(manifest.state.check(files.read(path), place), place)["tables"]
    except FileNotFoundError as error:
        raise DamagedCheckpointError(f"{place} is missing", path) from error
    tables = {}
    for name, table in TABLES.items():
        if table.large:
            continue
        loaded = tables[name] = SmallTable(table)
        found = stored.get(name, {"columns": [], "rows": []})
        columns, key = found["columns"], table.key
        same = columns == list(table.columns)
        for values in found["rows"]:
            row = dict(zip(columns, values, strict=True))
            loaded.put(tuple([row[c] for c in key]), row if same else {c: row.get(c) for c in table.columns})
    return tables


def clean(files: Files) -> None:
    """Delete what only checkpoints older than the newest few need, and what checkpoints that were cut short have left.

    What belongs to the oldest of these few or to newer ones may be in the making, and stays.
    """
    known = numbers(files)
    if len(known) < KEPT:
        return
    manifests = []
    for number in known[-KEPT:]:
        try:
            manifests.append(read_manifest(files, number))
        except DamagedCheckpointError as error:
            _log.warning("%s; nothing is cleaned up as long as it is among the newest checkpoints", error)
            return
    kept, oldest = set().union(*(manifest.paths() for manifest in manifests)), manifests[0]
    for number in known[:-KEPT]:
        files.delete(f"{FOLDER}/{number:020d}.json")
    for info in list(files.walk(FOLDER)):
        folder = info.path[len(FOLDER) + 1 :].partition("/")[0]
        if folder[:20].isdecimal() and int(folder[:20]) < oldest.number and info.path not in kept:
            files.delete(info.path)
    for folder in files.folders(FOLDER):
        path = f"{FOLDER}/{folder}"
        if folder[:20].isdecimal() and int(folder[:20]) < oldest.number and not any(p.startswith(path) for p in kept):
            files.delete_tree(path)
    for info in files.files(HISTORY):
        last_seq = info.path.rpartition("/")[2].split("-")[2]
        if last_seq.isdecimal() and int(last_seq) <= oldest.last_seq and info.path not in kept:
            files.delete(info.path)
