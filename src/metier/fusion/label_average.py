"""The average of several multi-label methods, label by label, with thresholds of its own.

The mean is of log-odds, as in `average`: a member that is sure counts more than one that shrugs. Members count alike,
for a few hundred rows of sets tell good members from lucky ones even worse than single labels do. What the mean means
(a curve for each label) and from where a label is answered is fitted on rows that no member was trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold

from metier.errors import DataError
from metier.predictors.composite.average import SETS, FittedAverage, log_odds, weighted_sum
from metier.tasks.answers import LABEL_SET
from metier.tasks.examples import Examples

N_FOLDS = 5
FEWEST_ROWS = 2 * N_FOLDS


@dataclass(frozen=True)
class LabelAverageFit:
    """How sets are made of members' probabilities.

    Parameters
    ----------
    fitted : FittedAverage
        On all the rows.
    held_out : ndarray of float64 of shape (n_rows, n_labels)
        Probabilities of the rows by thresholds that were fitted without them, so that the average can be compared with
        what it is made of.
    held_out_sets : list of list of str
        The sets that those answered.
    """

    fitted: FittedAverage
    held_out: np.ndarray
    held_out_sets: list[list[str]]


def fit_label_average(
    probabilities: Sequence[np.ndarray], truth: np.ndarray, *, labels: Sequence[str], random_state: int = 0
) -> LabelAverageFit:
    """Fit curves and thresholds on rows that no member was trained on.

    Parameters
    ----------
    probabilities : sequence of ndarray of shape (n_rows, n_labels)
        One array a member.
    truth : ndarray of bool of shape (n_rows, n_labels)

    Raises
    ------
    DataError
        If there are fewer than ten rows.
    """
    if len(truth) < FEWEST_ROWS:
        raise DataError(
            f"An average of label sets needs {FEWEST_ROWS} validation rows to fit thresholds on, found "
            f"{len(truth)}. Hold out more rows, or leave this candidate out."
        )
    n_members = len(probabilities)
    logits = weighted_sum([1 / n_members] * n_members, log_odds(np.array(probabilities)))
    rows = Examples(range(len(truth)), truth, np.array(labels))
    held_out, sets = np.zeros(logits.shape), [list[str]() for _ in truth]
    for known, held in KFold(N_FOLDS, shuffle=True, random_state=random_state).split(logits):
        answers = LABEL_SET.fit_decoder(logits[known], rows.take(known)).answer(logits[held], SETS)
        held_out[held] = answers.probabilities
        for row, answered in zip(held.tolist(), answers.predicted, strict=True):
            sets[row] = answered
    fitted = FittedAverage(SETS, [{}] * n_members, LABEL_SET.fit_decoder(logits, rows))
    return LabelAverageFit(fitted, held_out, sets)
