"""How well people agree on labels, beyond what chance would give, with intervals over the rows.

Cohen's kappa [1]_ is of two labellers who saw the same rows, Fleiss' kappa [2]_ of rows that as many saw each, whoever they
were, and Krippendorff's alpha [3]_ of rows that different numbers saw. All are 1 where everybody agrees and 0 where
agreement is what labels drawn by chance in the same shares would give. Intervals are percentiles of the bootstrap over
rows; words of one text are drawn together.

References
----------
.. [1] Cohen, "A coefficient of agreement for nominal scales", 1960.
.. [2] Fleiss, "Measuring nominal scale agreement among many raters", 1971.
.. [3] Krippendorff, "Computing Krippendorff's alpha-reliability", 2011; nominal data.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1_000
DRAWN_AT_ONCE = 100


@dataclass(frozen=True)
class Agreement:
    """An agreement with its interval; all are NaN where only one label was ever given, so that nothing can be told.

    Parameters
    ----------
    value, low, high : float
        1: all agree; 0: as by chance.
    n_rows : int
        That at least two labelled.
    """

    value: float
    low: float
    high: float
    n_rows: int


def cohen_kappa(
    one: np.ndarray, other: np.ndarray, *, level: float | None = 0.95, random_state: int = 0
) -> Agreement:
    """Give the agreement of two labellers; with a level of None without its interval.

    Parameters
    ----------
    one, other : ndarray of int of shape (n_rows,)
        Codes of their labels, of the same rows.
    """
    _, codes = np.unique(np.concatenate([one, other]), return_inverse=True)
    first, second = np.split(codes, 2)
    n_labels = int(codes.max(initial=0)) + 1
    own, theirs = np.eye(n_labels)[first], np.eye(n_labels)[second]
    is_same = (first == second).astype(float)

    def kappa(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        observed = weights @ is_same / total
        by_chance = ((weights @ own) * (weights @ theirs)).sum(axis=1) / total**2
        return _beyond(observed, by_chance)

    return _with_interval(kappa, len(first), level, random_state)


def fleiss_kappa(counts: np.ndarray, *, level: float = 0.95, random_state: int = 0) -> Agreement:
    """Give the agreement of rows that as many labellers saw each.

    Parameters
    ----------
    counts : ndarray of int of shape (n_rows, n_labels)
        How many gave each label to each row.

    Raises
    ------
    ValueError
        If rows were seen by different numbers, or by fewer than two.
    """
    seen = counts.sum(axis=1)
    if len(counts) and (seen.min() != seen.max() or seen[0] < 2):
        raise ValueError(
            f"Expected as many labels of each row, two or more; found {seen.min()} to {seen.max()}."
        )
    n_seen = int(seen[0]) if len(counts) else 2
    same = ((counts**2).sum(axis=1) - n_seen) / (n_seen * (n_seen - 1))

    def kappa(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        shares = weights @ counts / (total * n_seen)[:, None]
        return _beyond(weights @ same / total, (shares**2).sum(axis=1))

    return _with_interval(kappa, len(counts), level, random_state)


def krippendorff_alpha(
    counts: np.ndarray, *, groups: np.ndarray | None = None, level: float = 0.95, random_state: int = 0
) -> Agreement:
    """Give the agreement of rows that any number of labellers saw; those that fewer than two saw do not count.

    Parameters
    ----------
    counts : ndarray of int of shape (n_units, n_labels)
        How many gave each label to each unit: a row, or a word of one.
    groups : ndarray of int of shape (n_units,), optional
        The row of each unit, numbered from 0; rows are drawn as a whole.
    """
    seen = counts.sum(axis=1)
    counts, rows = counts[seen > 1], None if groups is None else groups[seen > 1]
    seen = seen[seen > 1]
    differing = (seen**2 - (counts**2).sum(axis=1)) / np.maximum(seen - 1, 1)
    if rows is not None and len(rows):
        _, rows = np.unique(rows, return_inverse=True)
        summed = np.zeros((int(rows.max()) + 1, counts.shape[1]))
        np.add.at(summed, rows, counts)
        counts, differing = summed, np.bincount(rows, weights=differing)

    def alpha(weights: np.ndarray) -> np.ndarray:
        shares = weights @ counts
        total = shares.sum(axis=1)
        expected = total**2 - (shares**2).sum(axis=1)
        observed = (total - 1) * (weights @ differing)
        return np.where(expected > 0, 1 - observed / np.maximum(expected, 1), np.nan)

    return _with_interval(alpha, len(counts), level, random_state)


def _beyond(observed: np.ndarray, by_chance: np.ndarray) -> np.ndarray:
    """Give what agreement there is of what chance leaves; NaN where it leaves none."""
    left = 1 - by_chance
    return np.where(left > 0, (observed - by_chance) / np.where(left > 0, left, 1), np.nan)


def _with_interval(
    measure: Callable[[np.ndarray], np.ndarray], n_rows: int, level: float | None, random_state: int
) -> Agreement:
    if n_rows == 0:
        return Agreement(np.nan, np.nan, np.nan, 0)
    value = float(measure(np.ones((1, n_rows)))[0])
    if level is None:
        return Agreement(value, value, value, n_rows)
    rng, drawn = np.random.default_rng(random_state), []
    for _ in range(RESAMPLES // DRAWN_AT_ONCE):
        drawn.append(measure(rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), DRAWN_AT_ONCE).astype(float)))
    known = np.concatenate(drawn)
    known = known[np.isfinite(known)]
    if not np.isfinite(value) or not len(known):
        return Agreement(np.nan, np.nan, np.nan, n_rows)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Agreement(value, min(float(low), value), max(float(high), value), n_rows)
