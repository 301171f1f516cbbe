"""Confidence intervals of metrics over the sampling of test rows.

Intervals are percentiles of the bootstrap (`resampling`), with what so few rows cannot show by themselves:

- A fraction has half a right and half a wrong row added, as unseen (Jeffreys' prior; of accuracy this is his interval).
  Rows of groups count as many as vary as much (Korn and Graubard's effective number [1]_).
- Other metrics are corrected for bias [2]_, and the interval also holds the one of Student's t on a scale where the
  spread hardly depends on the value: Fisher's z of correlations, the logarithm of errors, the log-odds of fractions.
- Means over labels also hold the interval of the same mean with one more row
  of each label, answered as well as the average row: a label with one row that is missed counts 0, so they are too low.
- Tails are those of Student's t for so many rows or groups, and as much wider as the spread of so few is too small [3]_;
  below 30 the interval also holds the one of Student's t around the value.

References
----------
.. [1] Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated
   from survey data", 1998.
.. [2] Efron, "Nonparametric standard errors and confidence intervals", 1981.
.. [3] Hesterberg, "What teachers should know about the bootstrap", 2015: expanded percentile interval.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, t

from metier.evaluation.groups import count_units, group_codes
from metier.evaluation.metrics import METRICS, check_answers, check_metric
from metier.evaluation.resampling import ON_COUNTS, gather_cells, resampled

# On scales without an end for it, the value at the end stands so far from it.
NEAREST = 1e-7
# Jeffreys' prior: so much of a row of each outcome is taken as not yet seen.
UNSEEN_ROWS = 0.5
# Below this many rows or groups percentiles are too near the value, whatever is drawn.
FEW_UNITS = 30
# From here on Student's t is the normal distribution.
MANY_UNITS = 10_000


@dataclass(frozen=True)
class Scale:
    """A scale where the spread of a metric hardly depends on its value, and the way back."""

    to: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]


FISHER = Scale(lambda values: np.arctanh(np.clip(values, NEAREST - 1, 1 - NEAREST)), np.tanh)
LOG_ODDS = Scale(lambda values: logit(np.clip(values, NEAREST, 1 - NEAREST)), expit)
LOGARITHM = Scale(lambda values: np.log(np.maximum(values, NEAREST)), np.exp)


def below_one(step: float) -> Scale:
    """Give the root of what is missing to 1, three eighths of a step added (Anscombe, 1948): counts of few faults."""
    end = 1 + 0.375 * step
    return Scale(
        lambda values: np.sqrt(np.maximum(end - values, 0)), lambda scaled: end - np.maximum(scaled, 0) ** 2
    )


AS_IT_IS = Scale(np.asarray, np.asarray)


@dataclass(frozen=True)
class Interval:
    """A metric value and its confidence interval."""

    value: float
    low: float
    high: float


def bootstrap_interval(
    metric: str,
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    random_state: int = 0,
    groups: np.ndarray | None = None,
) -> Interval:
    """Give a metric with its bootstrap interval.

    If all answers are correct, or all are wrong, samples do not vary and the bootstrap interval would be empty.
    The exact binomial bound is used then: 300 correct answers of 300 still allow 98.8 %.

    Parameters
    ----------
    metric : {"accuracy", "macro_f1"}
    truth, predicted : ndarray of int of shape (n_rows,)
    level : float
        Confidence level, 0 to 1.
    groups : ndarray of int of shape (n_rows,), default=None
        Rows of one group are drawn together; None: every row by itself.
    """
    truth, predicted = check_answers(truth, predicted)
    value = METRICS[check_metric(metric)](truth, predicted)
    codes = group_codes(groups, len(truth))
    units = count_units(codes, len(truth))
    correct = truth == predicted
    if correct.all() or not correct.any():
        return exact_interval(value, units, level=level)
    rng = np.random.default_rng(random_state)
    if metric == "accuracy":
        [drawn] = resampled(metric, truth, predicted, resamples=resamples, rng=rng, groups=codes)
        return fraction_interval(drawn, value, level=level, units=units, rows=len(truth), rng=rng)
    cells = gather_cells(truth, predicted)
    shrunk = float(ON_COUNTS["shrunk_macro_f1"](cells.truth, cells.answers[0], cells.rows[None])[0])
    drawn, further = resampled(
        (metric, "shrunk_macro_f1"), truth, predicted, resamples=resamples, rng=rng, groups=codes
    )
    return mean_interval((drawn, further), (value, shrunk), level=level, units=units)


def exact_interval(value: float, rows: int, *, level: float) -> Interval:
    """Give the exact binomial interval of a share of exactly 0 or 1."""
    slack = 1 - ((1 - level) / 2) ** (1 / rows)
    return Interval(value, max(value - slack, 0.0), min(value + slack, 1.0))


def fraction_interval(
    drawn: np.ndarray, value: float, *, level: float, units: int, rows: int, rng: np.random.Generator
) -> Interval:
    """Give the interval of a fraction from its bootstrap values over so many rows, of so many rows or groups."""
    if units < 2:
        return Interval(value, 0.0, 1.0)  # One group says nothing of others.
    effective = float(np.clip(value * (1 - value) / max(float(drawn.var()), 1e-12), units, rows))
    # Of few groups the spread is hardly known: half way (of logarithms) to one row a group.
    effective = math.sqrt(effective * units)
    right, wrong = rng.standard_gamma(UNSEEN_ROWS, size=(2, len(drawn)))
    seen = (effective * drawn + right) / (effective + right + wrong)
    return _within(percentile_interval(seen, value, level=level, units=units))


def mean_interval(
    drawn: tuple[np.ndarray, np.ndarray], values: tuple[float, float], *, level: float, units: int
) -> Interval:
    """Give the interval of a mean over labels, from its values and from those with one more row of each label."""
    if units < 2:
        return Interval(values[0], 0.0, 1.0)
    plain, shrunk = (
        percentile_interval(one, value, level=level, units=units, correct_bias=True)
        for one, value in zip(drawn, values, strict=True)
    )
    return _within(Interval(plain.value, min(plain.low, shrunk.low), max(plain.high, shrunk.high)))


def scaled_interval(drawn: np.ndarray, value: float, *, level: float, units: int, scale: Scale) -> Interval:
    """Give the bias-corrected interval, and the one of Student's t on a scale, as far as both reach."""
    found = percentile_interval(drawn, value, level=level, units=units, correct_bias=True)
    if units < 2:
        return found
    # Half a row of each outcome keeps samples without a fault from being infinitely far away.
    end = UNSEEN_ROWS if scale is LOG_ODDS else 0.0
    scaled = scale.to((units * np.append(drawn, value) + end) / (units + 2 * end))
    spread = _reach(level, units) * float(scaled[:-1].std())
    ends = scale.back(scaled[-1] + np.array([-spread, spread]))
    return Interval(value, min(found.low, float(ends.min())), max(found.high, float(ends.max())))


