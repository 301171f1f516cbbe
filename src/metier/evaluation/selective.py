"""Answering only where a model is sure: how much is answered at a wanted accuracy, with a guarantee, and the whole curve.

A threshold that looks right on the rows it was chosen by is too good on others. Here twenty thresholds are tried, evenly
spaced in how much they answer, each by an exact binomial test of "not as accurate as wanted" at a twentieth of the error
(Bonferroni): with the stated probability the accuracy above the one that is taken is as wanted [1]_. Trying them from the
surest rows down until one fails needs no correction, but ends with the first wrong answer among few.

References
----------
.. [1] Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then test: calibrating predictive algorithms to achieve risk
   control", 2021, arXiv:2110.01052.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from metier.errors import DataError
from metier.evaluation.row_statistics import check_rows

TRIED = 20  # Thresholds.
TRIED_OF_LABEL = 5  # One label has few rows; each further threshold would need more of them.


@dataclass(frozen=True)
class Abstention:
    """A threshold of confidence.

    Parameters
    ----------
    threshold : float
        Rows of at least this confidence are answered.
    answered : int
        Of the rows it was chosen by.
    rows : int
    accuracy : float
        Of those that are answered.
    target, level : float
        With probability `level` the accuracy of what is answered is `target` or more, of rows like these.
    """

    threshold: float
    answered: int
    rows: int
    accuracy: float
    target: float
    level: float

    @property
    def share(self) -> float:
        """Of the rows that is answered, 0 to 1."""
        return self.answered / self.rows


def choose_threshold(
    confidence: Sequence[float],
    correct: Sequence[bool],
    *,
    target: float,
    level: float = 0.95,
    tried: int = TRIED,
) -> Abstention | None:
    """Choose the lowest threshold whose answers are as accurate as wanted, with a guarantee.

    Parameters
    ----------
    confidence : sequence of float
        Of each answer.
    correct : sequence of bool
        Whether it is right.
    target : float
        Wanted accuracy, above 0 and below 1.
    tried : int, default=20
        Thresholds to try.

    Returns
    -------
    Abstention or None
        None where no threshold is shown to suffice: the surest answers are not accurate enough, or too few.

    Raises
    ------
    DataError
        If so few rows could not show it even if all were right.
    """
    rows = check_rows(confidence, correct)
    if not 0 < target < 1:
        raise ValueError(f"Expected a target above 0 and below 1, found {target}.")
    needed = rows_for_target(target, level=level, tried=tried)
    if rows < needed:
        raise DataError(
            f"An accuracy of {100 * target:g} % is shown by {needed:,} rows at least, all of them right, and there are "
            f"{rows:,}. Give more rows, or ask for less."
        )
    sure = np.asarray(confidence, dtype=np.float64)
    order = np.argsort(-sure, kind="stable")
    right = np.cumsum(np.asarray(correct, dtype=bool)[order])
    ends = (
        np.flatnonzero(np.append(np.diff(sure[order]) != 0, True)) + 1
    )  # Equal confidences are answered together.
    wanted = np.linspace(0, rows, tried + 1)[1:]
    ends = np.unique(ends[np.minimum(np.searchsorted(ends, wanted), len(ends) - 1)])
    for answered in map(int, ends[::-1]):
        hits = int(right[answered - 1])
        if binom.sf(hits - 1, answered, target) <= (1 - level) / tried:
            return Abstention(float(sure[order[answered - 1]]), answered, rows, hits / answered, target, level)
    return None


def label_thresholds(
    confidence: Sequence[float],
    answered: Sequence[str],
    correct: Sequence[bool],
    *,
    target: float,
    level: float = 0.95,
) -> dict[str, Abstention | None]:
    """Choose a threshold for each label that is answered often enough to show the accuracy of its answers.

    Parameters
    ----------
    confidence : sequence of float
        Of each answer.
    answered : sequence of str
        The label of each answer.
    correct : sequence of bool
    target : float
        Wanted accuracy of the answers of each label, above 0 and below 1.
    level : float, default=0.95
        Confidence of each label by itself.

    Returns
    -------
    dict of str to Abstention or None
        None where no threshold is shown to suffice. A label with fewer rows than could show it is not named.
    """
    sure, labels, right = np.asarray(confidence), np.asarray(answered), np.asarray(correct, dtype=bool)
    needed = rows_for_target(target, level=level, tried=TRIED_OF_LABEL)
    names, counts = np.unique(labels, return_counts=True)
    often = [str(name) for name, count in zip(names, counts, strict=True) if count >= needed]
    chosen = ((name, labels == name) for name in often)
    return {
        name: choose_threshold(sure[mine], right[mine], target=target, level=level, tried=TRIED_OF_LABEL)
        for name, mine in chosen
    }


def rows_for_target(target: float, *, level: float = 0.95, tried: int = TRIED) -> int:
    """Give the fewest rows that can show an accuracy: all of them right."""
    return int(np.ceil(np.log((1 - level) / tried) / np.log(target)))


def area_under_risk_coverage(confidence: Sequence[float], correct: Sequence[bool]) -> float:
    """Give the area under the curve of risk and coverage [1]_ (AURC), 0 to 1: mean error rate over all shares answered.

    0 is perfect; an order without sense gives the error rate.

    References
    ----------
    .. [1] Geifman, Uziel and El-Yaniv, "Bias-reduced uncertainty estimation for deep neural classifiers", 2019.
    """
    rows = check_rows(confidence, correct)
    sure = np.asarray(confidence, dtype=np.float64)
    wrong = ~np.asarray(correct, dtype=bool)
    # Rows of equal confidence come in any order: each has the mean of all of them.
    values, codes = np.unique(-sure, return_inverse=True)
    shared = (np.bincount(codes, wrong) / np.bincount(codes))[codes][np.argsort(-sure, kind="stable")]
    assert len(values) <= rows
    return float((np.cumsum(shared) / np.arange(1, rows + 1)).mean())
