"""What a run has measured of its recommended model: answers to labelled rows, that a watch holds new answers against."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from metier.bundles import read_manifest, resolve_bundle
from metier.bundles.updated_answers import read_updated_answers
from metier.errors import MetierError
from metier.monitoring.signals.confused_counts import Confusion, confusion_of
from metier.runs.run_folder import RunFolder
from metier.selection.finished_run import Run


@dataclass(frozen=True)
class RunAnswers:
    """Answers of one label each.

    Parameters
    ----------
    labels : tuple of str
        In the order of the columns.
    probabilities : ndarray of shape (n_rows, n_labels)
    truth : tuple of str
        The labels that the rows have.
    learned : ndarray of uint64, optional
        Keys of the texts that were learned, as far as the bundle knows them.
    """

    labels: tuple[str, ...]
    probabilities: np.ndarray
    truth: tuple[str, ...]
    learned: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))

    @property
    def correct(self) -> np.ndarray:
        """Whether each answer is right."""
        answered = [self.labels[place] for place in self.probabilities.argmax(axis=1)]
        return np.array([one == two for one, two in zip(answered, self.truth, strict=True)])

    @property
    def confusion(self) -> Confusion:
        """What is taken for what."""
        places = {label: place for place, label in enumerate(self.labels)}
        known = np.array([one in places for one in self.truth])
        truth = np.array([places[one] for one in self.truth if one in places], dtype=np.int64)
        return confusion_of(truth, self.probabilities.argmax(axis=1)[known], self.labels)


def run_answers(path: Path) -> RunAnswers | None:
    """Give the answers to test rows, of a run without these to validation rows; an updated bundle carries its own.

    None: it is neither, or answers otherwise than with one label.
    """
    try:
        finished = Run.open(path)
    except MetierError:
        return _updated_answers(path)
    folder, report = RunFolder.open(finished.folder), finished.report
    split = "test" if report["data"]["rows"].get("test") else "validation"
    truth = folder.truth(split)
    if truth is None or not folder.has_answers(report["recommended"], split):
        return None
    known = folder.answers(report["recommended"], split)
    if known.probabilities is None or not all(isinstance(one, str) for one in known.predicted):
        return None
    return RunAnswers(tuple(report["data"]["labels"]), known.probabilities, tuple(map(str, truth[0])))


def _updated_answers(path: Path) -> RunAnswers | None:
    try:
        bundle = resolve_bundle(path)
        known = read_updated_answers(bundle)
        labels = read_manifest(bundle).task.labels
    except MetierError:
        return None
    if known is None:
        return None
    truth = tuple(labels[one] for one in known.truth)
    return RunAnswers(labels, known.probabilities, truth, known.learned)
