"""A question and a passage as token ids: overlapping windows, each of them the question and a piece of the passage.

A passage of any length is read: what does not fit one window is cut into several that share a quarter, so that an
answer at the edge of one stands whole in the next. Offsets lead from every token back to the passage as it was given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from metier.errors import BundleError
from metier.tasks.questions import Question
from metier.text.surrogates import replace_surrogates

OVERLAP = 0.25  # Of a window's room for the passage.
MOST_OF_QUESTION = 1 / 3  # Of a window; a longer question loses its end.
# Tokenised at once: of a longer text the tokenizer would keep every token's string in memory.
BLOCK = 20_000
LOOKED_BACK = 2_000  # For a place between words to end a block at.


@dataclass(frozen=True)
class Frame:
    """The special tokens around a pair of texts, as the tokenizer puts them.

    Parameters
    ----------
    before, between, after : tuple of int
        BERT has one of each, RoBERTa two between.
    has_types : bool
        Whether the tokenizer tells the second text from the first by its type.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    has_types: bool

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Frame":
        """Read the frame off a tokenizer.

        Raises
        ------
        BundleError
            If it does not mark where the first text ends and where the second one does.
        """
        encoded = tokenizer.encode("a", "a")
        sides = encoded.sequence_ids
        first, second = sides.index(0), sides.index(1)
        ends = [max(at for at, side in enumerate(sides) if side == which) + 1 for which in (0, 1)]
        between, after = encoded.ids[ends[0] : second], encoded.ids[ends[1] :]
        if not between or not after or between[-1] != after[-1]:
            raise BundleError(
                "The tokenizer does not set the same mark behind both texts of a pair, so a question cannot be told "
                "from its passage. Use a base that was trained on pairs, BERT or RoBERTa for instance."
            )
        types = any(kind == 1 for kind in encoded.type_ids)
        return cls(tuple(encoded.ids[:first]), tuple(between), tuple(after), types)

    @property
    def size(self) -> int:
        """How many special tokens there are."""
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
        """Give the first and the last token of a piece of the passage; None where no token has any of it."""
        starts, ends = self.offsets[:, 0], self.offsets[:, 1]
        begins = np.flatnonzero((starts <= start) & (ends > start))
        stops = np.flatnonzero((starts < end) & (ends >= end))
        if len(begins) == 0 or len(stops) == 0:
            # The edge is white space, or a sign that the tokenizer drops: the tokens within have to do.
            inside = np.flatnonzero((ends > start) & (starts < end))
            return (int(inside[0]), int(inside[-1])) if len(inside) else None
        # Of several tokens made of one character the later begins the piece, and the earlier ends it.
        return int(begins[-1]), max(int(begins[-1]), int(stops[0]))


@dataclass(frozen=True)
class Window:
    """A question and a piece of its passage.

    Parameters
    ----------
    row : int
        Whose question it is.
    ids : list of int
        Special tokens included.
    first : int
        Where in `ids` the passage begins.
    offsets : ndarray of int32 of shape (n_passage_tokens, 2)
        Of the tokens of the passage that are in the window.
    skipped : int
        Tokens of the passage before the window.
    """

    row: int
    ids: list[int]
    first: int
    offsets: np.ndarray
    skipped: int


def tokenise_passage(tokenizer: Tokenizer, passage: str) -> PassageTokens:
    """Cut a passage into tokens, some pages at a time."""
    passage = replace_surrogates(passage)
    ids, offsets = [], []
    for start, end in _blocks(passage):
        encoded = tokenizer.encode(passage[start:end], add_special_tokens=False)
        ids.append(np.array(encoded.ids, dtype=np.int32))
        offsets.append(np.array(encoded.offsets, dtype=np.int32).reshape(-1, 2) + start)
    return PassageTokens(np.concatenate(ids), np.concatenate(offsets).astype(np.int32))


def tokenise_question(tokenizer: Tokenizer, question: str, *, prefix: str, length: int) -> list[int]:
    """Give the ids of a question, cut so that windows of this length have room for the passage."""
    encoded = tokenizer.encode(prefix + replace_surrogates(question), add_special_tokens=False)
    ids: list[int] = encoded.ids[: int(length * MOST_OF_QUESTION)]
    return ids


def windows_of(
    tokenizer: Tokenizer, frame: Frame, questions: Sequence[Question], *, prefix: str, length: int
) -> Iterator[Window]:
    """Give the windows of each question, in order; at least one a question.

    Parameters
    ----------
    tokenizer : Tokenizer
        Without truncation.
    prefix : str
        Put before every question.
    length : int
        Most tokens of a window.
    """
    passage, tokens = None, None
    for row, question in enumerate(questions):
        if (
            tokens is None or question.passage is not passage
        ):  # Questions about one passage mostly follow one another.
            passage, tokens = question.passage, tokenise_passage(tokenizer, question.passage)
        asked = tokenise_question(tokenizer, question.question, prefix=prefix, length=length)
        yield from cut_windows(row, frame, asked, tokens, length=length)


def cut_windows(
    row: int, frame: Frame, question: Sequence[int], passage: PassageTokens, *, length: int
) -> Iterator[Window]:
    """Lay windows over a passage, each beginning three quarters of its room after the last."""
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
