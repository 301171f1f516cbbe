"""Comparisons of several candidates at once: with the best of them, or of any pairs.

The observed best of ten equal candidates is the luckiest of ten. A test that does not know of the choice "shows" that
the others are worse in half of all runs. The p-values here are adjusted by the largest deviation of any pair in the
bootstrap samples of the rows (max-T [1]_, over all pairs since the best is chosen by the same rows), from the largest
difference down (step-down): among equal candidates any difference is shown in at most the stated share of runs.

References
----------
.. [1] Westfall and Young, "Resampling-based multiple testing", 1993.
.. [2] Hsu, "Multiple comparisons: theory and methods", 1996.
.. [3] Holm, "A simple sequentially rejective multiple test procedure", 1979.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from metier.evaluation.comparison import Comparison, decide
from metier.evaluation.groups import count_units, group_codes
from metier.evaluation.measure_table import Metric
from metier.evaluation.row_measures import comparison_of, higher_is_better, is_fraction, measure
from metier.evaluation.row_resampling import paired_samples
from metier.evaluation.row_statistics import check_rows


@dataclass(frozen=True)
class Against(Comparison):
    """A candidate (a) compared with the best (b).

    Parameters
    ----------
    chance_worse : float
        Probability that the candidate is worse than the best by more than the tolerance, 0 to 1.
    """

    chance_worse: float


def compare_with_best(
    metric: Metric,
    truth: Sequence[Any],
    answers: Mapping[str, Sequence[Any]],
    best: str,
    *,
    tolerance: float = 0.01,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    random_state: int = 0,
) -> dict[str, Against]:
    """Compare every other candidate with the one that the same rows made the best.

    Parameters
    ----------
    answers : mapping of str to sequence
        What each candidate answered to the rows.
    best : str
        The candidate with the best score.
    tolerance : float
        How much worse still counts as the same, in the unit of the metric.
    groups : ndarray of int of shape (n_rows,), default=None
        Rows of one group are drawn and swapped together; None: every row by itself.

    Returns
    -------
    dict of str to Against
        For each candidate but the best; `p_value` is adjusted for their number.
    """
    others = [name for name in answers if name != best]
    drawn = _Drawn.of(metric, truth, answers, groups, resamples=resamples, random_state=random_state)
    found = _compare(drawn, [(name, best) for name in others], level, resamples, random_state)
    return {
        name: Against(**asdict(one), chance_worse=drawn.chance_worse(name, best, tolerance))
        for name, one in zip(others, found, strict=True)
    }


def compare_with_each(
    metric: Metric,
    truth: Sequence[Any],
    answers: Mapping[str, Sequence[Any]],
    chosen: str,
    *,
    tolerance: float = 0.01,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    random_state: int = 0,
) -> dict[str, Against]:
    """Compare one candidate (a) with each other one (b) on the same rows.

    Parameters
    ----------
    chosen : str
        The candidate that other rows made the one to ship.
    tolerance : float
        How much worse still counts as the same: a difference of fractions, for a metric that is none a share of the
        other's value.

    Returns
    -------
    dict of str to Against
        By the name of the other; `p_value` is adjusted for their number, `chance_worse` is the chosen one's.
    """
    others = [name for name in answers if name != chosen]
    drawn = _Drawn.of(metric, truth, answers, groups, resamples=resamples, random_state=random_state)
    found = _compare(drawn, [(chosen, name) for name in others], level, resamples, random_state)
    allowed = {
        name: tolerance if is_fraction(metric) else tolerance * abs(drawn.values[name]) for name in others
    }
    return {
        name: Against(**asdict(one), chance_worse=drawn.chance_worse(chosen, name, allowed[name]))
        for name, one in zip(others, found, strict=True)
    }


def compare_pairs(
    metric: Metric,
    truth: Sequence[Any],
    answers: Mapping[str, Sequence[Any]],
    pairs: Sequence[tuple[str, str]],
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    random_state: int = 0,
) -> list[Comparison]:
    """Compare pairs of candidates; p-values are adjusted for all pairs that could have been chosen."""
    drawn = _Drawn.of(metric, truth, answers, groups, resamples=resamples, random_state=random_state)
    return _compare(drawn, pairs, level, resamples, random_state)


def holm(p_values: Sequence[float]) -> list[float]:
    """Give p-values adjusted for how many there are, by Holm's step-down [3]_, in the same order.

    The chance that any difference is shown where there is none at all stays below the stated share, whatever the tests
    have to do with one another.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, least = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted


