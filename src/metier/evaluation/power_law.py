"""Fit a power law to a learning curve, and forecast the error with more training rows.

Errors follow a power law over a wide range of training set sizes,
`irreducible_error + scale * n ** -exponent` [1]_ [2]_: the irreducible error remains however many rows there are
(contradictory labels, ambiguous texts). Three parameters from five sizes are uncertain, so the forecast is a
distribution over other test rows, other draws of training rows, and other weights of the sizes, which accounts for
the law being approximate.

References
----------
.. [1] Hestness et al., "Deep learning scaling is predictable, empirically", 2017 (arXiv:1712.00409).
.. [2] Figueroa et al., "Predicting sample size required for classification performance", 2012.
"""

from dataclasses import dataclass

import numpy as np

# From an error that hardly falls to one that falls faster than any observed.
EXPONENTS = np.geomspace(0.03, 2.0, 60)
FEWEST_SIZES = 4
# Relative standard deviation between draws of training rows, where no size was drawn twice: typical of small sets.
UNKNOWN_DRAW_NOISE = 0.05


@dataclass(frozen=True)
class PowerLaw:
    """`irreducible_error + scale * (n / unit) ** -exponent`.

    Parameters
    ----------
    irreducible_error, scale : float
        Not negative; `scale` is the part of the error at `unit` rows that more rows would remove.
    exponent : float
        How fast the error falls.
    unit : float
        Rows of the largest fitted size.
    """

    irreducible_error: float
    scale: float
    exponent: float
    unit: float

    def error_at(self, rows: float | np.ndarray) -> np.ndarray:
        """Give the error with this many training rows."""
        return np.asarray(
            self.irreducible_error + self.scale * (np.asarray(rows) / self.unit) ** -self.exponent
        )


@dataclass(frozen=True)
class Forecast:
    """A forecast error.

    Parameters
    ----------
    value, low, high : float
        The forecast and its interval.
    drawn : ndarray of shape (n_samples,)
        The samples of the interval.
    """

    value: float
    low: float
    high: float
    drawn: np.ndarray


@dataclass(frozen=True)
class CurveErrors:
    """Errors measured at several training set sizes.

    Parameters
    ----------
    sizes : ndarray of shape (n_sizes,)
        Training rows, ascending.
    errors : list of ndarray of shape (n_draws,)
        For each size, the error of each draw of training rows.
    samples : list of ndarray of shape (n_draws, n_samples)
        The same on bootstrap samples of the test rows, paired over all sizes and draws.
    """

    sizes: np.ndarray
    errors: list[np.ndarray]
    samples: list[np.ndarray]

    def up_to(self, n_sizes: int) -> "CurveErrors":
        """Give the first sizes only."""
        return CurveErrors(self.sizes[:n_sizes], self.errors[:n_sizes], self.samples[:n_sizes])

    @property
    def means(self) -> np.ndarray:
        """The mean error at each size, of shape (n_sizes,)."""
        return np.array([one.mean() for one in self.errors])

    @property
    def draw_noise(self) -> float | None:
        """Relative standard deviation of errors between draws; None without a second draw."""
        spreads = [one.std(ddof=1) / max(one.mean(), 1e-9) for one in self.errors if len(one) > 1]
        return float(np.sqrt(np.mean(np.square(spreads)))) if spreads else None


def fit_power_law(sizes: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> tuple[PowerLaw, ...]:
    """Fit a power law to each set of errors, by weighted least squares over a grid of exponents.

    Parameters
    ----------
    sizes : ndarray of shape (n_sizes,)
    errors, weights : ndarray of shape (n_sets, n_sizes)
    """
    unit = float(sizes.max())
    best = np.full(len(errors), np.inf)
    found = np.zeros((len(errors), 3))
    for exponent in EXPONENTS:
        irreducible, scale, loss = _least_squares((sizes / unit) ** -exponent, errors, weights)
        is_better = loss < best * (1 - 1e-9)
        best = np.where(is_better, loss, best)
        found[is_better] = np.column_stack([irreducible, scale, np.full(len(errors), exponent)])[is_better]
    return tuple(PowerLaw(float(a), float(b), float(c), unit) for a, b, c in found)


def _least_squares(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit `y = irreducible + scale * x` with neither negative; gives irreducible, scale and loss of each set."""
    total, sum_x, sum_y = weights.sum(axis=1), weights @ x, (weights * y).sum(axis=1)
    sum_xx, sum_xy = weights @ x**2, (weights * y) @ x
    spread = np.maximum(total * sum_xx - sum_x**2, 1e-15)
    scale = np.maximum((total * sum_xy - sum_x * sum_y) / spread, 0.0)
    irreducible = (sum_y - scale * sum_x) / total
    scale = np.where(irreducible < 0, sum_xy / sum_xx, scale)
    irreducible = np.maximum(irreducible, 0.0)
    residuals = y - irreducible[:, None] - scale[:, None] * x
    return irreducible, scale, (weights * residuals**2).sum(axis=1)


def forecast(curve: CurveErrors, rows: float, *, level: float = 0.95, random_state: int = 0) -> Forecast:
    """Forecast the error of one further training on this many rows.

    Parameters
    ----------
    curve : CurveErrors
        With at least `FEWEST_SIZES` sizes.
    rows : float
        More than any of the sizes.
    level : float
        Share of forecasts whose interval should contain the measured error, 0 to 1.
    """
    rng = np.random.default_rng(random_state)
    means = curve.means
    noise = UNKNOWN_DRAW_NOISE if curve.draw_noise is None else curve.draw_noise
    draws = np.array([len(one) for one in curve.errors])
    value = float(fit_power_law(curve.sizes, means[None], _weights(means, draws)[None])[0].error_at(rows))
    sampled = np.stack([one.mean(axis=0) for one in curve.samples], axis=1)
    # Variation between draws, estimated from the sizes with more than one draw.
    sampled = np.maximum(sampled * (1 + noise / np.sqrt(draws) * rng.standard_normal(sampled.shape)), 0.0)
    weights = _weights(sampled, draws) * rng.exponential(size=sampled.shape)
    laws = fit_power_law(curve.sizes, sampled, weights)
    drawn = np.array([float(law.error_at(rows)) for law in laws])
    drawn = np.maximum(drawn * (1 + noise * rng.standard_normal(len(drawn))), 0.0)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Forecast(value, float(min(low, value)), float(max(high, value)), drawn)


def _weights(errors: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Weights of sizes: an error's noise is about proportional to it, and falls with the draws."""
    return draws / np.maximum(errors, 1e-4) ** 2
