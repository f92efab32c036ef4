"""Examining the log, the checkpoints and the history, and getting damaged checkpoints out of the way.

The log is the truth: what it says is never moved. All else can be made from it, so that a damaged checkpoint may be moved as long
as the log is whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from modelbox.errors import CorruptStoreError, ModelBoxError
from modelbox.findings import Fault, FindingKind
from modelbox.stores.files import Files
from modelbox.stores.metadata.log import manifest as manifests
from modelbox.stores.metadata.log.checkpoint import Checkpoint
from modelbox.stores.metadata.log.encoding import Entry, LoggedTransaction, decode_transaction, log_path
from modelbox.stores.metadata.log.manifest import DamagedCheckpointError, Manifest, StoredFile
from modelbox.stores.metadata.log.parquet import ParquetReader
from modelbox.stores.metadata.log.state import SmallTable
from modelbox.stores.metadata.tables import TABLES

LOG = "metadata/log"
_READ_AHEAD = 256
_COMPARED_AT_ONCE = 5000
_LOG_ADVICE = "restore this file from a backup; a file of the log is never moved or rewritten, for the log is the truth"
_NOT_WHOLE = "the log is not whole either, and cannot stand in for it"
_STAYS = "restore it from a backup; it is not moved away as long as the log is not whole"
_CHECKPOINT_ADVICE = "move it away with --quarantine; the next checkpoint takes its place"


def check(files: Files, reader: ParquetReader) -> Iterator[Fault]:
    """Read everything, and report what is not as it should be."""
    checkpoints = _Checkpoints(files, reader)
    others = list(checkpoints.examine())
    log = _Log(files, checkpoints)
    for fault in log.examine():
        if fault.path.startswith(f"{LOG}/"):
            yield fault
        else:
            others.append(fault)
    for fault in others:
        yield replace(fault, movable=True) if log.whole else replace(fault, meaning=_NOT_WHOLE, advice=_STAYS)


def quarantine(files: Files, fault: Fault, folder: str) -> None:
    """Move a file of a checkpoint, with the manifests that name it, so that nobody looks for it any more."""
    for number in manifests.numbers(files):
        try:
            manifest = manifests.read_manifest(files, number)
        except DamagedCheckpointError:
            continue
        if fault.path in manifest.paths() and fault.path != manifest.path:
            files.move(manifest.path, f"{folder}/{manifest.path}")
    if files.size(fault.path) is not None:
        files.move(fault.path, f"{folder}/{fault.path}")


def _fault(kind: FindingKind, path: str, problem: str, meaning: str, advice: str) -> Fault:
    return Fault(kind=kind, path=path, problem=problem, meaning=meaning, advice=advice)


class _Checkpoints:
    """The checkpoints there are, and whether they are whole."""

    def __init__(self, files: Files, reader: ParquetReader) -> None:
        self._files = files
        self._reader = reader
        self.newest: Manifest | None = None
        """The newest that is whole."""
        self.newest_number = 0
        """The newest, whole or not."""

    def examine(self) -> Iterator[Fault]:
        """Read every file of every checkpoint."""
        broken: set[str] = set()
        sound: set[str] = set()
        for number in manifests.numbers(self._files):
            self.newest_number = max(self.newest_number, number)
            try:
                manifest = manifests.read_manifest(self._files, number)
            except DamagedCheckpointError as error:
                if number in manifests.numbers(self._files):  # it may just have been replaced by newer ones
                    yield self._damage(error.path, error)
                continue
            for file in [manifest.state, *manifest.tables.values(), *manifest.history]:
                if file.path not in broken | sound:
                    error_of_file = self._examine_file(file, manifest)
                    if error_of_file is None:
                        sound.add(file.path)
                    elif number in manifests.numbers(self._files):
                        broken.add(file.path)
                        yield self._damage(file.path, error_of_file)
            if not broken & manifest.paths():
                self.newest = manifest

    def checkpoint(self) -> Checkpoint | None:
        """The newest that is whole, to be read."""
        return None if self.newest is None else Checkpoint(self.newest, self._reader)

    def small_tables(self) -> dict[str, SmallTable]:
        """The small tables of the newest that is whole."""
        assert self.newest is not None  # noqa: S101
        return manifests.load_small(self._files, self.newest)

    def _examine_file(self, file: StoredFile, manifest: Manifest) -> CorruptStoreError | None:
        try:
            if file.path.endswith(".parquet"):
                if self._reader.table(file).num_rows != file.rows:
                    return CorruptStoreError(f"{self._files.address(file.path)} has not the {file.rows} rows that it should have")
            else:
                manifests.load_small(self._files, manifest)
        except CorruptStoreError as error:
            return error
        return None

    def _damage(self, path: str, error: CorruptStoreError) -> Fault:
        kind = FindingKind.DAMAGED if self._files.size(path) is not None else FindingKind.MISSING
        meaning = "nothing is lost: older checkpoints or the log stand in for it, and opening the store takes longer"
        return _fault(kind, path, str(error), meaning, _CHECKPOINT_ADVICE)


@dataclass
class _Log:
    """The log, read from its first transaction to its last.

    Attributes:
        whole: Whether no transaction is missing or damaged.
    """

    files: Files
    checkpoints: _Checkpoints
    whole: bool = True
    _last_seq: int | None = 0
    """The last change so far; None after a transaction that could not be read."""
    _small: dict[str, SmallTable] = field(default_factory=lambda: {n: SmallTable(t) for n, t in TABLES.items() if not t.large})
    _entries: list[Entry] = field(default_factory=list)

    def examine(self) -> Iterator[Fault]:
        names = (info.path.rpartition("/")[2].removesuffix(".json") for info in self.files.files(LOG))
        numbers = sorted(int(name) for name in names if name.isdecimal())
        last = max([self.checkpoints.newest_number, *numbers])
        for first in range(1, last + 1, _READ_AHEAD):
            wanted = range(first, min(first + _READ_AHEAD, last + 1))
            try:
                found = self.files.read_many([log_path(number) for number in wanted])
            except ModelBoxError:  # one of them cannot be read: which?
                found = {}
            for number in wanted:
                yield from self._examine(number, found.get(log_path(number)))
        yield from self._compare_history()

    def _examine(self, number: int, data: bytes | None) -> Iterator[Fault]:
        path = log_path(number)
        try:
            transaction = decode_transaction(self.files.read(path) if data is None else data, number, self.files.address(path))
        except FileNotFoundError:
            yield self._broken(FindingKind.MISSING, number, f"{self.files.address(path)} is missing")
        except CorruptStoreError as error:
            yield self._broken(FindingKind.DAMAGED, number, str(error))
        except ModelBoxError as error:
            yield self._broken(FindingKind.UNREADABLE, number, str(error))
        else:
            yield from self._take(transaction)

    def _take(self, transaction: LoggedTransaction) -> Iterator[Fault]:
        number, first_seq = transaction.number, transaction.first_seq
        if self._last_seq is not None and first_seq != self._last_seq + 1:
            problem = f"its first change is {first_seq}, and the last one before it was {self._last_seq}"
            yield self._broken(FindingKind.DISAGREES, number, problem)
        if self._last_seq is None:
            yield from self._compare_history()
        self._last_seq = first_seq + len(transaction.entries) - 1
        newest = self.checkpoints.newest
        if newest is None or number > newest.number:
            return
        self._entries += transaction.entries
        if len(self._entries) >= _COMPARED_AT_ONCE:
            yield from self._compare_history()
        if self.whole:
            for write in transaction.writes:
                table = self._small.get(write.table)
                if table is not None and write.row is None:
                    table.delete(write.key)
                elif table is not None and write.row is not None:
                    table.put(write.key, write.row)
            if number == newest.number:
                yield from self._compare_tables(newest)

    def _broken(self, kind: FindingKind, number: int, problem: str) -> Fault:
        self.whole = False
        self._last_seq = None
        newest = self.checkpoints.newest
        if newest is not None and number <= newest.number:
            meaning = f"nothing is lost as long as the checkpoint of transaction {newest.number} stays whole, which includes it"
        else:
            meaning = f"the store cannot be read: no checkpoint has what was committed from transaction {number} on"
        return _fault(kind, log_path(number), problem, meaning, _LOG_ADVICE)

    def _compare_history(self) -> Iterator[Fault]:
        """Compare the changes that were read last with those in the history."""
        entries, self._entries = self._entries, []
        checkpoint = self.checkpoints.checkpoint()
        if not entries or checkpoint is None:
            return
        stored = checkpoint.changes(entries[0].seq - 1, len(entries), None)
        if stored != entries:
            pairs = zip(entries, stored, strict=False)
            seq = next((entry.seq for entry, other in pairs if entry != other), entries[min(len(entries), len(stored)) - 1].seq)
            piece = next((file for file in checkpoint.manifest.history if file.last_seq >= seq), checkpoint.manifest.state)
            problem = f"the change {seq} is another one in the log"
            yield _fault(FindingKind.DISAGREES, piece.path, problem, "the feed shows what never happened", _CHECKPOINT_ADVICE)

    def _compare_tables(self, newest: Manifest) -> Iterator[Fault]:
        """Compare what the log adds up to with what the checkpoint says, as far as it is in memory anyway."""
        stored = self.checkpoints.small_tables()
        for name, table in self._small.items():
            if [item[1:] for item in table.find({})] != [item[1:] for item in stored[name].find({})]:
                problem = f"its table {name} is not what the log adds up to"
                yield _fault(FindingKind.DISAGREES, newest.state.path, problem, "reads are wrong", _CHECKPOINT_ADVICE)
