"""Shapley values of words, sampled: what each adds, averaged over the orders in which words can join the text [1]_.

Words that say the same share what they add, where leaving one out at a time would show neither. Orders are drawn in pairs,
one the reverse of the other, which takes away most of the noise of effects of two words [2]_; the standard error of each
value is that of the means of pairs.

References
----------
.. [1] Castro, Gómez and Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009; the value itself is
   Shapley, "A value for n-person games", 1953.
.. [2] Mitchell, Cooper, Frank and Holmes, "Sampling permutations for Shapley value estimation", 2022, arXiv:2104.12199.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from metier.explanation.explanation import Word
from metier.explanation.word_contributions import word_parts
from metier.text.offsets import Offsets

PAIRS = 12  # Of orders: two dozen times as many answers as there are words.

Score = Callable[[Sequence[str]], np.ndarray]
# From a text and a score to the contribution of each of its parts, an array of shape (n_parts,).
Ranking = Callable[[str, Score, int], np.ndarray]


@dataclass(frozen=True)
class ShapleyValues:
    """Sampled values.

    Parameters
    ----------
    words : tuple of Word
        Their contributions add up to the score of the text less that of the empty one.
    errors : tuple of float
        Standard error of each.
    empty : float
        Score of the text without any of the words.
    """

    words: tuple[Word, ...]
    errors: tuple[float, ...]
    empty: float


def shapley_values(text: str, score: Score, *, pairs: int = PAIRS, random_state: int = 0) -> ShapleyValues:
    """Sample the Shapley value of each word.

    Parameters
    ----------
    score : callable
        Gives an ndarray of shape (n_texts,).
    pairs : int
        Of orders that are drawn.
    """
    parts = word_parts(text)
    random = np.random.default_rng(random_state)
    orders: list[np.ndarray] = []
    for _ in range(pairs):
        order = random.permutation(len(parts))
        orders += [order, order[::-1]]
    kept = [frozenset(order[:size].tolist()) for order in orders for size in range(len(parts) + 1)]
    unique = list(dict.fromkeys(kept))
    scores = dict(zip(unique, score([text_of(text, parts, one) for one in unique]), strict=True))
    values = np.zeros((len(orders), len(parts)))
    for number, order in enumerate(orders):
        for size, part in enumerate(order):
            before = frozenset(order[:size].tolist())
            values[number, part] = scores[before | {int(part)}] - scores[before]
    means = values.reshape(pairs, 2, len(parts)).mean(axis=1)
    errors = means.std(axis=0, ddof=1) / np.sqrt(pairs) if pairs > 1 else np.full(len(parts), np.nan)
    words = tuple(Word(*pair, float(value)) for pair, value in zip(parts, means.mean(axis=0), strict=True))
    return ShapleyValues(words, tuple(map(float, errors)), float(scores[frozenset()]))


def text_of(text: str, parts: Sequence[Offsets], kept: frozenset[int], *, mask: str | None = None) -> str:
    """Give the text with some of its parts alone; the others are removed, or a mask stands in the place of each."""
    pieces, place = [], 0
    for number, (start, end) in enumerate(parts):
        between = text[place:start]
        if number in kept:
            pieces += [between, text[start:end]]
        else:
            pieces += [between, mask or ""]
        place = end
    joined = "".join([*pieces, text[place:]])
    return joined if mask is not None else " ".join(joined.split())
