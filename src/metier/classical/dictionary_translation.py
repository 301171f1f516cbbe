"""Translation by a table of phrases learned from parallel rows: the simplest form of statistical machine translation."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from metier.errors import DataError
from metier.evaluation.text_measures import TEXT_MEASURES
from metier.predictors.text.dictionary_translation import (
    LONGEST_PHRASE,
    DictionaryTranslationPredictor,
    Option,
    cut,
)
from metier.progress import Listener, ignore
from metier.tasks.estimators import WritingMethod
from metier.tasks.generation import TextPairs, check_texts
from metier.tasks.inputs.conversation import last_words
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import MethodSettings, with_settings

MOST_WORDS = 60  # Of a row: links grow with the square, and long rows say little about single words.
LONGEST_TARGET = 5
KEPT_OPTIONS = 4
BONUSES = (0.5, 1.0, 1.5, 2.0, 2.5)
DEFAULT_BONUS = 1.5
MOST_ROWS = 300  # Validation rows that the bonus is chosen on.
CHRF = next(measure for measure in TEXT_MEASURES if measure.name == "chrf")


class DictionaryTranslationSettings(MethodSettings):
    """Settings of a translation by a table of phrases."""

    word_bonus: float | None = Field(
        None,
        description="Added for each word that is written; None: the one of the best chrF on validation, 1.5 without.",
    )


@with_settings(DictionaryTranslationSettings)
class DictionaryTranslation(WritingMethod):
    """Translates phrases of up to three words, in the order of the source.

    Words are linked in both directions by IBM model 1 [1]_, links that both directions see are kept, and the phrases
    that hold together under them are counted [2]_. A different word order comes out in the wrong order. It needs
    thousands of pairs, seconds to learn, and no pretrained model.

    Attributes
    ----------
    word_bonus_ : float
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        Phrases learned, rows left out as too long, chrF for each bonus that was tried.

    References
    ----------
    .. [1] Brown et al., "The mathematics of statistical machine translation", 1993.
    .. [2] Koehn, Och and Marcu, "Statistical phrase-based translation", 2003.
    """

    name = "dictionary_translation.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(tasks=("generation",))

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn the table. `listener` is not needed; every method takes it.

        Raises
        ------
        DataError
            If no row is short enough to learn words from.
        """
        self.Settings.of(self)
        pairs = check_texts(X, y)
        rows = [
            (cut(last_words(item).lower()), cut(target))
            for item, target in zip(pairs.items, pairs.targets, strict=True)
        ]
        short = [(s, t) for s, t in rows if 0 < len(s) <= MOST_WORDS and 0 < len(t) <= MOST_WORDS]
        if not short:
            raise DataError(
                f"None of {len(rows)} rows has at most {MOST_WORDS} words on either side, so no word can be linked "
                "to its translation. Split the rows into sentences."
            )
        table = _phrase_table(short)
        words = Counter(word for _, target in short for word in ("", *target))
        neighbours = Counter(f"{a} {b}" for _, target in short for a, b in pairwise(("", *target)))
        self.facts_: dict[str, Any] = {"phrases": len(table), "rows_left_out": len(rows) - len(short)}
        bonus = DEFAULT_BONUS if self.word_bonus is None else self.word_bonus
        self.predictor_ = DictionaryTranslationPredictor(
            table, words, neighbours, word_bonus=bonus, name=self.name
        )
        if self.word_bonus is None and validation is not None:
            self._choose_bonus(check_texts(*validation, origin="the validation rows"))
        self.word_bonus_ = self.predictor_.word_bonus
        self.chosen_params_ = {"word_bonus": self.word_bonus_}
        return self

    def _choose_bonus(self, validation_rows: TextPairs) -> None:
        items, truth = validation_rows.items[:MOST_ROWS], validation_rows.targets[:MOST_ROWS]
        figures = {}
        for bonus in BONUSES:
            self.predictor_.word_bonus = bonus
            sums = CHRF.statistics(truth, self.predictor_.predict(items).predicted).sum(axis=0)
            figures[bonus] = float(CHRF.value(sums))
        self.predictor_.word_bonus = max(figures, key=lambda bonus: figures[bonus])
        self.facts_["chrf"] = figures


