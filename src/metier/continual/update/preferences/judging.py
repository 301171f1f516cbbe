"""What was gained by learning preferences, on prompts that were held out, and what it cost elsewhere.

Three things are held against one another, each before and after, with paired intervals by bootstrap over prompts: how often
the model finds the preferred answer likelier (a token, so that short answers are not favoured), how good its answers are in
the metric of the task, and how long they are: answers that grow longer are the known fault of learning from pairs [1]_.

References
----------
.. [1] Singhal et al., "A long way to go: investigating length correlations in RLHF", 2023, arXiv:2310.03716.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metier.continual.update.figures import RESAMPLES, interval
from metier.continual.update.preferences.rewards import n_words
from metier.evaluation.row_measures import measure
from metier.evaluation.row_resampling import paired_samples
from metier.tasks.preferences import CHOSEN, Preferences

QUALITY_RESAMPLES = 1_000


def preferred(
    held: Preferences, before: np.ndarray, after: np.ndarray, *, random_state: int = 0
) -> dict[str, Any]:
    """Give the accuracy and the margin of held-out preferences before and after, each with its gain.

    Of pairs the accuracy is the share whose preferred answer is the likelier one; of thumbs alone, the probability that a
    good answer is likelier than a bad one (the area under the ROC curve). Ties count half. The margin is the mean
    difference of log-likelihoods, in nats a token.

    Parameters
    ----------
    held : Preferences
    before, after : ndarray of shape (n_answers,)
        Mean log-likelihoods of the answers, a token.
    """
    counts = drawn(held.prompts, random_state=random_state)
    of = _of_pairs if len(held.pairs) else _of_thumbs
    was, now = of(held, before, counts), of(held, after, counts)
    n_judged = len(held.pairs) if len(held.pairs) else len(held)
    return {
        "by": "pairs" if len(held.pairs) else "thumbs",
        "n": n_judged,
        "prompts": held.n_prompts,
        "accuracy": change(was[0], now[0]),
        "margin": change(was[1], now[1]),
    }


def drawn(prompts: np.ndarray, *, random_state: int) -> np.ndarray:
    """Give how often each answer counts: once, then in bootstrap samples of prompts; (1 + RESAMPLES, n_answers)."""
    _, owners = np.unique(prompts, return_inverse=True)
    n_prompts = owners.max() + 1
    random = np.random.default_rng(random_state)
    counts = random.multinomial(n_prompts, np.full(n_prompts, 1 / n_prompts), size=RESAMPLES)
    found: np.ndarray = np.vstack([np.ones(n_prompts, dtype=np.int64), counts])[:, owners]
    return found


def _of_pairs(held: Preferences, likelihoods: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    better, worse = held.pairs.T
    margins = likelihoods[better] - likelihoods[worse]
    weights = counts[:, better].astype(np.float64)
    totals = np.maximum(weights.sum(axis=1), 1)
    return weights @ ((np.sign(margins) + 1) / 2) / totals, weights @ margins / totals


def _of_thumbs(held: Preferences, likelihoods: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    good = held.rewards == CHOSEN
    margins = likelihoods[good][:, None] - likelihoods[~good][None]
    one, other = counts[:, good].astype(np.float64), counts[:, ~good].astype(np.float64)
    totals = np.maximum(one.sum(axis=1) * other.sum(axis=1), 1)
    return tuple(
        ((one @ table) * other).sum(axis=1) / totals for table in ((np.sign(margins) + 1) / 2, margins)
    )  # type: ignore[return-value]


def change(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """Give a figure before and after and its gain, from the values and their bootstrap samples behind them."""
    return {"before": interval(before), "after": interval(after), "gain": interval(after - before)}


def quality(metric: str, truth: Sequence[Any], before: Sequence[str], after: Sequence[str]) -> dict[str, Any]:
    """Give a metric of answers before and after, with its gain."""
    values = [[measure(metric, truth, one)] for one in (before, after)]
    samples = paired_samples(metric, truth, [before, after], resamples=QUALITY_RESAMPLES)
    both = np.hstack([values, samples])
    return {"metric": metric, "rows": len(truth), **change(both[0], both[1])}


def lengths(before: Sequence[str], after: Sequence[str], *, random_state: int = 0) -> dict[str, Any]:
    """Give the mean number of words of answers before and after, with the difference."""
    counts = drawn(np.arange(len(before)), random_state=random_state)
    was, now = (counts @ np.array(n_words(one)) / len(before) for one in (before, after))
    return change(was, now)


def mean_change(before: np.ndarray, after: np.ndarray, *, random_state: int = 0) -> dict[str, Any]:
    """Give the mean of a number of each prompt before and after, with its gain."""
    counts = drawn(np.arange(len(before)), random_state=random_state)
    return change(counts @ before / len(before), counts @ after / len(before))


def verdict(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Say whether the tuned writer may take over: what it was to learn is shown to be better, and its texts no worse."""
    reward = facts.get("reward")
    gain = reward["gain"] if reward is not None else facts["preferred"]["accuracy"]["gain"]
    what = "the reward of answers to held-out prompts" if reward is not None else "the preference accuracy"
    why = []
    if gain["low"] <= 0:
        why.append(f"{what} is not shown to have risen")
    if facts["quality"]["gain"]["high"] < 0:
        why.append(f"{facts['quality']['metric']} fell")
    return {"may_go_live": not why, "why": why}
