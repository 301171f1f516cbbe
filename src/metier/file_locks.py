"""Advisory locks that the system releases when the process that holds them ends, however it ends.

A lock file says who holds it, for the message to whoever comes second. What counts is the lock of the system
(`flock`), not that the file is there: one that a killed process left behind is simply taken. File systems without such
locks have none, and there nothing is refused.
"""

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from metier.errors import InUseError

# A holder that is slower to say who it is goes unnamed, or is taken for the last one.
SECONDS_TO_SIGN = 1.0
_held: set[int] = set()  # Descriptors: a forked process would go on holding them after its parent ended.


@contextlib.contextmanager
def held(lock: Path, *, what: Path, wait: bool = False) -> Iterator[None]:
    """Hold a lock file, which is removed afterwards.

    Parameters
    ----------
    lock : Path
        The lock file; its folder is there.
    what : Path
        What is locked, for the message.
    wait : bool, default=False
        Whether to wait for who holds it.

    Raises
    ------
    InUseError
        If another process holds it.
    OSError
        If the file cannot be made.
    """
    descriptor = _open(lock, what, wait=wait)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()  # Before it is released: who waits for this one finds that it is gone, and makes another.
        release(descriptor)


@contextlib.contextmanager
def held_file(path: Path) -> Iterator[None]:
    """Hold a file that is there and stays; waits for who holds it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        acquire(descriptor, wait=True)
        yield
    finally:
        release(descriptor)


def remove_left(lock: Path) -> None:
    """Remove a lock file that a killed process left; where that is not possible, or one holds it, it stays."""
    if lock.exists():
        with contextlib.suppress(OSError, InUseError), held(lock, what=lock):
            pass


def acquire(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder until `release`; gives whether it was free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True  # A file system without locks.
    if not _held:
        _forget_in_children()
    _held.add(descriptor)
    return True


def release(descriptor: int) -> None:
    """Close a descriptor, and with it release its lock."""
    _held.discard(descriptor)
    os.close(descriptor)


def _open(lock: Path, what: Path, *, wait: bool) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        if not acquire(descriptor, wait=wait):
            holder = _holder(descriptor)
            os.close(descriptor)
            raise InUseError(what, holder)
        if _is_at(descriptor, lock):
            _sign(descriptor)
            return descriptor
        release(descriptor)  # It was removed while this process waited.


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    since = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
    content = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode()
    with contextlib.suppress(OSError):  # On a full disk it locks all the same.
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, content, 0)


def _holder(descriptor: int) -> dict[str, str | int]:
    """Give the pid, the host and since when, as the holder wrote them; empty where it has not in time.

    A holder signs just after it has locked: until then there is nothing, or the name of one that was killed.
    """
    found = _signature(descriptor)
    ends = time.monotonic() + SECONDS_TO_SIGN
    while not _is_there(found) and time.monotonic() < ends:
        time.sleep(SECONDS_TO_SIGN / 50)
        found = _signature(descriptor)
    return found


def _is_there(holder: Mapping[str, str | int]) -> bool:
    """Whether a holder that signed is running, as far as can be told."""
    if not holder or holder["host"] != socket.gethostname():
        return bool(holder)
    try:
        os.kill(int(holder["pid"]), 0)
    except (ProcessLookupError, ValueError, TypeError, OverflowError):
        return False
    except OSError:  # It is another user's.
        pass
    return True


def _signature(descriptor: int) -> dict[str, str | int]:
    try:
        found = json.loads(os.pread(descriptor, 1_000, 0))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.keys() >= {"pid", "host", "since"} else {}


def _forget_in_children() -> None:
    """Let forked processes close what this one has locked, once."""
    if not _watching:
        _watching.append(True)
        os.register_at_fork(after_in_child=_close_all)


_watching: list[bool] = []


def _close_all() -> None:
    for descriptor in tuple(_held):
        with contextlib.suppress(OSError):
            release(descriptor)