@dataclass(frozen=True)
class _Drawn:
    """Candidates on the same bootstrap samples; values are higher where better."""

    metric: Metric
    truth: Sequence[Any]
    answers: Mapping[str, Sequence[Any]]
    groups: np.ndarray | None
    units: int
    values: dict[str, float]
    samples: dict[str, np.ndarray]

    @classmethod
    def of(
        cls,
        metric: Metric,
        truth: Sequence[Any],
        answers: Mapping[str, Sequence[Any]],
        groups: np.ndarray | None,
        *,
        resamples: int,
        random_state: int,
    ) -> "_Drawn":
        """Draw the samples."""
        sign = 1.0 if higher_is_better(metric) else -1.0
        codes = group_codes(groups, check_rows(truth, *answers.values()))
        samples = paired_samples(
            metric, truth, list(answers.values()), resamples=resamples, random_state=random_state, groups=codes
        )
        return cls(
            metric,
            truth,
            answers,
            codes,
            count_units(codes, len(truth)),
            {name: sign * measure(metric, truth, one) for name, one in answers.items()},
            {name: sign * one for name, one in zip(answers, samples, strict=True)},
        )

    def deviations(self, a: str, b: str) -> tuple[float, np.ndarray]:
        """Give the difference of two candidates and its deviations, both in standard errors and without sign."""
        moved = self.samples[a] - self.samples[b]
        moved = moved - moved.mean()
        spread = float(moved.std())
        if spread < 1e-12:
            return 0.0, np.zeros(len(moved))
        return abs(self.values[a] - self.values[b]) / spread, np.abs(moved) / spread

    def chance_worse(self, name: str, best: str, tolerance: float) -> float:
        """Give the probability that a candidate is worse than the best by more than the tolerance."""
        behind = self.samples[best] - self.samples[name]
        if is_fraction(self.metric):
            # Half a row that only the one gets right and half a row that only the other does, not yet seen (Jeffreys'
            # prior): ten rows answered alike do not show that all rows are.
            rng = np.random.default_rng(len(behind))
            unseen = rng.gamma(0.5, size=(2, len(behind))) / self.units
            behind = behind + unseen[0] - unseen[1]
        return float(np.mean(behind > tolerance + 1e-12))


def _compare(
    drawn: _Drawn, pairs: Sequence[tuple[str, str]], level: float, resamples: int, random_state: int
) -> list[Comparison]:
    least = _adjusted(drawn, pairs)
    found = []
    for a, b in pairs:
        one = comparison_of(
            drawn.metric,
            drawn.truth,
            drawn.answers[a],
            drawn.answers[b],
            level=level,
            resamples=resamples,
            random_state=random_state,
            groups=drawn.groups,
        )
        p_value = max(one.p_value, least[a, b])
        gain = drawn.values[a] - drawn.values[b]
        verdict = decide(gain, one.low, one.high, p_value, level=level)
        found.append(replace(one, p_value=p_value, verdict=verdict))
    return found


def _adjusted(drawn: _Drawn, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """Give for each pair how often the largest deviation of all pairs is as large as its difference."""
    deviations = {pair: drawn.deviations(*pair) for pair in combinations(drawn.answers, 2)}
    if len(deviations) < 2:
        return dict.fromkeys(pairs, 0.0)
    largest = np.max([one for _, one in deviations.values()], axis=0)
    found = {}
    for a, b in pairs:
        observed = deviations[(a, b) if (a, b) in deviations else (b, a)][0]
        found[a, b] = float((1 + np.sum(largest >= observed - 1e-9)) / (1 + len(largest)))
    return found


def benjamini_hochberg(p_values: np.ndarray, level: float) -> np.ndarray:
    """Say which of many tests are raised, so that few of those raised are false [1]_.

    Parameters
    ----------
    p_values : ndarray of shape (n_tests,)
    level : float
        Share of false ones among those raised that may be expected, 0 to 1; it holds for tests that are independent or
        that move together.

    Returns
    -------
    ndarray of bool of shape (n_tests,)

    References
    ----------
    .. [1] Benjamini and Hochberg, "Controlling the false discovery rate", 1995.
    """
    n = len(p_values)
    order = np.argsort(p_values, kind="stable")
    below = np.flatnonzero(p_values[order] <= level * np.arange(1, n + 1) / max(n, 1))
    raised = np.zeros(n, dtype=bool)
    if len(below):
        raised[order[: below[-1] + 1]] = True
    return raised
