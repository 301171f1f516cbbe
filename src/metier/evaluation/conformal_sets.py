"""Sets of labels that hold the true one in a stated share of rows: split conformal prediction for labels.

Three scores, each with its own sets. LAC takes every label of a high enough probability: the smallest sets on average, of
which some may be empty [1]_. RAPS adds labels from the most probable down, and a fine for each beyond some: sets of even
size, none empty [2]_. Class-conditional LAC holds its promise for each label by itself, where it has rows enough [3]_.

Where probabilities are saturated, nearly 1 for what is answered, the sums of RAPS reach 1 at once, and its sets could grow
to all labels; ties are broken by a drawn number for each row, in fitting and in use, as the guarantee asks.

References
----------
.. [1] Sadinle, Lei and Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", 2019.
.. [2] Angelopoulos, Bates, Malik and Jordan, "Uncertainty sets for image classifiers using conformal prediction", 2021.
.. [3] Vovk, "Conditional validity of inductive conformal predictors", 2012.
"""

import math
from dataclasses import dataclass

import numpy as np

from metier.errors import DataError, UnknownNameError
from metier.evaluation.conformal_rows import rows_for_coverage

LAC, RAPS, BY_LABEL = "lac", "raps", "by_label"
KINDS = (LAC, RAPS, BY_LABEL)
FINE = 0.01  # For each label beyond the first ones.
# Where probabilities are saturated thousands of scores are equal but for rounding: a cut that is rounded below them would
# leave all of them out.
SAME = 1e-6
FREE = 5  # So many labels cost no fine.


@dataclass(frozen=True)
class LabelSets:
    """A rule that gives a set of labels for each row.

    Parameters
    ----------
    kind : {"lac", "raps", "by_label"}
    coverage : float
        Share of new rows whose true label is in the set, that is promised.
    cuts : ndarray of float64 of shape (n_labels,)
        A label is in the set where its score is at most this.
    """

    kind: str
    coverage: float
    cuts: np.ndarray

    def sets(self, probabilities: np.ndarray, *, random_state: int = 0) -> np.ndarray:
        """Give which labels are in the set of each row, a bool ndarray of shape (n_rows, n_labels)."""
        scores = _scores(self.kind, np.asarray(probabilities, dtype=np.float64), random_state)
        found: np.ndarray = scores <= self.cuts + SAME
        return found


def without_empty_sets(sets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Put the most probable label into every empty set; coverage can only rise, and the sets say less of doubt.

    An empty set of LAC says that the row is unlike those the rule was fitted on, or the model surer of wrong answers than
    it should be; who asks a person then may want to see it.
    """
    filled = sets.copy()
    empty = ~filled.any(axis=1)
    filled[empty, probabilities[empty].argmax(axis=1)] = True
    return filled


def fit_label_sets(
    probabilities: np.ndarray,
    truth: np.ndarray,
    *,
    kind: str = LAC,
    coverage: float = 0.9,
    random_state: int = 0,
) -> LabelSets:
    """Fit sets of labels on held-out rows.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
    truth : ndarray of int of shape (n_rows,)
        Rows that the model was not trained on.
    coverage : float
        Above 0 and below 1.

    Raises
    ------
    DataError
        If there are too few rows for that coverage.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind", kind, known=KINDS)
    own = held_out_scores(probabilities, truth, kind=kind, random_state=random_state)
    n_labels = np.asarray(probabilities).shape[1]
    return label_sets_of(own, truth, n_labels=n_labels, kind=kind, coverage=coverage)


def held_out_scores(
    probabilities: np.ndarray, truth: np.ndarray, *, kind: str = LAC, random_state: int = 0
) -> np.ndarray:
    """Give how little the true label suits each held-out row, an ndarray of shape (n_rows,): all that a cut is made of."""
    given, codes = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=np.int64)
    return np.asarray(_scores(kind, given, random_state)[np.arange(len(codes)), codes])


def label_sets_of(
    own: np.ndarray, truth: np.ndarray, *, n_labels: int, kind: str = LAC, coverage: float = 0.9
) -> LabelSets:
    """Make the rule of a coverage of what `held_out_scores` gave; raises as `fit_label_sets` does."""
    if not 0 < coverage < 1:
        raise DataError(
            f"Sets of labels need a coverage above 0 and below 1, found {coverage:g}. Give one such as 0.9."
        )
    needed = rows_for_coverage(coverage)
    if len(truth) < needed:
        raise DataError(
            f"Sets with {100 * coverage:g} % coverage need at least {needed} held-out rows, but there are {len(truth)}. "
            "Hold out more rows, or lower the coverage."
        )
    cuts = np.full(n_labels, _cut(own, coverage))
    if kind == BY_LABEL:
        for label in range(n_labels):
            mine = own[truth == label]
            # A label with too few rows has no cut that would hold: all its scores are in.
            cuts[label] = _cut(mine, coverage) if len(mine) >= needed else np.inf
    return LabelSets(kind, coverage, cuts)


def _cut(scores: np.ndarray, coverage: float) -> float:
    rank = math.ceil((len(scores) + 1) * coverage - 1e-9)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else np.inf


def _scores(kind: str, probabilities: np.ndarray, random_state: int) -> np.ndarray:
    """Give how little each label suits each row: the lower, the sooner it is in the set."""
    if kind != RAPS:
        return 1.0 - probabilities
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1)
    drawn = np.random.default_rng(random_state).random((len(probabilities), 1))
    above = np.cumsum(ranked, axis=1) - ranked
    place = np.arange(1, probabilities.shape[1] + 1)
    sums = above + drawn * ranked + FINE * np.maximum(0, place - FREE)
    sums[:, 0] = np.minimum(sums[:, 0], 0.0)  # The most probable label is always in: no set is empty.
    scores = np.empty_like(sums)
    np.put_along_axis(scores, order, sums, axis=1)
    return scores
