"""Sets of labels of several methods, averaged label by label, with thresholds of their own.

The mean is of log-odds, as in `average`: a member that is sure counts more than one that shrugs. Members count alike,
for a few hundred rows of sets tell good members from lucky ones even worse than single labels do. What the mean means
(a curve for each label) and from where a label is answered is fitted on rows that no member was trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import KFold

from metier.errors import DataError
from metier.fusion.composition import place_member, shared_labels
from metier.predictors.composite.label_average import KIND, log_odds
from metier.predictors.label_rule_fitting import fit_rule
from metier.predictors.label_sets import LabelRule
from metier.predictors.loading import write_settings
from metier.tasks.many_labels import parent_columns

N_FOLDS = 5
FEWEST_ROWS = 2 * N_FOLDS


@dataclass(frozen=True)
class LabelAverageFit:
    """How sets are made of members' probabilities.

    Parameters
    ----------
    rule : LabelRule
        Fitted on all the rows.
    unseen : ndarray of float64 of shape (n_rows, n_labels)
        Probabilities of the rows by rules that were fitted without them, so that the average can be compared with
        what it is made of.
    unseen_sets : list of list of str
        The sets that those rules answered.
    """

    rule: LabelRule
    unseen: np.ndarray
    unseen_sets: list[list[str]]


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
            f"Averaging sets of labels needs {FEWEST_ROWS} validation rows to fit thresholds on, found "
            f"{len(truth)}. Hold more rows out, or leave this candidate out."
        )
    margins, parents = log_odds(probabilities), parent_columns(tuple(labels))
    unseen, sets = np.zeros(margins.shape), [list[str]() for _ in truth]
    for known, away in KFold(N_FOLDS, shuffle=True, random_state=random_state).split(margins):
        rule = fit_rule(margins[known], truth[known], labels=labels, parents=parents)
        answers = rule.answer(margins[away], KIND)
        unseen[away] = answers.probabilities
        for row, answered in zip(away.tolist(), answers.predicted, strict=True):
            sets[row] = answered
    return LabelAverageFit(fit_rule(margins, truth, labels=labels, parents=parents), unseen, sets)


def export_label_average(
    fit: LabelAverageFit, member_folders: Sequence[Path], folder: Path, *, name: str
) -> None:
    """Put exported members together into a folder that `predictors.composite.label_average` answers from."""
    shared_labels(member_folders, order=fit.rule.labels)
    folder.mkdir(parents=True, exist_ok=True)
    members = [
        place_member(source, folder, f"members/{number}") for number, source in enumerate(member_folders)
    ]
    write_settings(folder, {"kind": KIND, "name": name, **fit.rule.settings(), "members": members})
