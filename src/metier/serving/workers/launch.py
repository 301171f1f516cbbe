"""How a worker begins: as a copy of this process, or as a new one.

A copy (fork) shares the memory of everything that was imported, two thirds of what a worker needs, and is ready sooner.
It is safe as long as this process has a single thread: no session of the ONNX Runtime was opened here, and none may be,
because its threads would be missing in the copy. Where there are other threads, the worker is a new process.
"""

import gc
import os
import pkgutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI

from metier.errors import CallError
from metier.serving.messages import ErrorAnswer
from metier.serving.workers.task import WorkerTask
from metier.serving.workers.worker import METRICS_FOLDER, work

LATE_MODULES = ("uvloop", "uvicorn.loops.uvloop", "uvicorn.lifespan.on")


class Process(Protocol):
    """A process that was started here."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    def send_signal(self, sig: int, /) -> None:
        """Send a signal; does nothing once it has ended."""
        ...

    def wait(self) -> int:
        """Wait for its end; give its status, or the negative signal that ended it."""
        ...


@dataclass
class Copy:
    """A copy of this process.

    Parameters
    ----------
    pid : int
    status : int or None
        How it ended; None: nobody has waited for its end yet.
    """

    pid: int
    status: int | None = None

    def send_signal(self, sig: int, /) -> None:
        """Send a signal; does nothing once it has ended."""
        if self.status is None:
            os.kill(self.pid, sig)

    def wait(self) -> int:
        """Wait for its end; give its status, or the negative signal that ended it."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status


def launch(task: WorkerTask, *, folder: Path, others: Iterable[Connection]) -> tuple[Process, Connection]:
    """Start a worker; give its process and the pipe to it.

    Parameters
    ----------
    task : WorkerTask
    folder : Path
        Where the workers count.
    others : iterable of Connection
        The pipes to other workers, which are none of this one's business.
    """
    ours, theirs = Pipe()
    start = _copy if _is_single_threaded() else _anew
    process = start(task, theirs, folder, [ours, *others])
    theirs.close()
    return process, ours


def _is_single_threaded() -> bool:
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


def _copy(task: WorkerTask, theirs: Connection, folder: Path, others: Sequence[Connection]) -> Process:
    _import_the_rest()
    gc.collect()
    gc.freeze()  # The collector writes to what it looks at, which would undo the sharing.
    pid = os.fork()
    if pid:
        return Copy(pid)
    _run(lambda: _work_in_copy(task, theirs, folder, others))
    raise AssertionError("A copy ends by itself.")


def _import_the_rest() -> None:
    """Import what an app and its server would import when they begin, so that the copies share it."""
    FastAPI().add_api_route("/", _nothing, response_model=ErrorAnswer)
    for name in LATE_MODULES:
        pkgutil.resolve_name(name)


def _nothing() -> None:
    """Answer nothing."""


def _work_in_copy(task: WorkerTask, theirs: Connection, folder: Path, others: Sequence[Connection]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for other in others:
        other.close()  # Else nobody would notice that the supervisor is gone.
    os.environ[METRICS_FOLDER] = str(folder)
    work(task, theirs)


def _run(do: Callable[[], None]) -> None:
    """Do something and end the process without going on with what the original would do."""
    status = 1
    try:
        do()
        status = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _anew(task: WorkerTask, theirs: Connection, folder: Path, others: Sequence[Connection]) -> Process:
    process = subprocess.Popen(  # noqa: S603  # Our own program.
        [sys.executable, "-m", "metier.serving.workers.worker", str(theirs.fileno())],
        pass_fds=(theirs.fileno(), task.listening),
        env=os.environ | {METRICS_FOLDER: str(folder)},
    )
    try:
        others[0].send(task)
    except Exception as error:  # Whatever the loading function has in it.
        process.kill()
        process.wait()
        raise CallError(
            f"What loads the model cannot be sent to another process ({error}). "
            "Give a function of a module, or one worker."
        ) from None
    return process
