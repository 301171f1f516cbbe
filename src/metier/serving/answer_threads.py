"""Threads that answer, which a process that is asked to stop need not wait for.

`concurrent.futures` joins its threads before the interpreter ends, however long what they do takes: a file that never
comes to its end while a bundle is loaded, an endpoint that does not answer. These are daemon threads.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class AnswerThreads:
    """A few threads that do what is submitted, first come, first served.

    Parameters
    ----------
    n_threads : int
    """

    def __init__(self, n_threads: int):
        self._submitted: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._n_taken = 0
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, name=f"metier-answer-{number}", daemon=True)
            for number in range(n_threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def n_taken(self) -> int:
        """How many submissions are being done or wait."""
        return self._n_taken

    def submit(self, do: Callable[[], T]) -> "Future[T]":
        """Have something done once a thread is free; cancelling the future before then leaves it undone."""
        future: Future[T] = Future()
        self._count(1)
        future.add_done_callback(lambda _: self._count(-1))
        self._submitted.put((future, do))
        return future

    def stop(self) -> None:
        """Let each thread end once it has done what was submitted; nobody waits for that."""
        for _ in self._threads:
            self._submitted.put(None)

    def _work(self) -> None:
        while (submitted := self._submitted.get()) is not None:
            future, do = submitted
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(do())
                except BaseException as failure:
                    future.set_exception(failure)
            del future, do, submitted  # Else an answer would be held until the next question.

    def _count(self, more: int) -> None:
        with self._lock:
            self._n_taken += more
