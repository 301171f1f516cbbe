"""Token ids of a text with two entities marked: `… the [H] handle [/H] of the [T] mug [/T] …`.

The markers are special tokens inserted between ids and never read from a text, so users cannot type them. They are the
last four of the vocabulary, where the model finds them.

A text that is too long is cut to the context of its entities: with everything between them if it fits, else the
context of each, without the middle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tokenizers import AddedToken, Tokenizer

from metier.errors import BundleError
from metier.text.normalisation import replace_surrogates

MARKS = ("[H]", "[/H]", "[T]", "[/T]")
# Characters tokenized per token kept: bounds the work on a long text.
CHARACTERS_PER_TOKEN = 12
# A longer entity (share of the maximum length) is truncated: its context is more informative than its end.
LONGEST_ENTITY_FRACTION = 0.125


@dataclass(frozen=True)
class Marked:
    """Input ids of one text.

    Parameters
    ----------
    ids : list of int
        With markers and special tokens.
    is_split : bool
        Whether the middle between the entities was cut out.
    """

    ids: list[int]
    is_split: bool


class EntityMarker:
    """Turns texts with two entities into token ids. Safe to share between threads.

    Parameters
    ----------
    tokenizer : Tokenizer
        With the markers; without truncation and padding.
    prefix : str
        The prefix of the base.
    max_length : int
        Most tokens of a text.
    """

    def __init__(self, tokenizer: Tokenizer, *, prefix: str, max_length: int):
        tokenizer.no_truncation()
        ids: list[int] = [token for mark in MARKS if (token := tokenizer.token_to_id(mark)) is not None]
        if len(ids) < len(MARKS):
            raise BundleError(
                f"The tokenizer lacks the entity markers {', '.join(MARKS)}. Export the method again."
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
        """Add the markers to a tokenizer first."""
        tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in MARKS])
        return cls(tokenizer, prefix=prefix, max_length=max_length)

    def mark(self, item: Mapping[str, Any]) -> Marked:
        """Give the ids of a checked item."""
        entities = [(tuple(item["head"]), self._head), (tuple(item["tail"]), self._tail)]
        (first, its_marks), (second, other_marks) = sorted(entities, key=lambda entity: entity[0])
        text = item["text"]
        one = [its_marks[0], *self._encode(text[slice(*first)])[: self._longest], its_marks[1]]
        other = [other_marks[0], *self._encode(text[slice(*second)])[: self._longest], other_marks[1]]
        before = self._encode(self.prefix + text[: first[0]][-self._characters :])
        between, is_long = self._encode_between(text[first[1] : max(first[1], second[0])])
        after = self._encode(text[max(first[1], second[1]) :][: self._characters])
        room = self.max_length - len(one) - len(other) - len(self._opening) - len(self._closing)
        kept = _fit(before, between, after, room, is_split=is_long or len(between) > room)
        ids = [*self._opening, *kept[0], *one, *kept[1], *other, *kept[2], *self._closing]
        return Marked(ids, is_long or len(between) > room)

    def _encode(self, part: str) -> list[int]:
        if not part.strip():
            return []
        ids: list[int] = self.tokenizer.encode(replace_surrogates(part), add_special_tokens=False).ids
        return ids

    def _encode_between(self, part: str) -> tuple[list[int], bool]:
        """Give the ids between the entities, and whether the middle was cut out before tokenization."""
        if len(part) <= 2 * self._characters:
            return self._encode(part), False
        return self._encode(part[: self._characters]) + self._encode(part[-self._characters :]), True


def _fit(
    before: Sequence[int], between: Sequence[int], after: Sequence[int], room: int, *, is_split: bool
) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Truncate three parts to `room` tokens together."""
    if is_split:
        side = room // 4
        return _last(before, side), [*between[:side], *_last(between, side)], after[:side]
    left = room - len(between)
    # Room that one side does not need goes to the other.
    n_before = min(len(before), max(left // 2, left - len(after)))
    return _last(before, n_before), between, after[: left - n_before]


def _last(ids: Sequence[int], n: int) -> Sequence[int]:
    return ids[max(0, len(ids) - n) :]
