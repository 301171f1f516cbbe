"""Out-of-fold answers: training rows answered by models that did not see them, to choose on where rows are few.

The validation rows are one fold, and the training rows are dealt into four more (the validation rows are trained on
then). A method whose fit is quick makes its choices inside each fold, as it would without validation rows; one that is
fine-tuned keeps those it made, which is what a refit does too. Models of folds are thrown away: what ships was trained
on all training rows, of which these are the nearest likeness [1]_.

References
----------
.. [1] Varma and Simon, "Bias in error estimation when using cross-validation for model selection", 2006.
"""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import clone

from metier.bases.precision import trained_in
from metier.data.folding import Fold, folds_of
from metier.data.rows import Rows
from metier.data.splitting import groups_of, units_of
from metier.figures import count_of
from metier.progress import Listener, Progress, ignore
from metier.runs.run_folder import TRUTH, Entry, RunFolder, plain
from metier.runs.stored_answers import StoredAnswers, joined
from metier.storage import raise_if_refused
from metier.tasks.method_contract import GivesProbabilities, Method
from metier.tasks.task import Task

SPLIT = "out_of_fold"
# With as many validation rows, more would hardly change a choice.
ENOUGH_ROWS = 1_000
FOLDS = 4
# With a larger part of the rows in one group, the model of its fold learns from few rows.
MOST_TOGETHER_FRACTION = 0.5


@dataclass
class OutOfFold:
    """Answers to training rows that candidates give without having seen them.

    Parameters
    ----------
    run : RunFolder
        Where they are kept; what is there already is not answered again.
    task : Task
    train, validation : Rows
    precision : str
        That models are trained in.
    random_state : int
    listener : Listener
    failed : list of str
        Candidates that could not be trained on a fold.
    """

    run: RunFolder
    task: Task
    train: Rows
    validation: Rows
    precision: str
    random_state: int
    listener: Listener
    failed: list[str] = field(default_factory=list, init=False)

    @cached_property
    def folds(self) -> list[Fold]:
        """The folds of the training rows; none where the validation rows are enough."""
        if len(self.validation) >= ENOUGH_ROWS:
            return []
        return folds_of(self.train, FOLDS, random_state=self.random_state)

    @property
    def notes(self) -> list[str]:
        """Say where there should be answers and are none, and why: the choice then stands on fewer rows."""
        if len(self.validation) >= ENOUGH_ROWS:
            return []
        if not self.folds:
            why = "none is earlier than others" if self.train.roles.time is not None else self._held_together
            return [f"no training row can be answered out of fold: {why}"]
        why = f", as {self._held_together}" if self._largest > MOST_TOGETHER_FRACTION * len(self.train) else ""
        return [
            f"{name} has no out-of-fold answers: it could not be trained on a fold{why}" for name in self.failed
        ]

    @cached_property
    def _largest(self) -> int:
        """How many rows the largest group of rows that stay together has."""
        return int(np.bincount(units_of(self.train)[0].ids).max())

    @property
    def _held_together(self) -> str:
        """Say how many rows stay together, and by what."""
        column = self.train.roles.group
        together = "are near duplicates" if column is None else f"are of one group by the column {column!r}"
        return f"{self._largest:,} of {count_of(len(self.train), 'training row')} {together}"

    @cached_property
    def rows(self) -> Rows:
        """The rows that are answered, in the order of the answers."""
        return self.train.take(np.concatenate([fold.held for fold in self.folds]))

    def answer(
        self,
        entry: Entry,
        method: Method,
        *,
        settled: bool,
        left: Callable[[], float],
        seconds_per_answer: float = 0.0,
    ) -> None:
        """Let a candidate answer all folds, or none where they take longer than the time that is left.

        Parameters
        ----------
        method : Method
            Unfitted.
        settled : bool
            Whether it keeps the choices that it made.
        left : callable
            Gives the seconds that may be spent.
        seconds_per_answer : float
            That one row took, of many.
        """
        if self.folds and entry.fraction == 1 and not self.is_answered_by(entry.name):
            fits = len(self.folds) * (entry.train_seconds - entry.export_seconds)
            needed = fits + seconds_per_answer * sum(len(fold.held) for fold in self.folds)
            self._answer(entry, method, settled=settled, left=left, needed=needed)

    def is_answered_by(self, name: str) -> bool:
        """Whether a candidate has answered all folds."""
        return bool(self.folds) and self.run.has_answers(name, SPLIT)

    def _answer(
        self, entry: Entry, method: Method, *, settled: bool, left: Callable[[], float], needed: float
    ) -> None:
        """Train and answer fold by fold; keeps nothing of a candidate that fails or does not come to its end."""
        parts: list[StoredAnswers] = []
        start = time.monotonic()
        for number, fold in enumerate(self.folds):
            if needed > left():
                self.run.log(f"{entry.name}: no out-of-fold answers, they would take {needed:.0f} s more")
                return
            note = f"{entry.name}: out-of-fold answers"
            self.listener(Progress(note, number, len(self.folds), unit="folds"))
            try:
                parts.append(self._of_fold(fold, self._unfitted(method, entry, settled=settled)))
            except (
                Exception
            ) as error:  # A fold may lack what all rows have; the candidate itself is trained and stays.
                raise_if_refused(error, folder=self.run.path)
                self.run.log(f"{entry.name}: no out-of-fold answers:\n{traceback.format_exc()}")
                self.failed.append(entry.name)
                return
            needed = (time.monotonic() - start) / (number + 1) * (len(self.folds) - number - 1)
        if not self.run.has_answers(TRUTH, SPLIT):
            numbers = np.repeat(np.arange(len(self.folds)), [len(fold.held) for fold in self.folds])
            self.run.save_truth(self.task.targets(self.rows), groups_of(self.rows), SPLIT, folds=numbers)
        self.run.save_answers(entry.name, SPLIT, joined(parts))

    def _unfitted(self, method: Method, entry: Entry, *, settled: bool) -> Method:
        again: Method = clone(method)
        if settled:
            again.set_params(**entry.params)
        if "checkpoint_folder" in again.get_params(deep=False):
            again.set_params(checkpoint_folder=None)
        return again

    def _of_fold(self, fold: Fold, method: Method) -> StoredAnswers:
        items, targets = (
            self.task.items(self.train.take(fold.kept)),
            self.task.targets(self.train.take(fold.kept)),
        )
        if self.train.roles.time is None:  # Else they are later than what is answered.
            items = [*items, *self.task.items(self.validation)]
            targets = [*targets, *self.task.targets(self.validation)]
        with trained_in(self.precision):
            method.fit(items, targets, listener=ignore)
        return answers_of(method, self.task.items(self.train.take(fold.held)), self.task)


def answers_of(method: Any, items: Sequence[Any], task: Task) -> StoredAnswers:
    """Let a fitted method answer, and give that as the answers of predictors are kept."""
    gives = task.answer.has_probabilities and isinstance(method, GivesProbabilities)
    probabilities = _probabilities(method, items, task.labels) if gives else None
    if probabilities is not None and task.answer.is_one_label:
        return StoredAnswers([task.labels[best] for best in probabilities.argmax(axis=1)], probabilities, [])
    return StoredAnswers(plain(list(method.predict(items))), probabilities, [])


def _probabilities(method: Any, items: Sequence[Any], labels: Sequence[str]) -> np.ndarray:
    """Give probabilities in the order of the task's labels; a label that no row of the fold had has none."""
    place = {label: at for at, label in enumerate(labels)}
    probabilities = np.zeros((len(items), len(labels)))
    probabilities[:, [place[str(label)] for label in method.classes_]] = method.predict_proba(items)
    return probabilities
