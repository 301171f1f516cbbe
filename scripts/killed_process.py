"""A process that is killed in front of a file operation, or after some seconds; beside its work folder lie its traces.

It is forked from one that has imported everything, so a kill costs about a second of one core. An audit hook counts what
opens for writing, renames, makes and removes below the work folder. Beside `work` are written `work.operations`,
`work.said` and `work.modules`.
"""

import contextlib
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
STEP = "kill_loop.step"  # Raised by what is killed, where it does what no audit event of Python shows.
KILLED = 137


def forked(
    work: Path,
    act: Callable[[Path], int],
    *,
    before: int | None = None,
    after: float | None = None,
    watch: Callable[[int], None] | None = None,
) -> tuple[int, int]:
    """Do something in a process of its own, killed before an operation or after some seconds.

    Parameters
    ----------
    watch : callable taking an int, optional
        Called before each operation, with its number.

    Returns
    -------
    tuple of int and int
        The exit code, 137 where it was killed, and how many file operations it made.
    """
    counted = work.with_name(f"{work.name}.operations")
    counted.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _in_child(work, act, before, counted, watch)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    number = int(counted.read_text(encoding="ascii")) if counted.exists() else 0
    return (KILLED if code < 0 else code), number


def _in_child(
    work: Path,
    act: Callable[[Path], int],
    before: int | None,
    counted: Path,
    watch: Callable[[int], None] | None,
) -> None:
    """Act, and end the process; never returns."""
    printed = os.open(work.with_name(f"{work.name}.said"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(printed, 1), os.dup2(printed, 2)
    number = 0

    def count(event: str, given: tuple[Any, ...]) -> None:
        nonlocal number
        if _changes_a_file(event, given, work):
            number += 1
            if number == before:
                os._exit(KILLED)
            if watch is not None:
                watch(number)

    sys.addaudithook(count)
    code = 1
    try:
        code = act(work)
    except BaseException as failure:
        os.write(2, f"{type(failure).__name__}: {failure}\n".encode("utf-8", "backslashreplace"))
    counted.write_text(str(number), encoding="ascii")
    work.with_name(f"{work.name}.modules").write_text("\n".join(sys.modules), encoding="utf-8")
    os._exit(code)


def import_what_it_did(work: Path) -> None:
    """Import what a child did, so that the next ones need not."""
    for name in work.with_name(f"{work.name}.modules").read_text(encoding="utf-8").split():
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _changes_a_file(event: str, given: tuple[Any, ...], work: Path) -> bool:
    if event == "open":
        path, _, flags = given
        if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return False
    elif event == STEP:
        return True
    elif event in CHANGES:
        path = given[0]
    else:
        return False
    return isinstance(path, str | bytes | os.PathLike) and str(work) in os.fsdecode(path)


def said(work: Path) -> str:
    """Give the last of what a child printed."""
    return work.with_name(f"{work.name}.said").read_text(encoding="utf-8", errors="replace").strip()[-400:]
