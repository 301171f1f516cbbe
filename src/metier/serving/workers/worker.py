"""A worker: a process that answers on the socket of its supervisor.

What it says goes through a pipe: that it is ready, why it could not be, and at the end what became of its requests.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import prometheus_client.values

from metier.serving.logs import show_logs
from metier.serving.one_process import serve_on
from metier.serving.traffic import Stopped
from metier.serving.workers.board import WorkerBoard
from metier.serving.workers.memory import return_unused_memory
from metier.serving.workers.task import Ended, Failed, Ready, WorkerTask

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # As prometheus-client calls it.


def main(descriptor: int) -> None:
    """Do the task that comes through a pipe."""
    channel = Connection(descriptor)
    work(channel.recv(), channel)


def work(task: WorkerTask, channel: Connection) -> None:
    """Answer until the end, and say through the pipe how it went."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # Until there is a server, nothing has to be finished.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    show_logs(task.settings.access_log)
    _count_on(task.number)
    try:
        stopped = _serve(task, channel)
    except Exception as failure:
        _say(channel, Failed.of(failure))
        return
    _say(channel, Ended(stopped))
    if stopped.is_busy:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _count_on(number: int) -> None:
    """Go on with the counts of the worker that was at this place before."""
    for left in Path(os.environ[METRICS_FOLDER]).glob(f"gauge_*_{number}.db"):
        left.unlink()  # What was in progress died with it.
    prometheus_client.values.ValueClass = prometheus_client.values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]


def _serve(task: WorkerTask, channel: Connection) -> Stopped:
    board = WorkerBoard(task.board)

    def when_ready(model: Any) -> None:
        return_unused_memory()
        board.write(task.number, "is_ready", 1)
        _say(channel, Ready(task.describe(model)))

    with socket.socket(fileno=task.listening) as listening:
        return serve_on(
            listening,
            task.load,
            task.settings,
            when_ready=when_ready,
            when_failed=lambda failure: _say(channel, Failed.of(failure)),
            when_begun=lambda stop: _stop_without(channel, stop),
            board=board,
            number=task.number,
        )


def _say(channel: Connection, said: Any) -> None:
    with contextlib.suppress(OSError):  # The supervisor is gone, and this worker follows.
        channel.send(said)


def _stop_without(channel: Connection, stop: Any) -> None:
    """Stop once the supervisor is gone, however it went: its end of the pipe is closed then."""

    def wait() -> None:
        with contextlib.suppress(OSError, EOFError):
            channel.recv()
        stop()

    threading.Thread(target=wait, name="metier-supervisor", daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
