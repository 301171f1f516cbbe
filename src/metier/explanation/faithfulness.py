"""Whether an explanation names what the model uses: comprehensiveness and sufficiency [1]_, beside a random order.

Comprehensiveness is how far the probability of the answer falls when the words that are ranked highest are taken out,
sufficiency how far it falls when they alone are kept; each is the mean over shares of 10 to 50 % of the words (AOPC). A
faithful order has a high comprehensiveness and a low sufficiency. Words are removed, and in a second reading masked: a
model may never have seen a text with holes, or a mask.

References
----------
.. [1] DeYoung et al., "ERASER: A benchmark to evaluate rationalized NLP models", 2020, arXiv:1911.03429.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from metier.evaluation.figure import Figure
from metier.explanation.shapley import Ranking, Score, text_of
from metier.explanation.word_contributions import word_parts

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
MASK = "[MASK]"
RANDOM = "random"
MEASURES = ("comprehensiveness", "sufficiency", "comprehensiveness_masked", "sufficiency_masked")


@dataclass(frozen=True)
class Faithfulness:
    """How faithful a method is on some texts.

    Parameters
    ----------
    method : str
    figures : mapping of str to Figure
        In probability, by the names of `MEASURES`.
    stability : Figure or None
        Mean rank correlation of the contributions with two seeds; None: nothing is drawn in it.
    """

    method: str
    figures: Mapping[str, Figure]
    stability: Figure | None


def measure_faithfulness(
    texts: Sequence[str], scores: Sequence[Score], methods: Mapping[str, Ranking], *, drawn: Sequence[str] = ()
) -> list[Faithfulness]:
    """Measure every method, and a random order, on the same texts.

    Parameters
    ----------
    texts : sequence of str
        Texts of fewer than two words are left out.
    scores : sequence of callable
        Of each text: gives the probability of the label that was answered, for each of some texts.
    methods : mapping of str to callable
    drawn : sequence of str
        Methods that depend on a seed, whose stability is measured.
    """
    pairs = [(text, score) for text, score in zip(texts, scores, strict=True) if len(word_parts(text)) > 1]
    found = []
    for name, ranking in {RANDOM: _random_order, **methods}.items():
        rows = np.array([_of_text(text, score, ranking) for text, score in pairs])
        stability = None
        if name in drawn:
            agreement = np.array([_agreement(text, score, ranking) for text, score in pairs])
            stability = mean_figure(agreement[np.isfinite(agreement)], higher_is_better=True)
        cells = (mean_figure(rows[:, place], higher_is_better=place % 2 == 0) for place in range(len(MEASURES)))
        found.append(Faithfulness(name, dict(zip(MEASURES, cells, strict=True)), stability))
    return found


def _of_text(text: str, score: Score, ranking: Ranking) -> list[float]:
    """Give comprehensiveness and sufficiency by removal, then both by a mask."""
    parts = word_parts(text)
    order = np.argsort(-ranking(text, score, 0), kind="stable")
    every = frozenset(range(len(parts)))
    tops = [frozenset(order[: max(1, round(share * len(parts)))].tolist()) for share in SHARES]
    asked = [text]
    for mask in (None, MASK):
        asked += [text_of(text, parts, every - top, mask=mask) for top in tops]
        asked += [text_of(text, parts, top, mask=mask) for top in tops]
    probabilities = score(asked)
    falls = (probabilities[0] - probabilities[1:]).reshape(4, len(SHARES))
    return [float(one) for one in falls.mean(axis=1)]


def _random_order(text: str, score: Score, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, len(text)]).random(len(word_parts(text)))


def _agreement(text: str, score: Score, ranking: Ranking) -> float:
    one, other = (ranking(text, score, seed) for seed in (1, 2))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)


def mean_figure(values: np.ndarray, *, higher_is_better: bool | None) -> Figure:
    """Give a mean over texts, with its interval of two standard errors."""
    value = float(values.mean())
    reach = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return Figure(
        value, value - reach, value + reach, len(values), is_share=False, higher_is_better=higher_is_better
    )
