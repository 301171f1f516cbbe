"""Scores of probabilities with their intervals: log-loss, the Brier score and the calibration error.

The calibration error of few rows is too high: in each bin luck keeps confidence and accuracy apart, and a bootstrap sample
has that luck twice. Its interval therefore reaches from the value less the distance to the upper percentile, where the
reflected bootstrap ends, to the upper percentile itself, which is on the safe side for "not above" and covers more often
than it says.
"""

from collections.abc import Callable

import numpy as np

from metier.evaluation.calibration import SMALLEST_PROBABILITY
from metier.evaluation.groups import group_codes
from metier.evaluation.intervals import Interval

BINS = 15
RESAMPLES = 1000

# From row statistics of shape (n_rows, n_columns) and weights of shape (n_rows,) to one number.
Weighted = Callable[[np.ndarray, np.ndarray], float]


def _mean(of_rows: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ of_rows[:, 0] / weights.sum())


def _gap(of_rows: np.ndarray, weights: np.ndarray) -> float:
    """Mean gap of the bins: columns are how far confidence is above correctness, and the bin."""
    sums = np.bincount(of_rows[:, 1].astype(np.int64), weights * of_rows[:, 0], minlength=BINS)
    return float(np.abs(sums).sum() / weights.sum())


def _losses(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    given = probabilities[np.arange(len(truth)), truth]
    return -np.log(np.maximum(given, SMALLEST_PROBABILITY))[:, None]


def _squares(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    given = probabilities[np.arange(len(truth)), truth]
    return np.asarray((probabilities**2).sum(axis=1) - 2 * given + 1)[:, None]


def _binned(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    confidence = probabilities.max(axis=1)
    # Bins are closed on the right, so that a confidence of exactly 1 has a bin.
    cell = np.clip(np.searchsorted(np.linspace(0, 1, BINS + 1), confidence, side="left") - 1, 0, BINS - 1)
    return np.stack([confidence - (probabilities.argmax(axis=1) == truth), cell], axis=1)


def _evenly_binned(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Bins of equally many rows."""
    confidence = probabilities.max(axis=1)
    cell = np.minimum(confidence.argsort(kind="stable").argsort() * BINS // len(confidence), BINS - 1)
    return np.stack([confidence - (probabilities.argmax(axis=1) == truth), cell], axis=1)


# By name: what each row gives, how rows become one number, and whether luck adds to it.
SCORES: dict[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], Weighted, bool]] = {
    "log_loss": (_losses, _mean, False),
    "brier": (_squares, _mean, False),
    "calibration_error": (_binned, _gap, True),
    "adaptive_calibration_error": (_evenly_binned, _gap, True),
}


def bootstrapped(
    score: str,
    probabilities: np.ndarray,
    truth: np.ndarray,
    *,
    level: float = 0.95,
    groups: np.ndarray | None = None,
    random_state: int = 0,
) -> Interval:
    """Give a score of probabilities with its bootstrap interval.

    Parameters
    ----------
    score : {"log_loss", "brier", "calibration_error", "adaptive_calibration_error"}
        In nats; 0 to 2; 0 to 1 with 15 bins of equal width; with 15 bins of equally many rows. Lower is better.
    probabilities : ndarray of shape (n_rows, n_classes)
    truth : ndarray of int of shape (n_rows,)
    level : float
        Confidence level, 0 to 1.
    groups : ndarray of int of shape (n_rows,), default=None
        Rows of one group are drawn together; None: every row by itself.
    """
    rows_of, of, has_luck = SCORES[score]
    of_rows = rows_of(np.asarray(probabilities, dtype=np.float64), np.asarray(truth))
    codes = group_codes(groups, len(of_rows))
    codes = np.arange(len(of_rows)) if codes is None else codes
    n_units = int(codes.max()) + 1
    rng = np.random.default_rng(random_state)
    value = of(of_rows, np.ones(len(of_rows)))
    drawn = [
        of(of_rows, np.bincount(rng.integers(n_units, size=n_units), minlength=n_units)[codes].astype(float))
        for _ in range(RESAMPLES)
    ]
    low, high = (float(end) for end in np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]))
    return Interval(value, max(0.0, 2 * value - high), high) if has_luck else Interval(value, low, high)
