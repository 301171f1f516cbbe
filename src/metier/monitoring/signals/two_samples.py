"""Whether two samples of answers come from the same distribution: tests by permutation, exact whatever the distribution.

Tests on the outputs of a classifier found shifts best [1]_. Two statistics: the largest difference of the distribution
functions of confidence (Kolmogorov and Smirnov), and the maximum mean discrepancy of the vectors of log-probabilities [2]_,
which sees labels move, too. A dummy that says "drift" by chance stands for what a test must beat.

References
----------
.. [1] Rabanser, Günnemann and Lipton, "Failing loudly: an empirical study of methods for detecting dataset shift", 2019.
.. [2] Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A kernel two-sample test", 2012.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

PERMUTATIONS = 300
MOST_ROWS = 500  # Of each sample for the discrepancy, drawn.
LEAST = 1e-4
MOST_OF_DAYS, AT_ONCE = 200_000, 10_000  # Permutations of days.


@dataclass(frozen=True)
class TwoSamples:
    """What a test says.

    Parameters
    ----------
    statistic : float
    p_value : float
        At least 1 / (permutations + 1).
    """

    statistic: float
    p_value: float


def confidence_test(one: np.ndarray, other: np.ndarray, *, random_state: int = 0) -> TwoSamples:
    """Test whether two samples of confidences, of shape (n_one,) and (n_other,), differ."""
    values = np.concatenate([one, other])
    order = np.argsort(values, kind="stable")
    ends = np.append(np.diff(values[order]) != 0, True)

    def statistic(is_one: np.ndarray) -> float:
        sorted_ones = is_one[order]
        gap = np.cumsum(sorted_ones) / is_one.sum() - np.cumsum(~sorted_ones) / (~is_one).sum()
        return float(np.abs(gap[ends]).max())

    return _permuted(statistic, len(one), len(other), random_state)


def discrepancy_test(one: np.ndarray, other: np.ndarray, *, random_state: int = 0) -> TwoSamples:
    """Test whether two samples of probabilities, of shape (n, n_labels), differ in any way that a smooth kernel sees."""
    kept = (np.log(np.clip(sample, LEAST, 1)) for sample in (one, other))
    return vector_test(*kept, random_state=random_state)


def days_test(
    before: Sequence[np.ndarray], now: Sequence[np.ndarray], *, level: float, random_state: int = 0
) -> TwoSamples:
    """Test whether vectors of some days differ from those of others, by permutation of whole days.

    Texts of one day may belong together; what is exchangeable under no drift are days.

    Parameters
    ----------
    before, now : sequence of ndarray of shape (n_texts, n_dimensions)
        A day each, of one text or more; two texts or more on either side.
    level : float
        Of p-values that are asked about: there are fifty times as many permutations as one needs to reach it.
    """
    sizes = np.array([len(one) for one in [*before, *now]], dtype=np.float64)
    kernel = _kernel(np.concatenate([*before, *now]))
    np.fill_diagonal(kernel, 0)
    begins = np.concatenate([[0], np.cumsum(sizes[:-1])]).astype(np.int64)
    sums = np.add.reduceat(np.add.reduceat(kernel, begins, axis=0), begins, axis=1)
    is_now = np.arange(len(sizes)) >= len(before)
    found = float(_of_days(is_now[None, :], sums, sizes)[0])
    random, left, as_extreme = np.random.default_rng(random_state), int(min(50 / level, MOST_OF_DAYS)), 0
    n_all = left
    while left > 0:
        rows = np.tile(is_now, (min(left, AT_ONCE), 1))
        chance = _of_days(random.permuted(rows, axis=1), sums, sizes)
        as_extreme += int((chance >= found - 1e-12).sum())
        left -= AT_ONCE
    return TwoSamples(found, (1 + as_extreme) / (1 + n_all))


def _of_days(is_now: np.ndarray, sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Give the unbiased discrepancy of choices of days, of shape (n_choices, n_days)."""
    weights = is_now.astype(np.float64)
    n = weights @ sizes
    m = sizes.sum() - n
    own = weights @ sums
    within = (own * weights).sum(axis=1)
    between = own.sum(axis=1) - within
    others = sums.sum() - within - 2 * between
    return np.asarray(within / (n * (n - 1)) + others / (m * (m - 1)) - 2 * between / (n * m))


def _kernel(vectors: np.ndarray) -> np.ndarray:
    """Give the Gaussian kernel of all pairs, as wide as the median of their squared distances."""
    squares = np.square(vectors).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares[None, :] - 2 * vectors @ vectors.T, 0)
    return np.asarray(np.exp(-distances / max(float(np.median(distances)), 1e-9)))


def vector_test(one: np.ndarray, other: np.ndarray, *, random_state: int = 0) -> TwoSamples:
    """Test whether two samples of vectors, of shape (n, n_dimensions), differ, such as embeddings of texts."""
    random = np.random.default_rng(random_state)
    samples = [sample[random.permutation(len(sample))[:MOST_ROWS]] for sample in (one, other)]
    kernel = _kernel(np.concatenate(samples))
    np.fill_diagonal(kernel, 0)

    def statistic(is_one: np.ndarray) -> float:
        # The unbiased estimate: means of the pairs within each sample, less twice those between them.
        weights = np.where(is_one, 1.0, 0.0)
        n, m = weights.sum(), (1 - weights).sum()
        own = kernel @ weights
        within, between = weights @ own, (1 - weights) @ own
        others = kernel.sum() - within - 2 * between
        return float(within / (n * (n - 1)) + others / (m * (m - 1)) - 2 * between / (n * m))

    return _permuted(statistic, len(samples[0]), len(samples[1]), random_state)


def _permuted(statistic: Callable[[np.ndarray], float], n: int, m: int, random_state: int) -> TwoSamples:
    random = np.random.default_rng(random_state)
    is_one = np.arange(n + m) < n
    found = statistic(is_one)
    as_extreme = sum(statistic(random.permutation(is_one)) >= found for _ in range(PERMUTATIONS))
    return TwoSamples(found, (1 + as_extreme) / (1 + PERMUTATIONS))
