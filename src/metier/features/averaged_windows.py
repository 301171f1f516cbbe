"""Overlapping windows of long texts for encoders, and the average of their outputs.

A text that fits is one window. A longer one is split into windows of the maximum length of the encoder, each sharing
a quarter with the one before; the outputs are averaged, weighted by the tokens that are new in each window. Of a pair
the longer text is split and the shorter one is whole in each window; if neither fits in half of a window, both are
split in parallel.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from tokenizers import Tokenizer

from metier.features.tokenization import CHARACTERS_PER_TOKEN, encoded
from metier.text.normalisation import replace_surrogates
from metier.text.offsets import Offsets

T = TypeVar("T")
NOWHERE: Offsets = (0, 0)

OVERLAP_FRACTION = 0.25
# Characters per call of the tokenizer, whose output takes a hundred times their memory.
BLOCK = 20_000
# Windows encoded before the next texts are split: bounds memory.
WINDOWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Windows:
    """Texts or pairs, split into windows.

    Parameters
    ----------
    ids : list of list of int
        Token ids of every window, special tokens included.
    owners : ndarray of int64 of shape (n_windows,)
        Position of the input of each window, ascending from 0.
    new_tokens : ndarray of float64 of shape (n_windows,)
        Tokens of each window that are not in the one before, at least 1.
    """

    ids: list[list[int]]
    owners: np.ndarray
    new_tokens: np.ndarray

    def average(self, numbers: np.ndarray) -> np.ndarray:
        """Average the windows of each input, weighted by their new tokens."""
        if len(self.ids) == self.owners[-1] + 1:  # Every input is one window.
            return numbers
        starts = np.flatnonzero(np.diff(self.owners, prepend=-1))
        sums = np.add.reduceat(numbers * self.new_tokens[:, None], starts, axis=0)
        means: np.ndarray = sums / np.add.reduceat(self.new_tokens, starts)[:, None]
        return means.astype(numbers.dtype)


class Cutter:
    """Splits texts or pairs for one encoder.

    Parameters
    ----------
    tokenizer : Tokenizer
        Its truncation is switched off.
    max_length : int
        Tokens that the encoder reads, special tokens included.
    prefix : str
        Prepended to every text, as in the training of the encoder.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_length: int, prefix: str):
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._prefix = prefix
        self._prefix_ids = self._encode("") if prefix else []
        self._around_text = _special_ids(tokenizer.encode("a"))
        self._around_pair = _special_ids(tokenizer.encode("a", "a"))

    def cut(self, inputs: Sequence[Any]) -> Windows:
        """Split texts (each a str) or pairs (each two str)."""
        ids: list[list[int]] = []
        owners: list[int] = []
        new_tokens: list[float] = []
        for position, value in enumerate(inputs):
            parts = self._text_windows(value) if isinstance(value, str) else self._pair_windows(*value)
            for window, fresh in parts:
                ids.append(window)
                owners.append(position)
                new_tokens.append(max(fresh, 1.0))
        return Windows(ids, np.array(owners, dtype=np.int64), np.array(new_tokens))

    def first(self, inputs: Sequence[Any]) -> list[list[int]]:
        """Give the first window of each input, for timing."""
        longest = CHARACTERS_PER_TOKEN * self._max_length
        return [
            self.cut([value[:longest] if isinstance(value, str) else [side[:longest] for side in value]]).ids[0]
            for value in inputs
        ]

    def average(
        self, run: Callable[[Sequence[Sequence[int]]], np.ndarray], inputs: Sequence[Any]
    ) -> np.ndarray:
        """Encode inputs: one row per input, averaged over its windows.

        Parameters
        ----------
        run : callable
            From the token ids of windows to an array of shape (n_windows, size).
        inputs : sequence of str or of pairs of str
            At least one.

        Returns
        -------
        ndarray of shape (n_inputs, size)
        """
        rows = []
        for some in self.parts(inputs):
            windows = self.cut(some)
            numbers = [
                run(windows.ids[start : start + WINDOWS_AT_ONCE])
                for start in range(0, len(windows.ids), WINDOWS_AT_ONCE)
            ]
            rows.append(windows.average(np.concatenate(numbers)))
        return np.concatenate(rows)

    def parts(self, inputs: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """Split the inputs into blocks of about `WINDOWS_AT_ONCE` windows at most (a single long text may have more)."""
        start, windows = 0, 0
        for position, value in enumerate(inputs):
            characters = len(value) if isinstance(value, str) else sum(map(len, value))
            windows += (
                1 + characters // self._max_length
            )  # An upper bound, as a token has at least one character.
            if windows >= WINDOWS_AT_ONCE or position == len(inputs) - 1:
                yield inputs[start : position + 1]
                start, windows = position + 1, 0

    def offsets(self, text: str) -> list[list[Offsets]]:
        """Give where each token of each window of a text stands in it; special tokens and the prefix are at (0, 0)."""
        before, after = self._around_text
        room = self._max_length - len(before) - len(after)
        skipped = len(self._prefix)
        places = [
            (max(0, start + low - skipped), max(0, start + high - skipped))
            for start, encoding in self._blocks(text)
            for low, high in encoding.offsets
        ]
        windows = _slide(places, room, head=[NOWHERE] * len(self._prefix_ids))
        around = [NOWHERE] * len(before), [NOWHERE] * len(after)
        return [[*around[0], *window, *around[1]] for window, _ in windows]

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for _, encoding in self._blocks(text):
            ids += encoding.ids
        return ids

    def _blocks(self, text: str) -> Iterator[tuple[int, Any]]:
        """Give the encoding of each block of a text with its prefix, and where the block begins."""
        whole = self._prefix + replace_surrogates(text)
        start = 0
        while True:
            stop = start + BLOCK
            if stop < len(whole):  # At a space where there is one.
                stop = max(whole.rfind(" ", start + 1, stop), 0) or stop
            yield start, encoded(self._tokenizer, whole[start:stop], add_special_tokens=False)
            start = stop
            if start >= len(whole):
                return

    def _text_windows(self, text: str) -> Iterator[tuple[list[int], float]]:
        before, after = self._around_text
        room = self._max_length - len(before) - len(after)
        for window, fresh in _slide(self._encode(text), room, head=self._prefix_ids):
            yield [*before, *window, *after], fresh

    def _pair_windows(self, text: str, text_pair: str) -> Iterator[tuple[list[int], float]]:
        before, between, after = self._around_pair
        sides = [self._encode(text), self._encode(text_pair)]
        rooms = _share(len(sides[0]), len(sides[1]), self._max_length - len(before) - len(between) - len(after))
        one, other = (
            list(_slide(side, room, head=self._prefix_ids)) for side, room in zip(sides, rooms, strict=True)
        )
        n_windows = max(len(one), len(other))
        for number in range(n_windows):
            first = one[number * len(one) // n_windows]
            second = other[number * len(other) // n_windows]
            # The side with more windows advances with every window.
            fresh = first[1] if len(one) >= len(other) else second[1]
            yield [*before, *first[0], *between, *second[0], *after], fresh


def _share(n_one: int, n_other: int, room: int) -> tuple[int, int]:
    """Give the number of tokens of each side of a pair in a window."""
    half = room // 2
    if n_one + n_other <= room:
        return max(n_one, 1), max(n_other, 1)
    if min(n_one, n_other) > half:
        return half, half
    return (n_one or 1, room - n_one) if n_one < n_other else (room - n_other, n_other or 1)


def _slide(ids: list[T], room: int, *, head: list[T]) -> Iterator[tuple[list[T], float]]:
    """Give windows of `room` ids and the number of new ids in each; `head` is prepended to all but the first."""
    yield ids[:room], min(len(ids), room)
    done = room
    inner = max(room - len(head), 1)
    overlap = int(inner * OVERLAP_FRACTION)
    while done < len(ids):
        start = max(done - overlap, 0)
        window = ids[start : start + inner]
        yield [*head, *window], start + len(window) - done
        done = start + len(window)


def _special_ids(encoding: Any) -> tuple[list[int], ...]:
    """Give the special ids before, between and after the texts of an encoding."""
    found: list[list[int]] = [[]]
    previous = None
    for token, sequence in zip(encoding.ids, encoding.sequence_ids, strict=True):
        if sequence is None:
            found[-1].append(token)
        elif sequence != previous:
            found.append([])
            previous = sequence
    return tuple(found)
