"""The answers of exported candidates to the rows of a split: each is asked once, also where ensembles are made of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from metier.fusion.composition import fingerprint
from metier.predictors.composite.members import Composite
from metier.predictors.loading import load_predictor
from metier.runs.run_folder import RunFolder
from metier.runs.stored_answers import StoredAnswers, keep
from metier.tasks.answer_batches import AnswerBatch


@dataclass
class Answering:
    """Lets the predictors in a run's folder answer.

    Parameters
    ----------
    run : RunFolder
    labels : tuple of str
        Of the task.
    threads : int
    has_ensembles : bool
        Whether ensembles are made: they take the answers that their members gave.
    seconds : dict of str to float
        For one row, of many that a candidate answered with all threads, by name.
    """

    run: RunFolder
    labels: tuple[str, ...]
    threads: int
    has_ensembles: bool
    seconds: dict[str, float] = field(default_factory=dict)
    _known: dict[str, dict[str, AnswerBatch]] = field(default_factory=dict, repr=False)

    def keep(self, name: str, items: Sequence[Any], split: str) -> StoredAnswers:
        """Let a candidate answer the rows of a split, and keep that in the run."""
        start = time.perf_counter()
        answers = keep(self.ask(name, items, split), self.labels)
        self.seconds[name] = (time.perf_counter() - start) / max(1, len(items))
        self.run.save_answers(name, split, answers)
        return answers

    def ask(self, name: str, items: Sequence[Any], split: str) -> AnswerBatch:
        """Let a candidate answer the rows of a split."""
        folder = self.run.candidate(name)
        predictor = load_predictor(folder, threads=self.threads)
        if not self.has_ensembles:
            return predictor.predict(items)
        known = self._known.setdefault(split, {})
        # By its files: after a refit a member is another, and is asked again.
        given = {"known": known} if isinstance(predictor, Composite) else {}
        known[fingerprint(folder)] = answers = predictor.predict(items, **given)
        return answers
