"""Subwords of a text for tagging, and windows for the encoder.

A unit is what gets a tag: a token of `text.tokens`, or several that one subword covers. It is represented by its
first subword. Subwords are aligned by the offsets of the tokenizer.

A text longer than the limit of the encoder is split into windows with an overlap of a quarter. The output of each
subword is taken from the window in which it is furthest from an edge, so that it has context on both sides.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tokenizers import Regex, Tokenizer
from tokenizers.pre_tokenizers import Metaspace, Split
from tokenizers.pre_tokenizers import Sequence as InTurn

from metier.features.tokenization import batches_by_length
from metier.tasks.answers.bio import NOWHERE, as_offsets
from metier.text.normalisation import replace_surrogates
from metier.text.tokens import UNSPACED, token_offsets

# Characters per call of the tokenizer, whose output takes a hundred times their memory.
BLOCK = 20_000
SPACE_SIGN = "\u2581"
OVERLAP_FRACTION = 0.25
WINDOWS_AT_ONCE = 256  # Windows computed before the first text is answered: bounds memory.
TOKEN_BUDGET = 2048

# From the ids of windows to the outputs of the encoder: an array of shape (n_tokens, n_values) per window.
Run = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Pieces:
    """A text as subwords.

    Parameters
    ----------
    ids : ndarray of int32 of shape (n_pieces,)
        Without special tokens and prefix.
    firsts : ndarray of int64 of shape (n_units,)
        Position in `ids` of each unit's first subword.
    offsets : ndarray of int64 of shape (n_units, 2)
        Start and end of each unit in the text.
    """

    ids: np.ndarray
    firsts: np.ndarray
    offsets: np.ndarray


class Window(NamedTuple):
    """Subwords `start` to `stop` of a text; the outputs of `own_start` to `own_stop` are used."""

    start: int
    stop: int
    own_start: int
    own_stop: int


@dataclass(frozen=True)
class Frame:
    """Tokens around every window.

    Parameters
    ----------
    head, tail : ndarray of int32
        Special tokens, and the prefix of the base.
    size : int
        Most subwords between them.
    """

    head: np.ndarray
    tail: np.ndarray
    size: int

    @classmethod
    def of(cls, tokenizer: Tokenizer, *, prefix: str, max_length: int) -> "Frame":
        """Derive it from a tokenizer."""
        probe = tokenizer.encode("a")
        own = np.flatnonzero(np.array(probe.special_tokens_mask) == 0)
        # White space after the prefix belongs to the word that follows.
        before = probe.ids[: own[0]] + tokenizer.encode(prefix.rstrip(), add_special_tokens=False).ids
        after = probe.ids[own[-1] + 1 :]
        size = max_length - len(before) - len(after)
        return cls(np.array(before, np.int32), np.array(after, np.int32), size)

    def around(self, pieces: Pieces, window: Window) -> np.ndarray:
        """Give the input ids of one window."""
        return np.concatenate([self.head, pieces.ids[window.start : window.stop], self.tail])

    def windows(self, n_pieces: int) -> list[Window]:
        """Split `n_pieces` subwords into windows; at least one."""
        step = max(1, self.size - int(self.size * OVERLAP_FRACTION))
        starts = [0]
        while starts[-1] + self.size < n_pieces:
            starts.append(starts[-1] + step)
        stops = [min(start + self.size, n_pieces) for start in starts]
        # Windows meet in the middle of their overlap.
        edges = [0, *((start + stop) // 2 for start, stop in zip(starts[1:], stops, strict=False)), n_pieces]
        return [Window(*bounds) for bounds in zip(starts, stops, edges, edges[1:], strict=False)]


def read_whole(tokenizer: Tokenizer) -> Tokenizer:
    """Switch truncation off, and split scripts without spaces by character; returns the tokenizer."""
    tokenizer.no_truncation()
    if isinstance(tokenizer.pre_tokenizer, Metaspace):
        # SentencePiece may merge characters of several entities; single characters keep their boundaries.
        first = Metaspace(replacement=tokenizer.pre_tokenizer.replacement, prepend_scheme="first")
        tokenizer.pre_tokenizer = InTurn([first, Split(Regex(f"[{UNSPACED}]"), "isolated")])
    return tokenizer


def cut(tokenizer: Tokenizer, text: str) -> Pieces:
    """Give the subwords and units of a whole text."""
    tokens = as_offsets(token_offsets(text))
    clean = replace_surrogates(text)
    ids, offsets = [np.zeros(0, np.int32)], [NOWHERE]
    for start, stop in _blocks(tokens, len(text)):
        block = tokenizer.encode(clean[start:stop], add_special_tokens=False)
        ids.append(np.array(block.ids, dtype=np.int32))
        offsets.append(as_offsets(block.offsets) + start)
    pieces, at = np.concatenate(ids), np.concatenate(offsets)
    # The space symbol that SentencePiece puts before a text has the offsets of the first character.
    at[pieces == tokenizer.token_to_id(SPACE_SIGN)] = 0
    return Pieces(pieces, *_units(at, tokens))


def unit_values(pieces: Sequence[Pieces], frame: Frame, run: Run, *, n_values: int) -> Iterator[np.ndarray]:
    """Give the outputs of the encoder for the units of each text, in bounded memory.

    Yields
    ------
    ndarray of float32 of shape (n_units, n_values)
        One per text, in order.
    """
    waiting: list[tuple[Pieces, list[Window]]] = []
    for text in pieces:
        waiting.append((text, frame.windows(len(text.ids))))
        if sum(len(windows) for _, windows in waiting) >= WINDOWS_AT_ONCE:
            yield from _values_of(waiting, frame, run, n_values)
            waiting = []
    yield from _values_of(waiting, frame, run, n_values)


def _values_of(
    texts: Sequence[tuple[Pieces, list[Window]]], frame: Frame, run: Run, n_values: int
) -> list[np.ndarray]:
    values = [np.empty((len(pieces.ids), n_values), np.float32) for pieces, _ in texts]
    of_rows = [(row, window) for row, (_, windows) in enumerate(texts) for window in windows]
    lengths = [window.stop - window.start + len(frame.head) + len(frame.tail) for _, window in of_rows]
    for batch in batches_by_length(lengths, token_budget=TOKEN_BUDGET):
        some = [of_rows[position] for position in batch.tolist()]
        answers = run([frame.around(texts[row][0], window) for row, window in some])
        for (row, window), answer in zip(some, answers, strict=True):
            shift = len(frame.head) - window.start
            own = slice(window.own_start, window.own_stop)
            values[row][own] = answer[own.start + shift : own.stop + shift]
    return [whole[pieces.firsts] for whole, (pieces, _) in zip(values, texts, strict=True)]


def _blocks(tokens: np.ndarray, n_characters: int) -> Iterator[tuple[int, int]]:
    """Split a text at token boundaries, after white space where possible."""
    after_space = np.flatnonzero(tokens[1:, 0] > tokens[:-1, 1]) + 1
    good, any_token = tokens[after_space, 0], tokens[:, 0]
    start = 0
    while n_characters - start > BLOCK:
        stop = start + BLOCK
        for starts in (good, any_token):
            found = int(np.searchsorted(starts, start + BLOCK, side="right")) - 1
            if found >= 0 and starts[found] > start:
                stop = int(starts[found])
                break
        yield start, stop
        start = stop
    yield start, n_characters


def _units(offsets: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find where units begin: at tokens where a subword begins that no earlier subword overlaps.

    Parameters
    ----------
    offsets : ndarray of int of shape (n_pieces, 2)
        Start and end of each subword.
    tokens : ndarray of int of shape (n_tokens, 2)
    """
    first = np.searchsorted(tokens[:, 1], offsets[:, 0], side="right")
    last = np.searchsorted(tokens[:, 0], offsets[:, 1], side="left") - 1
    real = np.flatnonzero((first <= last) & (offsets[:, 0] < offsets[:, 1]))  # The others are white space.
    begins = np.zeros(len(tokens), dtype=bool)
    reached = np.zeros(len(tokens), dtype=bool)
    begins[first[real]] = True
    for piece in real[last[real] > first[real]].tolist():
        reached[first[piece] + 1 : last[piece] + 1] = True
    begins &= ~reached
    starts = np.flatnonzero(begins)
    if len(starts) == 0:
        return np.zeros(0, dtype=np.int64), NOWHERE
    known, where = np.unique(first[real], return_index=True)
    firsts = real[where[np.searchsorted(known, starts)]]
    inside = np.flatnonzero(begins | reached)
    last_inside = inside[np.searchsorted(inside, np.append(starts[1:], len(tokens))) - 1]
    return firsts, np.stack([tokens[starts, 0], tokens[last_inside, 1]], axis=1)
