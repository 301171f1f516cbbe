"""Rewards of answers, computed: a metric against the right answer, or how long an answer is."""

import re
from collections.abc import Callable, Sequence

from metier.errors import CallError
from metier.evaluation.row_measures import measure
from metier.evaluation.text_measures import TEXT_MEASURES
from metier.evaluation.text_tokens import rouge_tokens
from metier.text.normalisation import level

# From a right answer and an answer to a reward; larger is better.
Reward = Callable[[str, str], float]
EXACT, LENGTH = "exact_match", "length"
OF_CORPORA = ("distinct_2", "length_ratio")  # No figures of one answer.


def reward_names() -> list[str]:
    """Give the rewards that need nothing but their name."""
    metrics = [one.name for one in TEXT_MEASURES if one.higher_is_better and one.name not in OF_CORPORA]
    return [*metrics, EXACT] if EXACT not in metrics else metrics


def reward_of(name: str) -> Reward:
    """Give the reward of a name: a metric of texts, `exact_match`, or `length:LOW-HIGH` in words (Han characters).

    Raises
    ------
    CallError
        If there is no such reward.
    """
    bounds = re.fullmatch(rf"{LENGTH}:(\d+)-(\d+)", name)
    if bounds and int(bounds[1]) <= int(bounds[2]):
        return _length(int(bounds[1]), int(bounds[2]))
    if name == EXACT:
        return lambda true, answer: float(level(true).strip() == level(answer).strip())
    if name in reward_names():
        return lambda true, answer: measure(name, [true], [answer])
    raise CallError(
        f"--reward is {name!r}; expected {', '.join(reward_names())}, or {LENGTH}:LOW-HIGH in words, such as "
        f"{LENGTH}:10-30."
    )


def _length(low: int, high: int) -> Reward:
    """Give 1 within the bounds, and outside what is left of it by the share that is missing or too much."""

    def reward(true: str, answer: str) -> float:
        n_words = len(rouge_tokens(answer))
        if low <= n_words <= high:
            return 1.0
        away = (low - n_words) / max(low, 1) if n_words < low else (n_words - high) / max(high, 1)
        return max(0.0, 1.0 - away)

    return reward


def n_words(answers: Sequence[str]) -> list[int]:
    """Count the words of each answer; Han characters are words of their own."""
    return [len(rouge_tokens(answer)) for answer in answers]
