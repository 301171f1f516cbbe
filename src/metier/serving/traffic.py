"""Which requests are being answered, whether new ones are let in, and what became of each once the service stops."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

CALLER_GONE = 499  # As nginx calls it: there was nobody left to answer.
TICK_SECONDS = 0.02


@dataclass(frozen=True)
class Stopped:
    """What became of the requests of a service that was asked to stop.

    Parameters
    ----------
    n_finished : int
        Were being answered, and got their answers.
    n_refused : int
        Came later, or were not whole a moment later: 503.
    n_dropped : int
        Were being answered when the time to stop was over: 503, or an answer without its end.
    is_busy : bool
        Whether a thread still loads or answers, for nobody.
    """

    n_finished: int = 0
    n_refused: int = 0
    n_dropped: int = 0
    is_busy: bool = False


class Traffic:
    """The requests that are being answered."""

    def __init__(self) -> None:
        self.is_stopping = False
        self.n_finished = 0
        self.n_refused = 0
        self.n_dropped = 0
        self._running: set[asyncio.Task[None]] = set()
        self._dropped: set[asyncio.Task[None]] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the request of the current task among those that are being answered."""
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            yield
        finally:
            self._running.discard(task)
            self._dropped.discard(task)

    def is_dropped(self) -> bool:
        """Whether the request of the current task was dropped because the time to stop was over."""
        return asyncio.current_task() in self._dropped

    def note_end(self, status: int) -> None:
        """Count a question of the current task that ended with a status, if the service stops."""
        if not self.is_stopping or status == CALLER_GONE:
            return
        if self.is_dropped():
            self.n_dropped += 1
        elif status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.n_refused += 1
        else:
            self.n_finished += 1

    async def drain(self, seconds: float, *, is_forced: Callable[[], bool]) -> None:
        """Wait until all requests are answered; drop those that are not after so many seconds, or once forced."""
        self.is_stopping = True
        await self._wait(seconds, is_forced)
        for task in list(self._running):
            self._dropped.add(task)
            task.cancel()
        await self._wait(1, lambda: False)  # To send the refusals.

    async def _wait(self, seconds: float, is_forced: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._running and loop.time() < deadline and not is_forced():
            await asyncio.sleep(TICK_SECONDS)
