"""Whether texts of now can be told from those of before, and by which words: a domain classifier, tested by permutation.

A naive Bayes classifier of words is fitted on one half of the texts and ranks the other half, and the other way round;
the statistic is the area under the ROC curve. Under no drift the texts are exchangeable, so permuted origins say how large
it is by chance [1]_. Such a classifier sees changes that a mean of confidence does not, and its words explain the shift.

References
----------
.. [1] Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", 2017; Rabanser, Günnemann and Lipton, "Failing
   loudly", 2019.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

PERMUTATIONS = 99
FEWEST_TEXTS = 3  # That have a word, for it to be looked at.
MOST_WORDS = 2_000
TOLD = 8


@dataclass(frozen=True)
class DomainTest:
    """What a domain classifier finds.

    Parameters
    ----------
    auc : float
        0.5: texts of now cannot be told from those of before.
    p_value : float
        At least 1 / (permutations + 1).
    more, fewer : tuple of str
        Words that tell texts of now, and of before, the strongest first; empty where the test does not say that they
        differ.
    """

    auc: float
    p_value: float
    more: tuple[str, ...]
    fewer: tuple[str, ...]


def domain_test(
    before: Sequence[Set[str]], now: Sequence[Set[str]], *, level: float = 0.05, random_state: int = 0
) -> DomainTest:
    """Test whether texts differ.

    Parameters
    ----------
    before, now : sequence of set of str
        The words of each text; four texts or more of each.
    level : float
        P-value up to which words are told.
    """
    random = np.random.default_rng(random_state)
    vocabulary, has = _table([*before, *now])
    is_now = np.arange(len(has)) >= len(before)
    half = random.permutation(len(has)) % 2 == 0
    found = _auc(has, is_now, half)
    chance = [_auc(has, random.permutation(is_now), half) for _ in range(PERMUTATIONS)]
    p_value = (1 + sum(one >= found for one in chance)) / (1 + PERMUTATIONS)
    if p_value > level:
        return DomainTest(found, p_value, (), ())
    weights = _weights(has, is_now) * np.sqrt(has.mean(axis=0))  # Of words as frequent, the most telling.
    order = np.argsort(-weights, kind="stable")
    more = tuple(vocabulary[place] for place in order[:TOLD] if weights[place] > 0)
    fewer = tuple(vocabulary[place] for place in order[::-1][:TOLD] if weights[place] < 0)
    return DomainTest(found, p_value, more, fewer)


def _table(texts: Sequence[Set[str]]) -> tuple[list[str], np.ndarray]:
    """Give the most frequent words and which text has which, of shape (n_texts, n_words)."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in text:
            counts[word] = counts.get(word, 0) + 1
    ranked = sorted(
        (word for word, n in counts.items() if n >= FEWEST_TEXTS), key=lambda one: (-counts[one], one)
    )
    places = {word: place for place, word in enumerate(ranked[:MOST_WORDS])}
    has = np.zeros((len(texts), len(places)), dtype=np.float32)
    for row, text in enumerate(texts):
        has[row, [places[word] for word in text if word in places]] = 1
    return list(places), has


def _weights(has: np.ndarray, is_now: np.ndarray) -> np.ndarray:
    """Give how much more each word tells a text of now, a logarithm of a ratio of shares."""
    now, before = has[is_now].sum(axis=0) + 0.5, has[~is_now].sum(axis=0) + 0.5
    return np.asarray(np.log(now / (is_now.sum() + 1)) - np.log(before / ((~is_now).sum() + 1)))


def _auc(has: np.ndarray, is_now: np.ndarray, half: np.ndarray) -> float:
    """Give the mean area under the ROC curve of both halves, each ranked by what was learned of the other."""
    areas = []
    for fitted in (half, ~half):
        scores, target = has[~fitted] @ _weights(has[fitted], is_now[fitted]), is_now[~fitted]
        if target.all() or not target.any():
            continue
        _, ranks, counts = np.unique(scores, return_inverse=True, return_counts=True)
        middle = np.cumsum(counts) - (counts - 1) / 2
        n = int(target.sum())
        areas.append((middle[ranks][target].sum() - n * (n + 1) / 2) / (n * (len(target) - n)))
    return float(np.mean(areas)) if areas else 0.5
