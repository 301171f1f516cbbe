"""One candidate against each other one on the same rows: the gap, how sure it is, and how likely it is too wide."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from metier.evaluation import higher_is_better, is_fraction
from metier.selection.scores import Scores

RESAMPLES = 2000


def against_each(
    chosen: str, answers: Mapping[str, Sequence[Any]], judge: Scores, *, tolerance: float
) -> dict[str, dict[str, Any]]:
    """Compare one candidate with each other one on the same rows.

    Parameters
    ----------
    answers : mapping of str to sequence
        What each candidate answered, that one's among them.
    tolerance : float
        As of `recommend`: a difference of fractions, or a share of the other's score.

    Returns
    -------
    dict of str to dict
        By the name of the other: the figures of `Comparison`, its differences being the chosen one's figure minus the
        other's and its p-value adjusted for the number of candidates, and `chance_worse`: the share of bootstrap samples
        in which the chosen one is worse by more than the tolerance.
    """
    metric = judge.task.primary_metric
    others = [name for name in answers if name != chosen]
    if not others:
        return {}
    found = judge.compare_pairs(metric, answers, [(chosen, name) for name in others])
    samples = judge.samples(metric, [answers[name] for name in (chosen, *others)], resamples=RESAMPLES)
    return {
        name: asdict(one) | {"chance_worse": _chance_worse(metric, samples[0], other, tolerance)}
        for name, one, other in zip(others, found, samples[1:], strict=True)
    }


def _chance_worse(metric: str, chosen: np.ndarray, other: np.ndarray, tolerance: float) -> float:
    allowed = tolerance if is_fraction(metric) else tolerance * np.abs(other)
    loss = other - chosen if higher_is_better(metric) else chosen - other
    # Scores of so many rows are multiples of one over their number: what is just the tolerance is not more.
    return float(np.mean(loss > allowed + 1e-12))
