"""Training windows of a reader: every one that contains the answer, and a few that do not.

A reader that never saw a window without its answer finds one everywhere, and its margins could not be compared
between the windows of a long passage. Yet most windows without it teach nothing new and cost as much as the others.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from metier.features.passage_windows import (
    Frame,
    PassageTokens,
    Window,
    cut_windows,
    tokenise_passage,
    tokenise_question,
)
from metier.tasks.inputs.question import Question
from metier.training.batching import TokenisedRows

MOST_OF_UNANSWERABLE = 2  # Windows of a question without an answer.


class WindowCutter:
    """Cuts questions and their passages as reading will.

    Parameters
    ----------
    tokenizer : Tokenizer
        Without truncation.
    prefix : str
        Put before every question.
    length : int
        Most tokens of a window.
    """

    def __init__(self, tokenizer: Tokenizer, *, prefix: str, length: int):
        self.tokenizer, self.prefix, self.length = tokenizer, prefix, length
        self.frame = Frame.of(tokenizer)
        self._passages: dict[str, PassageTokens] = {}

    def passage(self, text: str) -> PassageTokens:
        """The tokens of a passage; each is cut once."""
        if text not in self._passages:
            self._passages[text] = tokenise_passage(self.tokenizer, text)
        return self._passages[text]

    def windows(self, question: Question, passage: PassageTokens) -> list[Window]:
        """The windows of a question over some passage, its own or another."""
        asked = tokenise_question(self.tokenizer, question.question, prefix=self.prefix, length=self.length)
        return list(cut_windows(0, self.frame, asked, passage, length=self.length))

    def span(self, question: Question, answers: Sequence[dict[str, Any]]) -> tuple[int, int] | None:
        """First and last token, in the passage, of the first answer; None where there is none."""
        if not answers:
            return None
        start = answers[0]["start"]
        return self.passage(question.passage).find(start, start + len(answers[0]["text"]))


def windows_to_learn(
    cutter: WindowCutter,
    questions: Sequence[Question],
    targets: Sequence[Sequence[dict[str, Any]]],
    *,
    without_fraction: float,
    pad_id: int,
    random: np.random.RandomState,
) -> TokenisedRows:
    """Pick the windows of some questions and say where the answer stands in each.

    Parameters
    ----------
    without_fraction : float
        Chance that a question with an answer also gets a window that does not hold it: of its own passage, or
        where that has none, of the passage of another question.

    Returns
    -------
    TokenisedRows
        `truth` of shape (n_windows, 2): first and last token, 0 and 0 where the window does not hold the answer.
    """
    ids: list[list[int]] = []
    truth: list[tuple[int, int]] = []
    for question, answers in zip(questions, targets, strict=True):
        windows = cutter.windows(question, cutter.passage(question.passage))
        span = cutter.span(question, answers)
        if span is None:
            picked = random.permutation(len(windows))[:MOST_OF_UNANSWERABLE]
            held, without = [], [windows[at] for at in picked]
        else:
            held = [(window, place) for window in windows if (place := _place(window, span)) is not None]
            without = [window for window in windows if not _touches(window, span)]
            wanted = random.random_sample() < without_fraction
            if wanted and not without:
                without = _of_another(cutter, question, questions, random)
            without = [without[random.randint(len(without))]] if wanted and without else []
        ids += [window.ids for window, _ in held] + [window.ids for window in without]
        truth += [place for _, place in held] + [(0, 0)] * len(without)
    return TokenisedRows(ids, np.array(truth, dtype=np.int64).reshape(-1, 2), pad_id)


def _place(window: Window, span: tuple[int, int]) -> tuple[int, int] | None:
    """Where in a window's ids a span of the passage's tokens stands, if all of it does."""
    first, last = span[0] - window.skipped, span[1] - window.skipped
    if first < 0 or last >= len(window.offsets):
        return None
    return window.first + first, window.first + last


def _touches(window: Window, span: tuple[int, int]) -> bool:
    """Whether a window holds any of a span; one that cuts it would teach that the rest is not an answer."""
    return span[1] >= window.skipped and span[0] < window.skipped + len(window.offsets)


def _of_another(
    cutter: WindowCutter, question: Question, questions: Sequence[Question], random: np.random.RandomState
) -> list[Window]:
    other = questions[random.randint(len(questions))]
    if other.passage == question.passage:
        return []
    return cutter.windows(question, cutter.passage(other.passage))
