"""The supervisor: starts workers on one port, one anew where one died, and stops or reloads them.

It keeps the port, loads no model and answers nothing itself.
"""

import logging
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from metier.serving.models import Served
from metier.serving.settings import ServingSettings
from metier.serving.traffic import Stopped
from metier.serving.workers.board import WorkerBoard
from metier.serving.workers.launch import Process, launch
from metier.serving.workers.memory import memory_of
from metier.serving.workers.shared_port import bound_alike
from metier.serving.workers.task import Ended, Failed, Ready, Started, WorkerTask

LOG = logging.getLogger("metier.serving")
TICK_SECONDS = 0.1
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.5, 30.0
# A worker that lived this long was well; the next failure waits the shortest again.
WELL_SECONDS = 60.0
RELOAD_SECONDS = 300.0
KILL_SECONDS = 5  # Beyond the time to stop.


@dataclass
class _Place:
    """One worker's place: the process that is there now, and how often one had to be started anew."""

    number: int
    process: Process | None = None
    channel: Connection | None = None
    since: float = 0.0
    n_failures: int = 0
    start_at: float = 0.0
    is_reloading: bool = False
    stopped: Stopped = field(default_factory=Stopped)


class Supervisor:
    """Several workers on one socket.

    Parameters
    ----------
    load, describe : callable
        See `WorkerTask`.
    listening : socket
        Bound to the port, and not listening.
    settings : ServingSettings
        The limits, and how many workers.
    when_started : callable
        Called once, when all workers are ready.
    """

    def __init__(
        self,
        load: Served,
        describe: Callable[[Any], Any],
        *,
        listening: socket.socket,
        settings: ServingSettings,
        when_started: Callable[[Started], None],
    ):
        self._load, self._describe = load, describe
        self._listening = listening
        self._settings = settings
        self._when_started = when_started
        self._places = [_Place(number) for number in range(settings.workers)]
        self._is_stopping = False
        self._signals: list[int] = []
        self._description: Any = None

    def run(self) -> Stopped:
        """Keep the workers going until SIGTERM or Ctrl-C; give what became of the requests of all of them.

        Raises
        ------
        CallError
            If how to load the model cannot be told to another process.
        Exception
            What the first worker to fail said, if one fails before all are ready.
        """
        with tempfile.TemporaryDirectory(prefix="metier-workers-") as folder, self._signalled():
            self._folder = Path(folder)
            self._board = WorkerBoard.create(self._folder / "board", len(self._places))
            try:
                self._keep()
            finally:
                self._stop()
        return _sum([place.stopped for place in self._places])

    def _keep(self) -> None:
        while not self._is_asked_to_stop():
            for place in self._places:
                if place.process is None and time.monotonic() >= place.start_at:
                    self._start(place)
            self._listen(TICK_SECONDS)
            if signal.SIGHUP in self._signals:
                self._signals.remove(signal.SIGHUP)
                self._reload()
            self._open_if_ready()

    def _is_asked_to_stop(self) -> bool:
        return signal.SIGTERM in self._signals or signal.SIGINT in self._signals

    @contextmanager
    def _signalled(self) -> Iterator[None]:
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {
            number: signal.signal(number, lambda found, _: self._signals.append(found)) for number in numbers
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self, place: _Place) -> None:
        self._board.write(place.number, "is_ready", 0)
        others = [other.channel for other in self._places if other.channel is not None]
        with bound_alike(self._listening) as listening:  # The worker's own from here on.
            task = WorkerTask(
                self._load, self._describe, self._settings, self._board.path, place.number, listening.fileno()
            )
            place.process, place.channel = launch(task, folder=self._folder, others=others)
        place.since = time.monotonic()
        self._board.write(place.number, "pid", place.process.pid)

    def _listen(self, seconds: float) -> None:
        """Hear what the workers say, for at most so long, and note which have died."""
        by_channel = {place.channel: place for place in self._places if place.channel is not None}
        if not by_channel:
            time.sleep(seconds)
        for channel in wait(list(by_channel), timeout=seconds):
            self._hear(by_channel[channel])  # type: ignore[index]

    def _hear(self, place: _Place) -> None:
        try:
            said = place.channel.recv()  # type: ignore[union-attr]
        except (EOFError, OSError):
            self._bury(place)
            return
        if isinstance(said, Ready):
            self._description = said.description
        elif isinstance(said, Failed):
            if not self._board.is_open:
                raise said.as_error()
            LOG.error("worker %d could not begin: %s", place.number, said.message)
        elif isinstance(said, Ended):
            place.stopped = _sum([place.stopped, said.stopped])

    def _bury(self, place: _Place) -> None:
        """Note that a worker has died, and when the next one begins."""
        assert place.process is not None
        assert place.channel is not None
        status = place.process.wait()
        place.channel.close()
        is_well = time.monotonic() - place.since > WELL_SECONDS
        place.process, place.channel = None, None
        self._board.write(place.number, "is_ready", 0)
        if self._is_stopping or (place.is_reloading and status == 0):
            return
        place.n_failures = 1 if is_well else place.n_failures + 1
        seconds = min(FIRST_BACKOFF_SECONDS * 2 ** (place.n_failures - 1), LONGEST_BACKOFF_SECONDS)
        place.start_at = time.monotonic() + seconds
        self._board.add(place.number, "n_restarts")
        LOG.error("worker %d ended by %s; another is started in %g s", place.number, _cause(status), seconds)

    def _open_if_ready(self) -> None:
        if self._board.is_open or not all(self._board.each("is_ready")):
            return
        self._board.open()
        found = [memory_of(pid) for pid in self._board.each("pid")]
        self._when_started(Started(self._description, [memory for memory in found if memory is not None]))

    def _reload(self) -> None:
        """Have each worker look for other models, one after the other, so that the others answer meanwhile.

        One that follows a registry does it beside its work. Any other one ends, and the next one loads what is there.
        """
        for place in self._places:
            if place.process is None or self._is_asked_to_stop():
                continue
            place.is_reloading = True
            before, first = self._board.read(place.number, "n_reloads"), place.process
            first.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + RELOAD_SECONDS
            while self._board.read(place.number, "n_reloads") == before and not self._is_replaced(place, first):
                if time.monotonic() > deadline or self._is_asked_to_stop():
                    LOG.error("worker %d did not load the model anew", place.number)
                    break
                self._listen(TICK_SECONDS)
                if place.process is None:
                    self._start(place)
            place.is_reloading = False

    def _is_replaced(self, place: _Place, first: Process) -> bool:
        return place.process not in (None, first) and bool(self._board.read(place.number, "is_ready"))

    def _stop(self) -> None:
        """Ask the workers to stop, and wait until they have; a second Ctrl-C or a late one ends them."""
        self._is_stopping = True
        running = [place.process for place in self._places if place.process is not None]
        _signal(running, signal.SIGTERM)
        deadline = time.monotonic() + self._settings.stop_timeout_seconds + KILL_SECONDS
        n_signals = len(self._signals)
        while any(place.process is not None for place in self._places) and time.monotonic() < deadline:
            self._listen(TICK_SECONDS)
            if len(self._signals) > n_signals:
                n_signals = len(self._signals)
                _signal(running, signal.SIGINT)
        _signal(running, signal.SIGKILL)
        for process in running:
            process.wait()


def _signal(processes: list[Process], number: signal.Signals) -> None:
    for process in processes:
        process.send_signal(number)


def _cause(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"


def _sum(stopped: list[Stopped]) -> Stopped:
    return Stopped(
        sum(one.n_finished for one in stopped),
        sum(one.n_refused for one in stopped),
        sum(one.n_dropped for one in stopped),
    )
