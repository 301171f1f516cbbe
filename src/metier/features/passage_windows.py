"""Token ids of a question and a passage: overlapping windows with the question and a part of the passage.

A longer passage is split into windows that share a quarter, so that an answer at the edge of one window is whole in
the next. Each token has its character offsets in the passage.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from metier.errors import BundleError
from metier.tasks.inputs.question import Question
from metier.text.normalisation import replace_surrogates

OVERLAP = 0.25  # Share of the passage tokens of a window.
MOST_OF_QUESTION = 1 / 3  # Share of a window; a longer question is truncated.
# Characters per call of the tokenizer: bounds its memory.
BLOCK = 20_000
LOOKED_BACK = 2_000  # Characters searched for a word boundary to end a block.


@dataclass(frozen=True)
class Frame:
    """The special tokens around a pair of texts.

    Parameters
    ----------
    before, between, after : tuple of int
        BERT has one of each, RoBERTa two between.
    has_types : bool
        Whether the tokenizer marks the second text by its type id.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    has_types: bool

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Frame":
        """Derive the frame from a tokenizer.

        Raises
        ------
        BundleError
            If it has no separator after each text.
        """
        encoded = tokenizer.encode("a", "a")
        sides = encoded.sequence_ids
        first, second = sides.index(0), sides.index(1)
        ends = [max(at for at, side in enumerate(sides) if side == which) + 1 for which in (0, 1)]
        between, after = encoded.ids[ends[0] : second], encoded.ids[ends[1] :]
        if not between or not after or between[-1] != after[-1]:
            raise BundleError(
                "The tokenizer has no common separator after both texts of a pair, so question and passage cannot be "
                "separated. Use a base that was trained on pairs, such as BERT or RoBERTa."
            )
        types = any(kind == 1 for kind in encoded.type_ids)
        return cls(tuple(encoded.ids[:first]), tuple(between), tuple(after), types)

    @property
    def size(self) -> int:
        """Number of special tokens."""
        return len(self.before) + len(self.between) + len(self.after)


@dataclass(frozen=True)
class PassageTokens:
    """The tokens of a passage.

    Parameters
    ----------
    ids : ndarray of int32 of shape (n_tokens,)
    offsets : ndarray of int32 of shape (n_tokens, 2)
        Start and end of each in the passage, in characters.
    """

    ids: np.ndarray
    offsets: np.ndarray

    def find(self, start: int, end: int) -> tuple[int, int] | None:
        """Give the first and last token of a span of the passage; None if no token overlaps it."""
        starts, ends = self.offsets[:, 0], self.offsets[:, 1]
        begins = np.flatnonzero((starts <= start) & (ends > start))
        stops = np.flatnonzero((starts < end) & (ends >= end))
        if len(begins) == 0 or len(stops) == 0:
            # The boundary is white space or a dropped character: use the tokens inside.
            inside = np.flatnonzero((ends > start) & (starts < end))
            return (int(inside[0]), int(inside[-1])) if len(inside) else None
        # Of several tokens of one character the last begins the span, and the first ends it.
        return int(begins[-1]), max(int(begins[-1]), int(stops[0]))


@dataclass(frozen=True)
class Window:
    """A question and a part of its passage.

    Parameters
    ----------
    row : int
        Row of the question.
    ids : list of int
        With special tokens.
    first : int
        Position of the first passage token in `ids`.
    offsets : ndarray of int32 of shape (n_passage_tokens, 2)
        Offsets of the passage tokens of the window.
    skipped : int
        Tokens of the passage before the window.
    """

    row: int
    ids: list[int]
    first: int
    offsets: np.ndarray
    skipped: int


def tokenise_passage(tokenizer: Tokenizer, passage: str) -> PassageTokens:
    """Tokenize a passage, block by block."""
    passage = replace_surrogates(passage)
    ids, offsets = [], []
    for start, end in _blocks(passage):
        encoded = tokenizer.encode(passage[start:end], add_special_tokens=False)
        ids.append(np.array(encoded.ids, dtype=np.int32))
        offsets.append(np.array(encoded.offsets, dtype=np.int32).reshape(-1, 2) + start)
    return PassageTokens(np.concatenate(ids), np.concatenate(offsets).astype(np.int32))


def tokenise_question(tokenizer: Tokenizer, question: str, *, prefix: str, length: int) -> list[int]:
    """Give the ids of a question, truncated so that windows of this length have room for the passage."""
    encoded = tokenizer.encode(prefix + replace_surrogates(question), add_special_tokens=False)
    ids: list[int] = encoded.ids[: int(length * MOST_OF_QUESTION)]
    return ids


def windows_of(
    tokenizer: Tokenizer, frame: Frame, questions: Sequence[Question], *, prefix: str, length: int
) -> Iterator[Window]:
    """Give the windows of each question, in order; at least one per question.

    Parameters
    ----------
    tokenizer : Tokenizer
        Without truncation.
    prefix : str
        Prepended to every question.
    length : int
        Most tokens of a window.
    """
    passage, tokens = None, None
    for row, question in enumerate(questions):
        if (
            tokens is None or question.passage is not passage
        ):  # Questions about one passage are mostly adjacent.
            passage, tokens = question.passage, tokenise_passage(tokenizer, question.passage)
        question_ids = tokenise_question(tokenizer, question.question, prefix=prefix, length=length)
        yield from cut_windows(row, frame, question_ids, tokens, length=length)


def cut_windows(
    row: int, frame: Frame, question: Sequence[int], passage: PassageTokens, *, length: int
) -> Iterator[Window]:
    """Split a passage into windows with an overlap of a quarter."""
    head = [*frame.before, *question, *frame.between]
    room = length - len(head) - len(frame.after)
    step = max(1, room - int(room * OVERLAP))
    start = 0
    while True:
        piece = passage.ids[start : start + room]
        offsets = passage.offsets[start : start + room]
        yield Window(row, [*head, *piece.tolist(), *frame.after], len(head), offsets, start)
        if start + room >= len(passage.ids):
            return
        start += step


def _blocks(passage: str) -> Iterator[tuple[int, int]]:
    start = 0
    while len(passage) - start > BLOCK:
        end = start + BLOCK
        between = max(passage.rfind(mark, end - LOOKED_BACK, end) for mark in "\n 。！？，")
        end = end if between < 0 else between + 1
        yield start, end
        start = end
    yield start, len(passage)
