"""Threads that answer, which a process that is asked to stop need not wait for.

`concurrent.futures` joins its threads before the interpreter ends, however long what they do takes: a file that never
comes to its end while a bundle is loaded, an endpoint that does not answer. These are daemon threads.
"""

import math
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from metier.features.tokenization import take_tokenise_seconds
from metier.serving.metrics import Metrics
from metier.serving.request_ids import RequestNotes, current_notes

T = TypeVar("T")
NEW_SHARE = 0.05  # Of the latest time in the running mean.
LONGEST_RETRY_SECONDS = 60


@dataclass
class _Submission:
    future: "Future[Any]"
    do: Callable[[], Any]
    since: float
    notes: RequestNotes | None
    is_timed: bool


class AnswerThreads:
    """A few threads that do what is submitted, first come, first served.

    Parameters
    ----------
    n_threads : int
    metrics : Metrics or None
        Where waiting and answering is counted; None: nowhere.
    """

    def __init__(self, n_threads: int, metrics: Metrics | None = None):
        self.n_threads = n_threads
        self.metrics = metrics
        self._submitted: queue.SimpleQueue[_Submission | None] = queue.SimpleQueue()
        self._n_taken = 0
        self._n_busy = 0
        self._mean_seconds = 0.0
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

    @property
    def retry_after_seconds(self) -> int:
        """When those that wait now will have been done, as fast as the latest ones were: 1 to 60."""
        seconds = max(0, self._n_taken - self.n_threads) * self._mean_seconds / self.n_threads
        return min(max(1, math.ceil(seconds)), LONGEST_RETRY_SECONDS)

    def submit(self, do: Callable[[], T], *, is_timed: bool = True) -> "Future[T]":
        """Have something done once a thread is free; cancelling the future before then leaves it undone.

        Parameters
        ----------
        do : callable
        is_timed : bool
            Whether its time of waiting and of answering is noted here.
        """
        future: Future[T] = Future()
        self._count(1)
        future.add_done_callback(lambda _: self._count(-1))
        if self.metrics is not None:
            self.metrics.queue_depth.inc()
        self._submitted.put(_Submission(future, do, time.perf_counter(), current_notes(), is_timed))
        return future

    def note(
        self, notes: RequestNotes | None, since: float, begin: float, end: float, *, n_together: int = 1
    ) -> None:
        """Note that a request came, was taken and was answered at these seconds of `time.perf_counter`.

        Parameters
        ----------
        n_together : int
            How many were answered in that time.
        """
        self._mean_seconds += NEW_SHARE * ((end - begin) / n_together - self._mean_seconds)
        if notes is not None:
            notes.intervals += [("queue", since, begin), ("inference", begin, end)]
        if self.metrics is not None:
            self.metrics.count_waited(begin - since)
            self.metrics.count_inference(end - begin, tokenise_seconds=take_tokenise_seconds())

    def stop(self) -> None:
        """Let each thread end once it has done what was submitted; nobody waits for that."""
        for _ in self._threads:
            self._submitted.put(None)

    def _work(self) -> None:
        while (submitted := self._submitted.get()) is not None:
            if self.metrics is not None:
                self.metrics.queue_depth.dec()
            if submitted.future.set_running_or_notify_cancel():
                self._do(submitted)
            del submitted  # Else an answer would be held until the next question.

    def _do(self, submitted: _Submission) -> None:
        begin = time.perf_counter()
        self._count_busy(1)
        try:
            found = submitted.do()
        except BaseException as failure:
            self._note_end(submitted, begin)
            submitted.future.set_exception(failure)
        else:
            self._note_end(submitted, begin)
            submitted.future.set_result(found)

    def _note_end(self, submitted: _Submission, begin: float) -> None:
        end = time.perf_counter()
        self._count_busy(-1)
        if submitted.is_timed:
            self.note(submitted.notes, submitted.since, begin, end)

    def _count(self, more: int) -> None:
        with self._lock:
            self._n_taken += more

    def _count_busy(self, more: int) -> None:
        with self._lock:
            self._n_busy += more
            n_busy = self._n_busy
        if self.metrics is not None:
            self.metrics.threads_busy.inc(more)
            if n_busy == max(0, more):  # The first one, or the last one.
                self.metrics.workers_busy.set(n_busy)
