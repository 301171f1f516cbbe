"""Answers as a function of how far away the words stand that they need: a needle at each depth of long texts [1]_.

Each needle stands at every depth of the same long texts, of several lengths in windows of the encoder. The same texts are
asked about as the bundle handles them (windows that overlap, pooled for labels, the best of all for answers), cut to their
first window, and without the needle, which says what is guessed.

References
----------
.. [1] Liu et al., "Lost in the middle: how language models use long contexts", 2024, arXiv:2307.03172; the needle is
   Kamradt's, "Needle in a haystack", 2023.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.data.rows import Rows
from metier.errors import CallError
from metier.evaluation.figure import Figure
from metier.explanation.faithfulness import mean_figure
from metier.explanation.memory.needles import JOINT, Needle, fillers_of, needles_of, stretched
from metier.features.tokenization import read_tokenizer
from metier.predictors.loading import SETTINGS_FILE, read_settings
from metier.predictors.onnx.graph_session import TOKENIZER_FILE, longest_row, reads_tokens
from metier.progress import Listener, Progress, ignore
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import AnswerKind

DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
LENGTHS = (0.5, 2.0, 4.0)  # Of a long text, in windows.
MOST_NEEDLES = 40
AROUND = 8  # Tokens of a window that are none of the text: special ones, a prefix.
WHOLE, FIRST, WITHOUT = "as the bundle reads it", "first window alone", "without the needle"
NEWEST = "newest turns alone"  # Of a conversation, in the place of the first window.

# By length, depth and handling, the score of each needle.
Scores = dict[tuple[float, float | None, str], list[float]]

Ask = Callable[[Sequence[Any]], AnswerBatch]


@dataclass(frozen=True)
class Cell:
    """How right answers are at one length and one depth.

    Parameters
    ----------
    windows : float
        Length of the texts.
    depth : float or None
        0 (first) to 1 (last); None: the mean of all.
    handling : str
        `WHOLE`, `FIRST` or `WITHOUT`.
    figure : Figure
        Mean over needles, 0 to 1.
    """

    windows: float
    depth: float | None
    handling: str
    figure: Figure


@dataclass(frozen=True)
class Loss:
    """What a handling of long texts loses beyond the window, against texts of half a window."""

    windows: float
    handling: str
    figure: Figure


@dataclass(frozen=True)
class Memory:
    """The context memory of a model.

    Parameters
    ----------
    n_needles : int
    window_tokens : int
    measure : str
        Of the figures: accuracy, recall, F1.
    cells : tuple of Cell
    losses : tuple of Loss
        Paired differences by needle, each the mean over depths; above 0: that much is lost.
    """

    n_needles: int
    window_tokens: int
    measure: str
    cells: tuple[Cell, ...]
    losses: tuple[Loss, ...]


class Window:
    """The window of an encoder: how many tokens texts have, and where one is cut.

    Parameters
    ----------
    folder : Path or None
        Of the predictor.

    Raises
    ------
    CallError
        If the model reads no tokens, and so has no window.
    """

    def __init__(self, folder: Path | None):
        settings: Mapping[str, Any] = (
            read_settings(folder) if folder is not None and (folder / SETTINGS_FILE).is_file() else {}
        )
        if folder is None or not reads_tokens(settings) or not (folder / TOKENIZER_FILE).is_file():
            raise CallError(
                "Context memory is that of one encoder with a window of tokens, and this model has none. Give the bundle "
                "of an encoder, such as RUN/candidates/encoder.v1."
            )
        self.tokens = longest_row(settings)
        self._tokenizer = read_tokenizer(folder / TOKENIZER_FILE, max_length=self.tokens)
        self._tokenizer.no_truncation()

    def count(self, text: str) -> int:
        """Give how many tokens a text has."""
        return len(self._encode(text).ids)

    def cut(self, text: str, *, less: int = 0) -> str:
        """Give what of a text stands in the first window, of which so many tokens are taken."""
        offsets = self._encode(text).offsets
        room = max(1, self.tokens - AROUND - less)
        return text if len(offsets) <= room else text[: offsets[room - 1][1]]

    def _encode(self, text: str) -> Any:
        return self._tokenizer.encode(text, add_special_tokens=False)


def measure_memory(
    ask: Ask,
    rows: Rows,
    *,
    answer: AnswerKind,
    keys: tuple[str, ...],
    folder: Path | None,
    most: int = MOST_NEEDLES,
    random_state: int = 0,
    listener: Listener = ignore,
) -> Memory:
    """Measure how right answers are at every length and depth.

    Parameters
    ----------
    rows : Rows
        With their true answers.
    answer : AnswerKind
    keys : tuple of str
        Of a question.
    folder : Path or None
        Of the predictor.
    most : int
        Needles that are drawn from the rows.

    Raises
    ------
    CallError
        If the task is none whose needed words are known, or the model has no window.
    EmptyDataError
        If too few rows can be used.
    """
    found = needles_of(answer, keys, rows)
    window = Window(folder)
    texts = rows.texts
    counts = [window.count(text) for text in texts]
    random = np.random.default_rng(random_state)
    picked = np.sort(random.permutation(len(found))[:most])
    needles = [found[int(place)] for place in picked]
    scores: Scores = {}
    for done, needle in enumerate(needles):
        listener(Progress("placing the needles", done, len(needles)))
        for length in LENGTHS:
            room = int(length * window.tokens) - window.count(needle.text)
            fillers = fillers_of(needle, texts, counts, room, random)
            for key, score in _of_needle(ask, needle, fillers, window).items():
                scores.setdefault((length, *key), []).append(score)
    listener(Progress("placing the needles", len(needles), len(needles)))
    return memory_of(scores, window.tokens, _measure(answer), (WHOLE, FIRST))


def memory_of(scores: Scores, window_tokens: int, measure: str, handlings: Sequence[str]) -> Memory:
    """Give figures of scores: means with intervals, and what each handling loses against the shortest texts."""
    n_needles = max(map(len, scores.values()))
    return Memory(n_needles, window_tokens, measure, _cells(scores), _losses(scores, handlings))


def _of_needle(
    ask: Ask, needle: Needle, fillers: Sequence[str], window: Window
) -> dict[tuple[float | None, str], float]:
    """Give how right each answer about one long text is."""
    asked: list[tuple[float | None, str, str, int]] = []
    for depth in DEPTHS:
        one = stretched(needle, fillers, depth)
        asked.append((depth, WHOLE, one.text, one.place))
        asked.append((depth, FIRST, window.cut(one.text, less=_question_tokens(needle, window)), one.place))
    if fillers:
        asked.append((None, WITHOUT, JOINT.join(fillers), 0))
    unique = list(dict.fromkeys(text for _, _, text, _ in asked))  # A text that fits is its first window.
    answers = dict(zip(unique, ask([needle.ask(text) for text in unique]).predicted, strict=True))
    return {(depth, handling): needle.score(answers[text], place) for depth, handling, text, place in asked}


def _question_tokens(needle: Needle, window: Window) -> int:
    asked = needle.ask("")
    return window.count(asked["question"]) if isinstance(asked, Mapping) else 0


def _cells(scores: Scores) -> tuple[Cell, ...]:
    return tuple(Cell(*key, _mean(values)) for key, values in scores.items())


def _mean(values: Sequence[float]) -> Figure:
    """Give a mean with its interval: the exact one where every answer is right or wrong."""
    if set(values) <= {0.0, 1.0}:
        return Figure.of_share(int(sum(values)), len(values))
    return mean_figure(np.array(values), higher_is_better=True)


def _losses(scores: Scores, handlings: Sequence[str]) -> tuple[Loss, ...]:
    lengths = sorted({length for length, _, _ in scores})

    def mean_of(length: float, handling: str) -> np.ndarray:
        return np.mean([scores[length, depth, handling] for depth in DEPTHS], axis=0)  # type: ignore[no-any-return]

    short = mean_of(lengths[0], WHOLE)
    return tuple(
        Loss(length, handling, mean_figure(short - mean_of(length, handling), higher_is_better=False))
        for length in lengths[1:]
        for handling in handlings
    )


def _measure(answer: AnswerKind) -> str:
    return {"label": "accuracy", "spans": "recall of spans"}.get(answer.name, "F1 of the words")
