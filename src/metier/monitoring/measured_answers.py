"""What a run has measured of the model that answers a watch: its confusions, and how often it is right how sure it is."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metier.errors import MetierError
from metier.monitoring.answering import version_at
from metier.runs.run_folder import RunFolder
from metier.selection.finished_run import Run


@dataclass(frozen=True)
class MeasuredAnswers:
    """Answers to rows with known labels.

    Parameters
    ----------
    version : str
        Of the bundle that answered.
    labels : tuple of str
    confusion : ndarray of int of shape (n_labels, n_labels)
        By the true label, then by the answer.
    confidence : ndarray of shape (n_rows,)
    correct : ndarray of bool of shape (n_rows,)
    """

    version: str
    labels: tuple[str, ...]
    confusion: np.ndarray
    confidence: np.ndarray
    correct: np.ndarray

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return float(self.correct.mean())


def measured_answers(path: Path) -> MeasuredAnswers | None:
    """Read what the run at a path has measured on its test rows, else on its validation rows.

    None where there is no such run, as for a bundle alone, or it answers otherwise than with one label.
    """
    try:
        run = Run.open(path)
        version = version_at(path)
        folder = RunFolder.open(run.folder)
        split = "test" if run.report["data"]["rows"].get("test") else "validation"
        known, truth = folder.answers(run.report["recommended"], split), folder.truth(split)
    except (MetierError, OSError, KeyError):
        return None
    if (
        truth is None
        or known.probabilities is None
        or not known.predicted
        or not isinstance(known.predicted[0], str)
    ):
        return None
    labels = tuple(run.report["data"]["labels"])
    place = {label: number for number, label in enumerate(labels)}
    right = [str(one) for one in truth[0]]
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for true, answered in zip(right, known.predicted, strict=True):
        if true in place and answered in place:
            confusion[place[true], place[answered]] += 1
    correct = np.array([one == two for one, two in zip(known.predicted, right, strict=True)])
    return MeasuredAnswers(version, labels, confusion, known.probabilities.max(axis=1), correct)