def _within(found: Interval) -> Interval:
    return Interval(found.value, max(found.low, 0.0), min(found.high, 1.0))


def difference_interval(
    drawn: np.ndarray,
    value: float,
    *,
    level: float,
    units: int,
    rng: np.random.Generator,
    correct_bias: bool = False,
) -> Interval:
    """Give the interval of a difference of two fractions; rows that all are answered alike leave room too."""
    if units < 2:
        return Interval(value, -1.0, 1.0)
    more, less = rng.standard_gamma(UNSEEN_ROWS, size=(2, len(drawn))) / units
    return percentile_interval(drawn + more - less, value, level=level, units=units, correct_bias=correct_bias)


def percentile_interval(
    drawn: np.ndarray,
    value: float,
    *,
    level: float,
    units: int,
    correct_bias: bool = False,
    unseen: np.ndarray | float = 0.0,
) -> Interval:
    """Give the percentile interval of bootstrap values over so many rows or groups, as the module describes.

    `unseen` is what rows that were not drawn might change, of shape (n_samples,).
    """
    reach = _reach(level, units)
    # Ties count half.
    below = np.mean(drawn < value) + 0.5 * np.mean(drawn == value) if correct_bias else 0.5
    shift = 2 * norm.ppf(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    drawn = drawn + unseen
    low, high = np.quantile(drawn, norm.cdf([shift - reach, shift + reach]))
    if 1 < units < FEW_UNITS:
        spread = reach * float(drawn.std())
        low, high = min(low, value - spread), max(high, value + spread)
    return Interval(value, float(min(low, value)), float(max(high, value)))


def _reach(level: float, units: int) -> float:
    """Standard errors from the middle to the ends; with few units more than the normal distribution has."""
    if units > MANY_UNITS:
        return float(norm.ppf((1 + level) / 2))
    if units < 2:
        return float("inf")
    # The weights of the bootstrap vary a little less than so few units do.
    return float(t.ppf((1 + level) / 2, units - 1) * np.sqrt((units + 1) / (units - 1)))
