"""Token ids of a text with two entities marked: `… the [H] handle [/H] of the [T] mug [/T] …`.

The marks are tokens of their own, set between the ids and never read from a text, so nobody can type them. They are
the last four of the vocabulary, which is how a model finds them in the ids.

A text that is too long keeps what lies around its entities: all that is between them where it fits, else the
surroundings of both with what lies in the middle left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tokenizers import AddedToken, Tokenizer

from metier.errors import BundleError
from metier.text.surrogates import replace_surrogates

MARKS = ("[H]", "[/H]", "[T]", "[/T]")
# Characters read for each token that may be kept: bounds the work on a book.
CHARACTERS_PER_TOKEN = 12
# An entity longer than this share of what may be read is cut: its surroundings say more than its end.
LONGEST_ENTITY_FRACTION = 0.125


@dataclass(frozen=True)
class Marked:
    """One text, ready for the model.

    Parameters
    ----------
    ids : list of int
        Marks and special tokens included.
    is_apart : bool
        Whether what lies between the entities had to be left out in the middle.
    """

    ids: list[int]
    is_apart: bool


class EntityMarker:
    """Turns texts with two entities into token ids. Safe to share between threads.

    Parameters
    ----------
    tokenizer : Tokenizer
        Holds the marks; it is not cut and not padded.
    prefix : str
        What the base wants before a text.
    max_length : int
        Most tokens of a text.
    """

    def __init__(self, tokenizer: Tokenizer, *, prefix: str, max_length: int):
        tokenizer.no_truncation()
        ids: list[int] = [token for mark in MARKS if (token := tokenizer.token_to_id(mark)) is not None]
        if len(ids) < len(MARKS):
            raise BundleError(
                f"The tokenizer lacks the marks of entities, {', '.join(MARKS)}. Export the method again."
            )
        self.tokenizer = tokenizer
        self.prefix = prefix
        self.max_length = max_length
        self._head, self._tail = ids[:2], ids[2:]
        special: list[int] = tokenizer.encode("").ids
        self._opening, self._closing = special[:1], special[1:]
        self._longest = int(max_length * LONGEST_ENTITY_FRACTION)
        self._characters = max_length * CHARACTERS_PER_TOKEN

    @classmethod
    def adding_marks(cls, tokenizer: Tokenizer, *, prefix: str, max_length: int) -> Self:
        """Add the marks to a tokenizer first."""
        tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in MARKS])
        return cls(tokenizer, prefix=prefix, max_length=max_length)

    def mark(self, item: Mapping[str, Any]) -> Marked:
        """Give the ids of a checked item."""
        places = [(tuple(item["head"]), self._head), (tuple(item["tail"]), self._tail)]
        (first, its_marks), (second, other_marks) = sorted(places, key=lambda place: place[0])
        text = item["text"]
        one = [its_marks[0], *self._encode(text[slice(*first)])[: self._longest], its_marks[1]]
        other = [other_marks[0], *self._encode(text[slice(*second)])[: self._longest], other_marks[1]]
        before = self._encode(self.prefix + text[: first[0]][-self._characters :])
        between, is_long = self._encode_between(text[first[1] : max(first[1], second[0])])
        after = self._encode(text[max(first[1], second[1]) :][: self._characters])
        room = self.max_length - len(one) - len(other) - len(self._opening) - len(self._closing)
        kept = _fit(before, between, after, room, is_apart=is_long or len(between) > room)
        ids = [*self._opening, *kept[0], *one, *kept[1], *other, *kept[2], *self._closing]
        return Marked(ids, is_long or len(between) > room)

    def _encode(self, part: str) -> list[int]:
        if not part.strip():
            return []
        ids: list[int] = self.tokenizer.encode(replace_surrogates(part), add_special_tokens=False).ids
        return ids

    def _encode_between(self, part: str) -> tuple[list[int], bool]:
        """Give the ids between the entities, and whether the middle was left out before it was read."""
        if len(part) <= 2 * self._characters:
            return self._encode(part), False
        return self._encode(part[: self._characters]) + self._encode(part[-self._characters :]), True


def _fit(
    before: Sequence[int], between: Sequence[int], after: Sequence[int], room: int, *, is_apart: bool
) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Give what of three parts fits into so many tokens together."""
    if is_apart:
        side = room // 4
        return _last(before, side), [*between[:side], *_last(between, side)], after[:side]
    left = room - len(between)
    # What one side does not need, the other gets.
    n_before = min(len(before), max(left // 2, left - len(after)))
    return _last(before, n_before), between, after[: left - n_before]


def _last(ids: Sequence[int], n: int) -> Sequence[int]:
    return ids[max(0, len(ids) - n) :]
