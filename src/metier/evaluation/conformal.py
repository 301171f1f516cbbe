"""Prediction intervals for scores with guaranteed coverage: split conformal prediction.

The half width of intervals is a quantile of the absolute errors on held-out rows. If new rows are exchangeable with
those, intervals contain the truth in at least the stated share of rows, without assumptions on the method or the
distribution of errors [1]_. The guarantee is marginal, not for each kind of row. Where the difficulty of rows can be
estimated, dividing errors by it makes intervals wide for hard rows and narrow for easy ones, and the guarantee
holds [2]_.

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
from metier.evaluation.conformal_rows import rows_for_coverage
from metier.evaluation.intervals import Interval
from metier.evaluation.row_statistics import check_rows


@dataclass(frozen=True)
class ScoreIntervals:
    """Intervals around answers.

    Parameters
    ----------
    reach : float
        Half the width of an interval in the unit of the score; with difficulties, for a difficulty of 1.
    coverage : float
        Guaranteed share of new rows whose truth is in the interval, above 0 and below 1.
    rows : int
        Number of rows it was fitted on.
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
    """Fit the width of intervals on held-out rows.

    Parameters
    ----------
    truth, predicted : sequence of float
    coverage : float
        Above 0 and below 1.
    difficulty : sequence of float, default=None
        Above 0: expected size of the error of each row, in any unit. It must not depend on the truth: the spread
        of an ensemble, or a model of the errors on training rows. None: the same for all rows.

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
            f"Intervals with {100 * coverage:g} % coverage need at least {needed} held-out rows, "
            f"but there are {rows}. Hold out more rows, or lower the coverage."
        )
    errors = np.asarray(truth, dtype=np.float64) - np.asarray(predicted, dtype=np.float64)
    return ScoreIntervals(
        half_width(errors / _as_difficulty(difficulty, rows), coverage=coverage), coverage, rows
    )


def held_coverage(rows: int, coverage: float) -> float:
    """Give the coverage that intervals from so many rows can promise: the wanted one, or with few rows what they hold.

    A new error exceeds the largest of n with probability 1 / (n + 1): five rows hold 5 of 6, whatever was wanted.
    """
    return coverage if rows >= rows_for_coverage(coverage) else rows / (rows + 1)


def measured_coverage(
    truth: Sequence[float], low: Sequence[float], high: Sequence[float], *, level: float = 0.95
) -> Interval:
    """Give the share of rows whose truth is in its interval, with its exact binomial interval [1]_.

    Parameters
    ----------
    truth, low, high : sequence of float
        Rows that neither the method nor the intervals were fitted on.
    level : float
        Confidence level of the interval around the share, 0 to 1.

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
            f"Expected a difficulty above 0 for each of {rows} rows, found shape {values.shape} with the smallest "
            f"{values.min() if values.size else 'nothing'}. Add a small number to difficulties that can be 0."
        )
    return values


def half_width(errors: np.ndarray, *, coverage: float) -> float:
    """Give the half width of intervals, by split conformal prediction [1]_.

    For exchangeable rows it guarantees the coverage, whatever the method and the distribution.

    Parameters
    ----------
    errors : ndarray of shape (n_rows,)
        True score minus predicted score on held-out rows.
    coverage : float
        Above 0 and below 1. With too few rows the largest error is given, which guarantees what `held_coverage` says.

    References
    ----------
    .. [1] Lei et al., "Distribution-free predictive inference for regression", 2018.
    """
    sizes = np.sort(np.abs(errors))
    rank = math.ceil((len(sizes) + 1) * coverage)
    return float(sizes[min(rank, len(sizes)) - 1])
