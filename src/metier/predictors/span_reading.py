"""From the scores of tokens to an answer: the best legal span of all windows, or none.

Every token of a window has two scores, for beginning and for ending the answer; the first token of the window stands
for "not in this window" [1]_. A span's margin is its two scores less those of that token. Of all spans that end no
earlier than they begin, and not too long after, the one with the largest margin in any window is the answer; if even
its margin is below the answer threshold, there is none.

References
----------
.. [1] Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2019, arXiv:1810.04805, section 4.3.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from metier.features.passage_windows import Frame, Window, windows_of
from metier.features.tokenization import batches_by_length, pad
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.answer_threshold import AnswerThreshold, Reading
from metier.tasks.inputs.question import Question

__all__ = ["Keep", "Reading", "ReadingSettings", "Run", "SpanReader", "best_spans"]

# Scores of tokens that may not begin or end an answer: those of the question, marks, padding.
FORBIDDEN = -10_000.0
# In work at once: bounds the memory of a book, and gives batches windows of like length.
WINDOWS_AT_ONCE = 256
TOKEN_BUDGET = 2048

# From padded token ids and mask to scores of shape (n_windows, n_tokens, 2).
Run = Callable[[np.ndarray, np.ndarray], np.ndarray]
Keep = Callable[[Question, list[Window]], list[Window]]


@dataclass(frozen=True)
class ReadingSettings:
    """How a passage is cut and its spans are judged.

    Parameters
    ----------
    prefix : str
        Put before every question.
    window_length : int
        Most tokens of a window.
    longest_answer : int
        Most tokens of an answer.
    pad_id : int
    """

    prefix: str
    window_length: int
    longest_answer: int
    pad_id: int
    verdict: AnswerThreshold = field(default_factory=AnswerThreshold)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "ReadingSettings":
        """Give how passages are read from what `predictor.json` holds."""
        return cls(
            prefix=settings["prefix"],
            window_length=settings["window_length"],
            longest_answer=settings["longest_answer"],
            pad_id=settings["pad_id"],
            verdict=AnswerThreshold.of(settings["verdict"]),
        )


class SpanReader:
    """Reads passages with whatever scores their tokens. Holds no state: safe to share between threads.

    Parameters
    ----------
    tokenizer : Tokenizer
        Not changed; a copy without truncation is used.
    settings : ReadingSettings
    run : callable
        See `Run`.
    """

    def __init__(self, tokenizer: Tokenizer, settings: ReadingSettings, run: Run):
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.encode_special_tokens = True  # Not part of what `to_str` writes.
        self._frame = Frame.of(self._tokenizer)
        self._settings, self._run = settings, run

    def read(self, questions: Sequence[Question], *, keep: Keep | None = None) -> list[Reading]:
        """Give the best span of each question's passage, answerable or not.

        Parameters
        ----------
        keep : callable, optional
            From a question and all windows of its passage to those that are read; at least one.
        """
        best: list[Reading | None] = [None] * len(questions)
        for window, reading in self.scan(questions, keep=keep):
            before = best[window.row]
            if before is None or reading.margin > before.margin:
                best[window.row] = reading
        return [_trimmed(reading, question) for reading, question in zip(best, questions, strict=True)]  # type: ignore[arg-type]

    def scan(
        self, questions: Sequence[Question], *, keep: Keep | None = None
    ) -> Iterator[tuple[Window, Reading]]:
        """Give every window and the best span in it, the windows of one question after those of another."""
        windows = windows_of(
            self._tokenizer,
            self._frame,
            questions,
            prefix=self._settings.prefix,
            length=self._settings.window_length,
        )
        if keep is not None:
            by_question = itertools.groupby(windows, key=lambda window: window.row)
            windows = (window for row, some in by_question for window in keep(questions[row], list(some)))
        while group := list(itertools.islice(windows, WINDOWS_AT_ONCE)):
            yield from zip(group, self._read_windows(group), strict=True)

    def _read_windows(self, windows: Sequence[Window]) -> list[Reading]:
        readings: list[Reading | None] = [None] * len(windows)
        for rows in batches_by_length([len(window.ids) for window in windows], token_budget=TOKEN_BUDGET):
            some = [windows[row] for row in rows]
            scores = self._run(*pad([window.ids for window in some], pad_id=self._settings.pad_id))
            for number, window in enumerate(some):
                scores[number, 1 : window.first] = FORBIDDEN  # A mark typed into a question ends no question.
                scores[number, len(window.ids) :] = FORBIDDEN
            spans = best_spans(scores, longest=self._settings.longest_answer)
            for row, window, span in zip(rows, some, spans, strict=True):
                readings[row] = _in_passage(window, *span)
        return readings  # type: ignore[return-value]

    def answer(self, questions: Sequence[Question], *, name: str, keep: Keep | None = None) -> RecordAnswers:
        """Answer questions with spans of their passages, or with nothing."""
        return self.judge(self.read(questions, keep=keep), questions, name=name)

    def judge(self, readings: Sequence[Reading], questions: Sequence[Question], *, name: str) -> RecordAnswers:
        """Decide which of the best spans are answers, and how likely each is right."""
        trimmed = [_trimmed(reading, question) for reading, question in zip(readings, questions, strict=True)]
        return self._settings.verdict.answer(list(zip(questions, trimmed, strict=True)), name)


def best_spans(scores: np.ndarray, *, longest: int) -> list[tuple[int, int, float, float]]:
    """Find the best legal span of each window.

    Parameters
    ----------
    scores : ndarray of shape (n_windows, n_tokens, 2)
        `FORBIDDEN` where a token may not be taken; token 0 stands for no answer.
    longest : int
        Most tokens of a span.

    Returns
    -------
    list of (first, last, margin, log_odds)
        First and last token of the span; 0 and 0 where none is legal.
    """
    scores = scores.astype(np.float64)
    begins, ends = scores[:, :, 0], scores[:, :, 1]
    longest = min(longest, begins.shape[1])
    beyond = np.full((len(ends), longest - 1), 2 * FORBIDDEN)
    reach = np.lib.stride_tricks.sliding_window_view(np.concatenate([ends, beyond], axis=1), longest, axis=1)
    together = begins + reach.max(axis=2)
    first = together[:, 1:].argmax(axis=1) + 1
    rows = np.arange(len(scores))
    last = first + reach[rows, first].argmax(axis=1)
    total = together[rows, first]
    margins = total - begins[:, 0] - ends[:, 0]
    log_p = total - _log_sum(begins) - _log_sum(ends)
    log_odds = log_p - np.log(-np.expm1(np.minimum(log_p, -1e-12)))
    none = total < FORBIDDEN / 2
    first[none] = last[none] = 0
    return list(zip(first.tolist(), last.tolist(), margins.tolist(), log_odds.tolist(), strict=True))


def _in_passage(window: Window, first: int, last: int, margin: float, log_odds: float) -> Reading:
    if last < window.first or len(window.offsets) == 0:
        return Reading(0, 0, margin, log_odds)
    start, end = window.offsets[first - window.first, 0], window.offsets[last - window.first, 1]
    return Reading(int(start), int(end), margin, log_odds)


def _trimmed(reading: Reading, question: Question) -> Reading:
    """The same without white space at its edges, which some tokenizers count to a word."""
    text = question.passage[reading.start : reading.end]
    start = reading.start + len(text) - len(text.lstrip())
    end = max(start, reading.end - (len(text) - len(text.rstrip())))
    return Reading(start, end, reading.margin, reading.log_odds)


def _log_sum(values: np.ndarray) -> np.ndarray:
    highest = values.max(axis=1)
    return highest + np.log(np.exp(values - highest[:, None]).sum(axis=1))
