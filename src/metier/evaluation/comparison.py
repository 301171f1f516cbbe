"""Paired comparison: whether one set of answers is better than another beyond chance.

Both sets answer the same rows, so only rows where they differ matter. `compare` calls one better only if the
test and the interval agree; everything else is "no difference shown", which is not a proof of equality: see
`equivalence`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from metier.evaluation.groups import count_units, group_codes
from metier.evaluation.intervals import difference_interval
from metier.evaluation.metrics import METRICS, check_answers, check_metric
from metier.evaluation.resampling import ON_COUNTS, gather_cells, resampled

A_IS_BETTER, B_IS_BETTER, NO_DIFFERENCE = "a is better", "b is better", "no difference shown"


@dataclass(frozen=True)
class Comparison:
    """The difference of two methods on the same rows.

    Parameters
    ----------
    difference, low, high : float
        a minus b on the metric, and the ends of its paired bootstrap interval.
    p_value : float
        Probability of a difference at least this large if there were no true difference, 0 to 1.
    verdict : {"a is better", "b is better", "no difference shown"}
    only_a_right, only_b_right : int
        Rows that only one of them answers correctly.
    """

    difference: float
    low: float
    high: float
    p_value: float
    verdict: str
    only_a_right: int
    only_b_right: int


def compare(
    truth: np.ndarray,
    predicted_a: np.ndarray,
    predicted_b: np.ndarray,
    *,
    metric: str = "accuracy",
    level: float = 0.95,
    resamples: int = 2000,
    random_state: int = 0,
    groups: np.ndarray | None = None,
) -> Comparison:
    """Compare two sets of answers to the same rows.

    The p-value is McNemar's mid-p for accuracy; other metrics, and rows that belong to groups, use approximate
    randomization (`randomization_test`).
    """
    truth, predicted_a, predicted_b = check_answers(truth, predicted_a, predicted_b)
    codes = group_codes(groups, len(truth))
    measure = METRICS[check_metric(metric)]
    difference = measure(truth, predicted_a) - measure(truth, predicted_b)
    rng = np.random.default_rng(random_state)
    drawn = resampled(metric, truth, predicted_a, predicted_b, resamples=resamples, rng=rng, groups=codes)
    units = count_units(codes, len(truth))
    found = difference_interval(
        drawn[0] - drawn[1],
        difference,
        level=level,
        units=units,
        rng=rng,
        correct_bias=metric != "accuracy",
    )
    if metric == "accuracy" and codes is None:
        p_value = mcnemar_mid_p(truth, predicted_a, predicted_b)
    else:
        p_value = randomization_test(
            metric, truth, predicted_a, predicted_b, swaps=resamples, rng=rng, groups=codes
        )
    # Of a handful of rows the interval reaches further than two fractions can differ.
    low, high = max(-1.0, found.low), min(1.0, found.high)
    verdict = decide(difference, low, high, p_value, level=level)
    only_a, only_b = count_flips(truth, predicted_a, predicted_b)
    return Comparison(difference, low, high, p_value, verdict, only_a, only_b)


def decide(gain: float, low: float, high: float, p_value: float, *, level: float) -> str:
    """Give the verdict: one is better only if the test and the interval of the difference agree.

    `gain` is above 0 where a did better, whatever the sign of the difference.
    """
    if p_value <= 1 - level and (low > 0 or high < 0):
        return A_IS_BETTER if gain > 0 else B_IS_BETTER
    return NO_DIFFERENCE


def count_flips(truth: np.ndarray, predicted_a: np.ndarray, predicted_b: np.ndarray) -> tuple[int, int]:
    """Count the rows that only a answers correctly, and those that only b does."""
    correct_a, correct_b = predicted_a == truth, predicted_b == truth
    return int(np.sum(correct_a & ~correct_b)), int(np.sum(correct_b & ~correct_a))


def mcnemar_exact(truth: np.ndarray, predicted_a: np.ndarray, predicted_b: np.ndarray) -> float:
    """Two-sided exact p-value that two methods are equally accurate [1]_.

    A sign test on the rows that only one of them answers correctly.

    References
    ----------
    .. [1] McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.
    """
    truth, predicted_a, predicted_b = check_answers(truth, predicted_a, predicted_b)
    only_a, only_b = count_flips(truth, predicted_a, predicted_b)
    return min(1.0, float(2 * binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)))


def mcnemar_mid_p(truth: np.ndarray, predicted_a: np.ndarray, predicted_b: np.ndarray) -> float:
    """Two-sided mid-p-value that two methods are equally accurate [1]_.

    The exact test counts the observed split of the differing rows whole, and errs far less often than it says; counted
    by half, it errs about as often as it says.

    References
    ----------
    .. [1] Fagerland, Lydersen and Laake, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are
       better than exact conditional", 2013.
    """
    truth, predicted_a, predicted_b = check_answers(truth, predicted_a, predicted_b)
    only_a, only_b = count_flips(truth, predicted_a, predicted_b)
    few, both = min(only_a, only_b), only_a + only_b
    return float(min(1.0, 2 * binom.cdf(few, both, 0.5) - binom.pmf(few, both, 0.5)))


def randomization_test(
    metric: str,
    truth: np.ndarray,
    predicted_a: np.ndarray,
    predicted_b: np.ndarray,
    *,
    swaps: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> float:
    """Two-sided p-value of a difference in any metric by approximate randomization [1]_.

    Under the null hypothesis the two answers of a row are exchangeable: swap them at random, those of a group
    together, and count how often the difference is as large as the observed one.

    References
    ----------
    .. [1] Yeh, "More accurate tests for the statistical significance of result differences", 2000.
    """
    cells = gather_cells(truth, predicted_a, predicted_b, groups=group_codes(groups, len(truth)))
    answer_a, answer_b = cells.answers
    measure = ON_COUNTS[metric]
    # The rows of a cell split into those whose answers are kept and those whose answers are swapped.
    truths = np.concatenate([cells.truth, cells.truth])
    first, second = np.concatenate([answer_a, answer_b]), np.concatenate([answer_b, answer_a])
    sides = (np.concatenate([cells.rows - swapped, swapped], axis=1) for swapped in cells.swap(swaps, rng))
    drawn = np.concatenate([measure(truths, first, one) - measure(truths, second, one) for one in sides])
    observed = METRICS[metric](truth, predicted_a) - METRICS[metric](truth, predicted_b)
    # The observed assignment is one of the possible ones; counting it keeps the test valid.
    return float((1 + np.sum(np.abs(drawn) >= abs(observed) - 1e-12)) / (1 + swaps))
