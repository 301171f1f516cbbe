"""Counts of labels where the model takes some for others: corrected, and what the errors of others add to each.

If `confusion[i, j]` is the share of texts of label i that are answered with j, counts of answers are on average
`true @ confusion`. The true counts that make the answers most likely, and are none below 0, come by steps of expectation
and maximisation [1]_; it is the correction of label shift by the confusion matrix [2]_ for counts.

A surge of one label brings wrong answers of others with it. `spilled` says how many, so that they are expected and are no
surge themselves: the detector goes on seeing whole counts, and what is added is only as uncertain as the matrix.

It holds if texts of a label are mistaken as often as in the rows that the matrix is from.

References
----------
.. [1] Richardson, "Bayesian-based iterative method of image restoration", 1972; Vardi and Lee, "From image deblurring to
   optimal investments", 1993.
.. [2] Lipton, Wang and Smola, "Detecting and correcting for label shift with black box predictors", 2018 (BBSE).
"""

from dataclasses import dataclass

import numpy as np

STEPS = 60
DRAWS = 200
LEAST = 1e-12


@dataclass(frozen=True)
class Confusion:
    """What a model takes for what.

    Parameters
    ----------
    labels : tuple of str
    shares : ndarray of shape (n_labels, n_labels)
        Of the texts of a label (row), those answered with each (column); rows sum to 1.
    rows : ndarray of shape (n_labels,)
        Labelled texts that each row is from.
    """

    labels: tuple[str, ...]
    shares: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class CorrectedCounts:
    """Counts of labels as they are likely to be, with their 95 % interval; each of shape (n_labels,)."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def confusion_of(truth: np.ndarray, answered: np.ndarray, labels: tuple[str, ...]) -> Confusion:
    """Measure what is taken for what, one text of each label more that is answered rightly.

    Parameters
    ----------
    truth, answered : ndarray of int of shape (n_rows,)
        Positions in `labels`.
    """
    n = len(labels)
    counts = np.bincount(truth * n + answered, minlength=n * n).reshape(n, n) + np.eye(n)
    rows = counts.sum(axis=1)
    return Confusion(labels, counts / rows[:, None], rows)


def product_of(one: Confusion, other: Confusion) -> Confusion:
    """Give what two models together take for what, labels as `one/other`, if each errs whatever the other does."""
    labels = tuple(f"{first}/{second}" for first in one.labels for second in other.labels)
    rows = np.minimum(one.rows[:, None], other.rows[None, :]).ravel()
    return Confusion(labels, np.kron(one.shares, other.shares), rows)


def true_counts(answered: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Give the counts of labels that make counts of answers, of shape (n_labels,), most likely."""
    counts = np.maximum(np.asarray(answered, dtype=np.float64), LEAST)
    for _ in range(STEPS):
        expected = np.maximum(counts @ shares, LEAST)
        counts = counts * (shares @ (answered / expected))
    return np.asarray(counts)


def corrected_counts(answered: np.ndarray, confusion: Confusion, *, random_state: int = 0) -> CorrectedCounts:
    """Correct counts of answers; the interval draws both the answers and the confusion matrix anew.

    Parameters
    ----------
    answered : ndarray of int of shape (n_labels,)
    """
    random = np.random.default_rng(random_state)
    drawn = []
    for _ in range(DRAWS):
        shares = random.gamma(np.maximum(confusion.shares * confusion.rows[:, None], 1e-3))
        drawn.append(true_counts(random.poisson(answered), shares / shares.sum(axis=1, keepdims=True)))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return CorrectedCounts(true_counts(answered, confusion.shares), low, high)


def spilled(answered: np.ndarray, expected: np.ndarray, confusion: Confusion) -> tuple[np.ndarray, np.ndarray]:
    """Give how many answers of each label are due to others that have more texts than usual, and the variance of it.

    Parameters
    ----------
    answered, expected : ndarray of shape (n_labels,)
        Counts of answers of a period, and what was expected of them.
    """
    shares = confusion.shares
    more = np.maximum(true_counts(answered, shares) - true_counts(expected, shares), 0)
    wrong = shares * (1 - np.eye(len(shares)))
    of_shares = wrong * (1 - wrong) / confusion.rows[:, None]
    return more @ wrong, (more**2) @ of_shares + more @ wrong**2
