"""Who owns a folder of journal files, and whether the owner is alive.

A writer holds ``flock`` on the file ``lock`` in its folder for as long as it lives; the kernel lets go when the process dies,
however it dies. Where a file system has no locks, the process that ``lock`` names is looked up instead.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from typing import Any

LOCK_NAME = "lock"
_UNBORN = ".new-"
_UNBORN_AGE_S = 3600.0
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}

_own: set[str] = set()
"""Writers of this process: where locks are missing, these are alive without a look at any process id."""


def new_writer() -> str:
    """A unique name; names sort by the time of their making."""
    return f"{time.time_ns() // 1_000_000:012x}-{os.urandom(8).hex()}"


def is_own(writer: str) -> bool:
    """Whether a writer is one of this process, and alive."""
    return writer in _own


def forget_own() -> None:
    """In a forked child: the parent's writers are not this process's."""
    _own.clear()


class Ownership:
    """A writer's folder, held for as long as this object is open.

    Args:
        folder: Where the folders of all writers are.
        writer: The name of this one.

    Raises:
        OSError: The folder could not be made.
    """

    def __init__(self, folder: str, writer: str) -> None:
        self.path = os.path.join(folder, writer)
        self._writer = writer
        os.makedirs(folder, exist_ok=True)
        # The folder gets its name once the lock is held: nobody ever sees it without an owner.
        unborn = os.path.join(folder, _UNBORN + writer)
        os.mkdir(unborn)
        try:
            self._fd = os.open(os.path.join(unborn, LOCK_NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.write(self._fd, json.dumps(_identity()).encode())
                with contextlib.suppress(_LocksMissingError):
                    _lock(self._fd)
                os.rename(unborn, self.path)
            except BaseException:
                os.close(self._fd)
                raise
        except BaseException:
            _remove_tree(unborn)
            raise
        _own.add(writer)

    def release(self, *, remove: bool) -> None:
        """Let go of the folder, and remove it if there are no journals in it."""
        if self._fd < 0:
            return
        if remove:
            _remove_folder(self.path)
        fd, self._fd = self._fd, -1
        os.close(fd)
        _own.discard(self._writer)

    def forget(self) -> None:
        """In a forked child: close the inherited descriptor, which leaves the parent's lock alone."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def writers(folder: str) -> list[str]:
    """Names of the writers with a folder, oldest first."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


@contextlib.contextmanager
def claim(folder: str, writer: str) -> Iterator[bool]:
    """Hold the folder of a dead writer; yields False when the writer lives, or another process holds it already."""
    path = os.path.join(folder, writer)
    try:
        fd = os.open(os.path.join(path, LOCK_NAME), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _is_claimed(fd, path, writer)
    finally:
        os.close(fd)


def remove_claimed(folder: str, writer: str) -> None:
    """Remove the folder of a claimed writer, unless something is left in it."""
    _remove_folder(os.path.join(folder, writer))


def remove_unborn(folder: str) -> None:
    """Remove what writers left that died while making their folder; it never held a record."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_UNBORN) and time.time() - entry.stat().st_mtime > _UNBORN_AGE_S:
                _remove_tree(entry.path)


class _LocksMissingError(Exception):
    """The file system has no locks."""


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise _LocksMissingError from error
        raise
    return True


def _is_claimed(fd: int, path: str, writer: str) -> bool:
    if writer in _own:
        return False
    try:
        if not _lock(fd):
            return False
    except _LocksMissingError:
        if not _is_dead(os.pread(fd, 65536, 0)):
            return False
    # Another adopter may have finished, and removed the folder, between our open and our lock.
    try:
        return os.path.samestat(os.fstat(fd), os.stat(os.path.join(path, LOCK_NAME)))
    except FileNotFoundError:
        return False


def _is_dead(identity: bytes) -> bool:
    try:
        owner = json.loads(identity)
        pid = int(owner["pid"])
        if owner["host"] != os.uname().nodename:
            return False
        return bool(owner["boot"] != _boot_id() or owner["started"] != _start_of(pid))
    except (ValueError, KeyError, TypeError):
        return False


def _identity() -> dict[str, Any]:
    pid = os.getpid()
    return {"host": os.uname().nodename, "pid": pid, "boot": _boot_id(), "started": _start_of(pid)}


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _start_of(pid: int) -> str:
    """When a process started, in ticks since boot, so that a recycled id is not taken for it; empty when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "alive"


def _remove_folder(path: str) -> None:
    with contextlib.suppress(OSError):
        if set(os.listdir(path)) <= {LOCK_NAME}:
            os.unlink(os.path.join(path, LOCK_NAME))
            os.rmdir(path)


def _remove_tree(path: str) -> None:
    import shutil  # with what it imports it would be a tenth of the time of the first log call

    shutil.rmtree(path, ignore_errors=True)