def _phrase_table(rows: Sequence[tuple[list[str], list[str]]]) -> dict[str, list[Option]]:
    numbers: dict[str, int] = defaultdict(lambda: len(numbers) + 1)
    sources = [[numbers[f"s{word}"] for word in source] for source, _ in rows]
    targets = [[numbers[f"t{word}"] for word in target] for _, target in rows]
    there, back = align(sources, targets), align(targets, sources)
    counts: dict[str, Counter] = defaultdict(Counter)
    for (source, target), forwards, backwards in zip(rows, there, back, strict=True):
        # Where both directions agree: few links, nearly all of them right.
        links = {int(i): j for j, i in enumerate(forwards) if i >= 0 and backwards[i] == j}
        for first, last, start, stop in _phrases(links, len(source), len(target)):
            counts[" ".join(source[first:last])][tuple(target[start:stop])] += 1
    return {phrase: _likeliest(found) for phrase, found in counts.items()}


def _phrases(links: dict[int, int], n_source: int, n_target: int) -> Iterator[tuple[int, int, int, int]]:
    """Give the source and target spans that are linked to one another and to nothing else."""
    linked = np.zeros(n_target, dtype=bool)
    linked[list(links.values())] = True
    for first in range(n_source):
        for last in range(first + 1, min(first + LONGEST_PHRASE, n_source) + 1):
            inside = [links[i] for i in range(first, last) if i in links]
            if not inside:
                continue
            low, high = min(inside), max(inside) + 1
            if high - low > LONGEST_TARGET or linked[low:high].sum() != len(inside):
                continue
            # Words without a link may go with either neighbour.
            start = low
            while True:
                stop = high
                while stop - start <= LONGEST_TARGET:
                    yield first, last, start, stop
                    if stop == n_target or linked[stop]:
                        break
                    stop += 1
                if start == 0 or linked[start - 1] or high - start >= LONGEST_TARGET:
                    break
                start -= 1


def _likeliest(found: Counter) -> list[Option]:
    # One more than were seen: a phrase that came once is not certain.
    total = found.total() + 1
    return [(words, math.log(times / total)) for words, times in found.most_common(KEPT_OPTIONS)]


ROUNDS = 8


def align(sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Give for each row the source position that each target word most probably comes from; -1: from none.

    Parameters
    ----------
    sources, targets : sequence of sequence of int
        Word numbers from 1 on; 0 is the empty word, which every source has.

    Returns
    -------
    list of ndarray of int64 of shape (n_target_words,)
    """
    with_empty = [np.array([0, *source], dtype=np.int64) for source in sources]
    links = [
        (np.tile(source, len(target)), np.repeat(np.asarray(target, dtype=np.int64), len(source)))
        for source, target in zip(with_empty, targets, strict=True)
    ]
    source_words = np.concatenate([source for source, _ in links])
    target_words = np.concatenate([target for _, target in links])
    widths = np.concatenate([np.full(len(t), len(s)) for s, t in zip(with_empty, targets, strict=True)])
    starts = np.concatenate([[0], widths.cumsum()[:-1]])
    probability = _learn(source_words, target_words, starts, widths)
    aligned, at = [], 0
    for source, target in zip(with_empty, targets, strict=True):
        size = len(source) * len(target)
        grid = probability[at : at + size].reshape(len(target), len(source))
        aligned.append(grid.argmax(axis=1) - 1)
        at += size
    return aligned


def _learn(sources: np.ndarray, targets: np.ndarray, starts: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Give the probability of the target word given the source word, for each link."""
    pairs, of_link = np.unique(sources * (targets.max() + 1) + targets, return_inverse=True)
    source_of_pair = pairs // (targets.max() + 1)
    probability = np.ones(len(pairs))
    for _ in range(ROUNDS):
        weights = probability[of_link]
        weights /= np.repeat(np.add.reduceat(weights, starts), widths)
        counts = np.bincount(of_link, weights=weights, minlength=len(pairs))
        probability = counts / np.bincount(source_of_pair, weights=counts)[source_of_pair]
    return np.asarray(probability[of_link])
