"""Dynamic batching: one-row questions that wait at the same time are answered together, where that was measured to help.

A question goes to the threads as it would without batching. Whichever thread is free takes it with all others that wait
by then, so no question waits for company: where nobody waits, a batch has one row, and nothing is slower. Whether a batch
is cheaper for each row, and whether its answers are those of single rows, differs from bundle to bundle: a model whose
activations are quantized by the range of a whole batch answers each row a little differently. Both are measured once, on
rows of different lengths, before the service is ready.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from metier.serving.answer_threads import AnswerThreads
from metier.serving.request_ids import RequestNotes, current_notes
from metier.serving.request_reading import count_characters
from metier.tasks.answer_batches import AnswerBatch

SIZES = (8, 32)
LEAST_GAIN = 0.1  # Of the time of a row.
REPEATS = 3
BUDGET_SECONDS = 0.25  # What measuring may delay readiness by, roughly.
MOST_CHARACTERS = 20_000  # In all rows of a batch: a long text is one of its own.
CLOSE = 1e-6  # Digits of a probability that a caller sees.

Predict = Callable[[Sequence[Any]], AnswerBatch]


@dataclass(frozen=True)
class BatchGain:
    """What batches were measured to bring.

    Parameters
    ----------
    milliseconds : dict of int to float
        Time of a row by the number of rows in a batch.
    is_equal : bool
        Whether rows in a batch have the answers of single rows.
    """

    milliseconds: dict[int, float]
    is_equal: bool

    @property
    def most_rows(self) -> int:
        """The size of a batch from which on nothing is won; 1: batches do not help, or change answers."""
        one, best = self.milliseconds[1], min(self.milliseconds, key=self.milliseconds.__getitem__)
        is_won = self.is_equal and self.milliseconds[best] <= (1 - LEAST_GAIN) * one
        return best if is_won else 1


@dataclass(frozen=True)
class OneAnswered:
    """The answer to one row.

    Parameters
    ----------
    answer : AnswerBatch
        Of one row.
    seconds : float
        What the model took for its batch.
    n_rows : int
        Rows in that batch.
    """

    answer: AnswerBatch
    seconds: float
    n_rows: int


def measure_batches(predict: Predict, rows: Sequence[Any]) -> BatchGain:
    """Time a model on batches of different sizes, and compare the answers.

    Parameters
    ----------
    predict : callable
    rows : sequence
        Some of different lengths; taken again from the start where a batch has more.
    """
    begun = time.perf_counter()
    singles, one_by_one = list[AnswerBatch](), list[float]()
    for row in rows[: SIZES[0]]:
        since = time.perf_counter()
        singles.append(predict([row]))
        seconds = time.perf_counter() - since
        if seconds > BUDGET_SECONDS / SIZES[0]:  # Too slow to be asked again for this.
            one_by_one.append(1000 * seconds)
            break
        one_by_one.append(_per_row(predict, [[row]] * 2, 1))
    milliseconds = {1: sum(one_by_one) / len(one_by_one)}  # Of a cascade, rows cost differently.
    is_equal = True
    for size in SIZES:
        if time.perf_counter() - begun + size * milliseconds[1] / 1000 > BUDGET_SECONDS:
            break
        batch = [rows[place % len(singles)] for place in range(size)]
        is_equal = is_equal and _are_equal(predict(batch), singles)
        milliseconds[size] = _per_row(predict, [batch] * REPEATS, size)
    return BatchGain(milliseconds, is_equal)


def _per_row(predict: Predict, batches: Sequence[Sequence[Any]], size: int) -> float:
    taken = []
    for batch in batches:
        since = time.perf_counter()
        predict(batch)
        taken.append(time.perf_counter() - since)
    return 1000 * min(taken) / size


def _are_equal(batch: AnswerBatch, singles: Sequence[AnswerBatch]) -> bool:
    return all(
        _is_close(batch.record(row), single.record(0)) for row, single in enumerate(singles[: len(batch)])
    )


def _is_close(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= CLOSE
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_is_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_close, one, other))
    return bool(one == other)


@dataclass
class _Waiting:
    future: "Future[OneAnswered]"
    row: Any
    since: float
    notes: RequestNotes | None


class Batcher:
    """Answers one-row questions of one model, those together that wait.

    Parameters
    ----------
    predict : callable
        Answers rows; called in one of the threads.
    threads : AnswerThreads
    most_rows : int
        In a batch.
    """

    def __init__(self, predict: Predict, threads: AnswerThreads, *, most_rows: int):
        self.most_rows = most_rows
        self._predict = predict
        self._threads = threads
        self._waiting: deque[_Waiting] = deque()

    async def answer(self, row: Any) -> OneAnswered:
        """Answer a row; cancelled before a thread takes it, it is left unanswered."""
        future: Future[OneAnswered] = Future()
        self._waiting.append(_Waiting(future, row, time.perf_counter(), current_notes()))
        self._threads.submit(self._answer_waiting, is_timed=False)
        return await asyncio.wrap_future(future)

    def _answer_waiting(self) -> None:
        """Answer those that wait, as many as one batch takes; whoever they came with finds nothing left to do."""
        taken = self._take()
        if not taken:
            return
        try:
            begin = time.perf_counter()
            answers = self._predict([one.row for one in taken])
            end = time.perf_counter()
        except BaseException as failure:
            self._answer_each(taken, failure)
            return
        for place, one in enumerate(taken):
            self._threads.note(one.notes, one.since, begin, end, n_together=len(taken))
            answer = answers if len(taken) == 1 else answers.rows([place])
            one.future.set_result(OneAnswered(answer, end - begin, len(taken)))

    def _take(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        characters = 0
        while len(taken) < self.most_rows:
            try:
                one = self._waiting.popleft()
            except IndexError:
                break
            characters += count_characters(one.row)
            if taken and characters > MOST_CHARACTERS:
                self._waiting.appendleft(one)
                break
            if one.future.set_running_or_notify_cancel():
                taken.append(one)
        return taken

    def _answer_each(self, taken: Sequence[_Waiting], failure: BaseException) -> None:
        """Answer each row by itself: what one row breaks must not break the others."""
        if len(taken) == 1:
            taken[0].future.set_exception(failure)
            return
        for one in taken:
            begin = time.perf_counter()
            try:
                answer = self._predict([one.row])
            except BaseException as own:
                one.future.set_exception(own)
            else:
                end = time.perf_counter()
                self._threads.note(one.notes, one.since, begin, end)
                one.future.set_result(OneAnswered(answer, end - begin, 1))
