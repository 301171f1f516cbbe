"""Intervals around numbers that hold as often as they say, whatever gave the numbers: split conformal prediction.

The errors on rows that the method was not trained on are put in order, and as many are let past as the coverage
allows. If new rows are like those (exchangeable), an interval that reaches so far to either side holds the truth in
at least that share of rows: no assumption on the method or on how errors spread [1]_. The promise is for rows on the
whole, not for each kind of row. Where some rows are known to be harder, dividing errors by a guess of the difficulty
makes intervals wide where answers are bad and narrow where they are good, and the promise stays [2]_.

References
----------
.. [1] Lei et al., "Distribution-free predictive inference for regression", 2018.
.. [2] Papadopoulos, Gammerman and Vovk, "Normalized nonconformity measures for regression conformal prediction", 2008.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from metier.errors import DataError
from metier.evaluation.intervals import Interval
from metier.evaluation.row_statistics import check_rows


@dataclass(frozen=True)
class ScoreIntervals:
    """How far intervals reach around answers.

    Parameters
    ----------
    reach : float
        Half the width of an interval in the unit of the score; with difficulties, for a difficulty of 1.
    coverage : float
        Share of new rows that the intervals hold at least, above 0 and below 1.
    rows : int
        How many rows this was learned from.
    """

    reach: float
    coverage: float
    rows: int

    def around(
        self, predicted: Sequence[float], difficulty: Sequence[float] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give the low and the high end for each answer, two arrays of shape (n_rows,)."""
        centre = np.asarray(predicted, dtype=np.float64)
        reach = self.reach * _as_difficulty(difficulty, len(centre))
        return centre - reach, centre + reach


def fit_score_intervals(
    truth: Sequence[float],
    predicted: Sequence[float],
    *,
    coverage: float = 0.9,
    difficulty: Sequence[float] | None = None,
) -> ScoreIntervals:
    """Learn how far intervals have to reach from rows that the method was not trained on.

    Parameters
    ----------
    truth, predicted : sequence of float
    coverage : float
        Above 0 and below 1.
    difficulty : sequence of float, default=None
        Above 0: how large an error is to be expected of each row, in any unit. It must be known without the truth:
        how much members of an ensemble differ, or a model of the errors on training rows. None: all rows alike.

    Raises
    ------
    DataError
        If there are too few rows for that coverage: 9 are needed for 0.9, 19 for 0.95.
    """
    rows = check_rows(truth, predicted)
    if not 0 < coverage < 1:
        raise ValueError(f"Expected a coverage above 0 and below 1, found {coverage}.")
    needed = rows_for_coverage(coverage)
    if rows < needed:
        raise DataError(
            f"Intervals that hold {100 * coverage:g} % of answers need at least {needed} rows that were not trained "
            f"on, but there are {rows}. Hold more rows out, or ask for less coverage."
        )
    errors = np.asarray(truth, dtype=np.float64) - np.asarray(predicted, dtype=np.float64)
    return ScoreIntervals(
        half_width(errors / _as_difficulty(difficulty, rows), coverage=coverage), coverage, rows
    )


def rows_for_coverage(coverage: float) -> int:
    """Give the fewest rows from which a coverage can be promised."""
    # Of n errors the largest is exceeded by a new one with chance 1 / (n + 1). The fraction of 1 - 0.9 is not exact.
    return math.ceil(coverage / (1 - coverage) - 1e-9)


def measured_coverage(
    truth: Sequence[float], low: Sequence[float], high: Sequence[float], *, level: float = 0.95
) -> Interval:
    """Give the share of rows whose truth lies within its interval, with its exact binomial interval [1]_.

    Parameters
    ----------
    truth, low, high : sequence of float
        Of rows that neither the method nor the intervals were fitted on.
    level : float
        Of the interval around the share, 0 to 1.

    References
    ----------
    .. [1] Clopper and Pearson, "The use of confidence or fiducial limits", 1934.
    """
    rows = check_rows(truth, low, high)
    inside = (np.asarray(low) <= np.asarray(truth)) & (np.asarray(truth) <= np.asarray(high))
    held = int(inside.sum())
    tail = (1 - level) / 2
    least = float(betaincinv(held, rows - held + 1, tail)) if held else 0.0
    most = float(betaincinv(held + 1, rows - held, 1 - tail)) if held < rows else 1.0
    return Interval(held / rows, least, most)


def _as_difficulty(difficulty: Sequence[float] | None, rows: int) -> np.ndarray:
    if difficulty is None:
        return np.ones(rows)
    values = np.asarray(difficulty, dtype=np.float64)
    if values.shape != (rows,) or not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(
            f"Expected a difficulty above 0 for each of {rows} rows, found shape {values.shape} with a least of "
            f"{values.min() if values.size else 'nothing'}. Add a small number to difficulties that can be 0."
        )
    return values


def half_width(errors: np.ndarray, *, coverage: float) -> float:
    """Give how far an answer's interval reaches to either side, by split conformal prediction [1]_.

    Of exchangeable rows at least the share `coverage` then lies within, whatever the method and the distribution.

    Parameters
    ----------
    errors : ndarray of shape (n_rows,)
        True score less answered score on rows that were not trained on.
    coverage : float
        Above 0 and below 1. With too few rows for it the largest error is given, which promises less.

    References
    ----------
    .. [1] Lei et al., "Distribution-free predictive inference for regression", 2018.
    """
    sizes = np.sort(np.abs(errors))
    rank = math.ceil((len(sizes) + 1) * coverage)
    return float(sizes[min(rank, len(sizes)) - 1])
