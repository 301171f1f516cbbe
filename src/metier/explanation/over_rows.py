"""Explanations of a model over some rows: which method is faithful to it, and what each label listens to."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.errors import CallError, EmptyDataError
from metier.explanation.faithfulness import Faithfulness, measure_faithfulness
from metier.explanation.word_methods import DRAWN, GraphWords, rankings_of, word_method
from metier.progress import Listener, Progress, ignore
from metier.tasks.answer_batches import AnswerBatch, Answers
from metier.text.bm25 import Bm25

MOST_TEXTS = 100  # Each is some hundreds of answers.
FEWEST_TEXTS = 2  # Of which a word stands, to be listed for a label.
MOST_WORDS = 10  # Of each label.

Ask = Callable[[Sequence[Any]], AnswerBatch]


@dataclass(frozen=True)
class LabelWords:
    """What a label listens to.

    Parameters
    ----------
    label : str
    texts : int
        That were answered so.
    words : tuple of (str, float, int)
        Each with its mean contribution in log-odds and the number of texts it stands in, the highest first.
    """

    label: str
    texts: int
    words: tuple[tuple[str, float, int], ...]


def faithfulness_of(
    ask: Ask,
    texts: Sequence[str],
    *,
    predictor: object,
    graph: GraphWords | None = None,
    most: int = MOST_TEXTS,
    left_out: Sequence[str] = (),
    random_state: int = 0,
    listener: Listener = ignore,
) -> list[Faithfulness]:
    """Measure how faithful each method is to a model of labels, on some of the texts.

    Parameters
    ----------
    graph : GraphWords, optional
        What `word_methods.graph_words` gives; None leaves gradients and attention out.
    most : int
        Texts that are explained.
    left_out : sequence of str
        Methods that are not measured, as Shapley values where answers take long.

    Raises
    ------
    CallError
        If its answers are not one label with probabilities.
    EmptyDataError
        If no text has two words.
    """
    some = _some(texts, random_state, most)
    answers = _labelled(ask, some)
    columns = answers.best
    # Methods that are exact know the column of the label, which differs by text.
    scores = [_score_of(ask, int(column)) for column in columns]
    if len(some) < 2:
        raise EmptyDataError(
            "Faithfulness is measured on two texts or more of two words or more; there are fewer. Give other rows."
        )
    listener(Progress("measuring the explanations", 0, len(some)))
    rankings = {
        name: _by_text(some, columns, name, predictor, graph)
        for name in rankings_of(predictor, int(columns[0]), graph)
        if name not in left_out
    }
    found = measure_faithfulness(some, scores, rankings, drawn=DRAWN)
    listener(Progress("measuring the explanations", len(some), len(some)))
    return found


def label_words(
    ask: Ask, texts: Sequence[str], *, predictor: object, random_state: int = 0, listener: Listener = ignore
) -> list[LabelWords]:
    """Give the words that raise each label most, over the texts that are answered so.

    Raises
    ------
    CallError
        As `faithfulness_of` does.
    """
    some = _some(texts, random_state)
    answers = _labelled(ask, some)
    sums: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    counts: dict[str, int] = defaultdict(int)
    for done, (text, column) in enumerate(zip(some, answers.best, strict=True)):
        listener(Progress("explaining the rows", done, len(some)))
        label = answers.labels[column]
        counts[label] += 1
        _, words_of = word_method(None, predictor=predictor, column=int(column))
        of_text: dict[str, float] = defaultdict(float)
        for word in words_of(text, odds_of(ask, int(column))).words:
            of_text[text[word.start : word.end].lower()] += word.contribution
        for name, value in of_text.items():
            sums[label][name].append(value)
    listener(Progress("explaining the rows", len(some), len(some)))
    return [LabelWords(label, counts[label], _strongest(sums[label])) for label in sorted(counts)]


def nearest_rows(text: str, texts: Sequence[str], most: int = 3) -> list[tuple[int, float]]:
    """Give the rows whose texts are the most similar, by BM25: their positions and scores; those of score 0 are none."""
    index = Bm25().fit(texts)
    scores = index.scores(text)
    return [(int(row), float(scores[row])) for row in index.best(text, most) if scores[row] > 0]


def _some(texts: Sequence[str], random_state: int, most: int = MOST_TEXTS) -> list[str]:
    whole = [text for text in texts if len(text.split()) > 1 or not text.isascii()]
    random = np.random.default_rng(random_state)
    picked = np.sort(random.permutation(len(whole))[:most])
    return [whole[int(row)] for row in picked]


def _labelled(ask: Ask, texts: Sequence[str]) -> Answers:
    if not texts:
        raise EmptyDataError("There is no text of two words or more to explain. Give other rows.")
    answers = ask(list(texts))
    if not isinstance(answers, Answers):
        raise CallError(
            "Only answers of one label are explained over rows; these are others. Explain one question at a time."
        )
    return answers


def _score_of(ask: Ask, column: int) -> Callable[[Sequence[str]], np.ndarray]:
    def score(texts: Sequence[str]) -> np.ndarray:
        answers: Any = ask(list(texts))
        found: np.ndarray = answers.probabilities[:, column]
        return found

    return score


def odds_of(ask: Ask, column: int) -> Callable[[Sequence[str]], np.ndarray]:
    """Give the score of a label: its log-odds, for each of some texts."""
    score = _score_of(ask, column)

    def odds(texts: Sequence[str]) -> np.ndarray:
        chances = np.clip(score(texts), 1e-6, 1 - 1e-6)
        found: np.ndarray = np.log(chances) - np.log1p(-chances)
        return found

    return odds


def _by_text(
    texts: Sequence[str], columns: np.ndarray, name: str, predictor: object, graph: GraphWords | None
) -> Any:
    """Give a method that knows the label of each text."""
    column_of = dict(zip(texts, map(int, columns), strict=True))

    def ranking(text: str, score: Any, seed: int) -> np.ndarray:
        found: np.ndarray = rankings_of(predictor, column_of[text], graph)[name](text, score, seed)
        return found

    return ranking


def _strongest(sums: dict[str, list[float]]) -> tuple[tuple[str, float, int], ...]:
    ranked = sorted(
        (
            (name, float(np.mean(values)), len(values))
            for name, values in sums.items()
            if len(values) >= FEWEST_TEXTS
        ),
        key=lambda one: -one[1],
    )
    return tuple(one for one in ranked[:MOST_WORDS] if one[1] > 0)
