"""What writes predictions: one thread, in batches, so that no answer waits for a disk.

Answers wait in memory until they are stored. Where that fails, because the disk is full or another process holds the
database, they are kept and stored later; only once too many wait are further ones left out, and counted. So a process that
is killed loses what it answered within the last `FLUSH_SECONDS`, or what has been waiting since the store failed.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from metier.errors import MetierError
from metier.serving.prediction_log.kept_texts import TextPolicy, kept_answer, kept_question
from metier.serving.prediction_log.records import Prediction
from metier.serving.prediction_log.store import Store
from metier.serving.request_reading import count_characters

LOG = logging.getLogger("metier.serving")
FLUSH_SECONDS = 0.2
BATCH_ROWS = 500
MOST_WAITING, MOST_CHARACTERS = 20_000, 20_000_000
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
PRUNE_SECONDS = 3_600.0
STOP_SECONDS = 5.0  # For what still waits when the service stops.


@dataclass(frozen=True)
class Waiting:
    """An answer that is not stored yet: `prediction` lacks its question and answer until they are masked."""

    prediction: Prediction
    item: Any
    characters: int


class PredictionWriter:
    """Stores predictions in the background.

    Parameters
    ----------
    open_log : callable
        Opens the store; called in the thread, again where it failed.
    texts : TextPolicy
        What of the texts is kept.
    days : int or None
        How long predictions are kept; None: for ever.
    count : callable taking a str and an int
        Told how many were `written` and how many `dropped`.
    """

    def __init__(
        self,
        open_log: Callable[[], Store],
        *,
        texts: TextPolicy = "masked",
        days: int | None = None,
        count: Callable[[str, int], None] = lambda outcome, n: None,
    ):
        self._open_log, self._texts, self._days, self._count = open_log, texts, days, count
        self._waiting: deque[Waiting] = deque()
        self._n_waiting = self._characters = 0
        self._changed = threading.Condition()
        self._is_stopping = self._has_failed = False
        self._log: Store | None = None
        self._thread = threading.Thread(target=self._work, name="metier-predictions", daemon=True)

    @property
    def n_waiting(self) -> int:
        """How many predictions are not stored yet."""
        return self._n_waiting

    def start(self) -> None:
        """Begin to store what is added; in the process that answers, as threads do not survive a fork."""
        self._thread.start()

    def add(self, predictions: Sequence[Prediction], items: Sequence[Any]) -> None:
        """Have predictions stored with what was asked; where too many wait, they are counted and left out."""
        added = [
            Waiting(one, item, count_characters(item)) for one, item in zip(predictions, items, strict=True)
        ]
        characters = sum(one.characters for one in added)
        with self._changed:
            has_room = self._n_waiting + len(added) <= MOST_WAITING
            if has_room and self._characters + characters <= MOST_CHARACTERS and not self._is_stopping:
                self._waiting.extend(added)
                self._n_waiting += len(added)
                self._characters += characters
                self._changed.notify_all()
                return
        self._count("dropped", len(added))

    def flush(self, seconds: float) -> bool:
        """Wait until all that was added before is stored; gives whether it is."""
        deadline = time.monotonic() + seconds
        with self._changed:
            return self._changed.wait_for(lambda: not self._n_waiting, deadline - time.monotonic())

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Store what waits, for so long at most, and end."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        self._thread.join(seconds)
        if self._n_waiting:
            LOG.error("%d predictions were not stored before the service stopped.", self._n_waiting)

    def _work(self) -> None:
        pruned = -math.inf
        while True:
            batch = self._next_batch()
            if not batch and self._is_stopping:
                break
            if batch:
                self._store([self._kept(one) for one in batch], characters=sum(one.characters for one in batch))
            if self._days is not None and time.monotonic() - pruned >= PRUNE_SECONDS:
                pruned = time.monotonic()
                self._prune(self._days)
        if self._log is not None:
            self._log.close()

    def _next_batch(self) -> list[Waiting]:
        """Give what was added, a moment later, so that what comes together is stored together."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_stopping, PRUNE_SECONDS)
            self._changed.wait_for(lambda: self._is_stopping or len(self._waiting) >= BATCH_ROWS, FLUSH_SECONDS)
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_ROWS))]

    def _kept(self, one: Waiting) -> Prediction:
        try:
            is_shadow = one.prediction.of is not None  # The question stands with the answer that was given.
            question = None if is_shadow else kept_question(one.item, self._texts)
            answer = kept_answer(one.prediction.answer, self._texts)
        except Exception as failure:
            # The message could quote a text.
            LOG.error("A text could not be masked and is not kept: %s.", type(failure).__name__)
            question, answer = None, kept_answer(one.prediction.answer, "none")
        return replace(one.prediction, question=question, answer=answer)

    def _store(self, predictions: list[Prediction], *, characters: int) -> None:
        """Store a batch, however often that has to be tried."""
        pause = FIRST_PAUSE_SECONDS
        while not self._has_stored(predictions):
            if self._wait_for_stop(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._count("written", len(predictions))
        with self._changed:
            self._n_waiting -= len(predictions)
            self._characters -= characters
            self._changed.notify_all()

    def _has_stored(self, predictions: list[Prediction]) -> bool:
        try:
            self._opened().write(predictions, may_be_there=self._has_failed)
        except (MetierError, OSError) as failure:
            self._say_failed(failure)
            return False
        if self._has_failed:
            LOG.warning("Predictions are stored again.")
            self._has_failed = False
        return True

    def _say_failed(self, failure: Exception) -> None:
        if not self._has_failed:
            LOG.error("Predictions cannot be stored; they wait in memory, and it is tried again. %s", failure)
        self._has_failed = True

    def _prune(self, days: int) -> None:
        try:
            self._opened().remove_before(datetime.now(UTC) - timedelta(days=days))
        except (MetierError, OSError) as failure:
            LOG.error("Old predictions cannot be removed; it is tried again in an hour. %s", failure)

    def _opened(self) -> Store:
        if self._log is None:
            self._log = self._open_log()
        return self._log

    def _wait_for_stop(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._is_stopping, seconds)
