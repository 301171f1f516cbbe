"""What a count should be by its own past: level, trend and weekday of a window before it, past surges weighed down.

A Poisson regression on the window gives the mean; the dispersion is that of its residuals, and the uncertainty of the mean
is added to it. Weeks right before the count are left out, so that a surge that grows is not taken for the level, and past
counts far above their mean weigh less [1]_. Windows of all periods are fitted at once.

References
----------
.. [1] Noufaily, Enki, Farrington, Garthwaite, Andrews and Charlett, "An improved algorithm for outbreak detection in
   multiple surveillance systems", 2013: farringtonFlexible of R's package surveillance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

STEPS = 6  # Of Newton's method.
UNUSUAL = 2.58  # Residuals above that weigh less.
PASSES = 4  # The first plainly, the others with what is far above its mean weighed down.
MEDIAN_OF_SQUARE = 0.455  # Of a standard normal variable.
RIDGE = 1e-3


@dataclass(frozen=True)
class Expected:
    """What was expected of each period; nan where its past is too short.

    Parameters
    ----------
    mean : ndarray of shape (n_periods,)
    dispersion : ndarray of shape (n_periods,)
        Of the negative binomial distribution of the next count, the uncertainty of its mean included.
    """

    mean: np.ndarray
    dispersion: np.ndarray


@dataclass(frozen=True)
class Window:
    """Which periods a count is held against.

    Parameters
    ----------
    length : int
        Periods.
    gap : int
        Periods right before the count that are left out.
    cycle : int
        Periods after which the profile repeats, as 7 days; 1: there is none.
    has_trend : bool
    """

    length: int = 84
    gap: int = 7
    cycle: int = 7
    has_trend: bool = True


def expected_counts(counts: np.ndarray, window: Window) -> Expected:
    """Give what each count should be by the window before it.

    Parameters
    ----------
    counts : ndarray of shape (n_periods,)
    window : Window
    """
    n, before = len(counts), window.length + window.gap
    mean, dispersion = np.full(n, np.nan), np.full(n, np.nan)
    if n <= before:
        return Expected(mean, dispersion)
    past = sliding_window_view(np.asarray(counts, dtype=np.float64), window.length)[: n - before]
    found = expected_after(past, window)
    mean[before:], dispersion[before:] = found.mean, found.dispersion
    return Expected(mean, dispersion)


def expected_after(past: np.ndarray, window: Window) -> Expected:
    """Give what the period after the gap should be, for each row of `past`, shape (n_series, window.length)."""
    design, ahead = _design(window)
    weights = np.ones_like(past)
    for _ in range(PASSES):
        coefficients, curvature = _regression(past, weights, design)
        fitted = np.exp(coefficients @ design.T)
        overdispersed = np.maximum(_pearson(past, fitted, weights, design.shape[1]), 1.0)
        weights = _weights(past, fitted, np.minimum(overdispersed, _usual_spread(past, fitted)))
    mean = np.exp(coefficients @ ahead)
    variance_of_log = overdispersed * (ahead @ np.linalg.inv(curvature) @ ahead)
    # Quasi-Poisson variance, phi * mean, as a dispersion, two standard errors of phi higher: tails feel it most.
    # The mean's own uncertainty is relative to it.
    higher = overdispersed * (1 + 2 * np.sqrt(2 / (past.shape[1] - design.shape[1])))
    dispersion = (higher - 1) / np.maximum(mean, 0.1) + np.minimum(variance_of_log, 1.0)
    return Expected(mean, dispersion)


def _design(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Give the columns of the regression, shape (length, n_columns), and those of the period that is foretold."""
    steps = np.arange(window.length + window.gap + 1)
    columns = [np.ones_like(steps, dtype=np.float64)]
    if window.has_trend:
        columns.append((steps - window.length / 2) / window.length)
    columns += [(steps % window.cycle == place).astype(np.float64) for place in range(1, window.cycle)]
    whole = np.stack(columns, axis=1)
    return whole[: window.length], whole[-1]


def _regression(past: np.ndarray, weights: np.ndarray, design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit weighted Poisson regressions by Newton's method; give coefficients (n, k) and curvatures (n, k, k)."""
    n, k = len(past), design.shape[1]
    level = np.log(np.maximum((weights * past).sum(1) / weights.sum(1), 0.02))
    coefficients = np.zeros((n, k))
    coefficients[:, 0] = level
    ridge = RIDGE * np.eye(k)
    ridge[1:, 1:] *= (
        1_000  # Profile and trend are drawn towards none: windows of rare events say little of them.
    )
    centre = coefficients.copy()
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), k * k)
    for _ in range(STEPS):
        fitted = np.exp(np.clip(coefficients @ design.T, -8, 12))
        gradient = (weights * (past - fitted)) @ design - (coefficients - centre) @ ridge
        curvature = ((weights * fitted) @ products).reshape(n, k, k) + ridge
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        coefficients = coefficients + np.clip(step, -2, 2)
    return coefficients, curvature


def _pearson(past: np.ndarray, fitted: np.ndarray, weights: np.ndarray, columns: int) -> np.ndarray:
    """Give how much larger the variance is than Poisson's."""
    squares = weights * (past - fitted) ** 2 / np.maximum(fitted, 0.05)
    return np.asarray(squares.sum(axis=1) / np.maximum(weights.sum(axis=1) - columns, 1))


def _usual_spread(past: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Give how much larger the variance of most counts is than Poisson's: by the median, which a surge hardly moves."""
    squares = (past - fitted) ** 2 / np.maximum(fitted, 0.05)
    return np.asarray(np.maximum(np.median(squares, axis=1) / MEDIAN_OF_SQUARE, 1.0))


def _weights(past: np.ndarray, fitted: np.ndarray, overdispersed: np.ndarray) -> np.ndarray:
    """Weigh down what is far above its mean, by Anscombe's residuals; weights add up to the length."""
    kept = np.maximum(fitted, 1e-3)
    residual = 1.5 * (past ** (2 / 3) - kept ** (2 / 3)) / (kept ** (1 / 6) * np.sqrt(overdispersed)[:, None])
    weights = np.where(residual > UNUSUAL, (UNUSUAL / np.maximum(residual, UNUSUAL)) ** 4, 1.0)
    return np.asarray(weights * past.shape[1] / weights.sum(axis=1, keepdims=True))
