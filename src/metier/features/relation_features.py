"""What the traditional pipeline sees of two pieces of a text: words and their places, as strings that are counted.

A relation is said by few words in the right place: those between the two pieces ("was caused by") more than those
around them, and the pieces' own words ("the *handle* of the *mug*") nearly as much. Each word is therefore
counted under the place where it stands, and with the order of the two pieces: "X bought Y" and "Y bought X" hold
the same words. One rule serves English and Chinese: words come from `text.segmentation`, and pieces and their
surroundings give characters too, since a dictionary may cut a name anywhere.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metier.text.ngrams import level
from metier.text.segmentation import has_han, segment

# Characters read on either side of a piece: two pieces at the ends of a book are judged by their surroundings.
SURROUNDINGS = 240
NEAR_WORDS = 3  # Of the words before and after, those whose place counts.
LONGEST_PHRASE = 5  # Words between the pieces that are also one feature together.
LONGEST_SUFFIX = 4
_marks = re.compile(r"[^\w\s]").findall


@dataclass(frozen=True)
class Parts:
    """A text cut at its two pieces, in the order in which they stand.

    Parameters
    ----------
    before, first, between, second, after : str
        Where more than twice `SURROUNDINGS` characters lie between the pieces, `between` holds both ends and a
        space for what is left out.
    head_first : bool
    distance : int
        Characters between the pieces; 0 where one lies in the other.
    """

    before: str
    first: str
    between: str
    second: str
    after: str
    head_first: bool
    distance: int


def cut_at_pieces(item: Mapping[str, Any]) -> Parts:
    """Cut the text of an item at its head and tail."""
    text = item["text"]
    (start, end), (next_start, next_end) = sorted([tuple(item["head"]), tuple(item["tail"])])
    between = text[end : max(end, next_start)]
    if len(between) > 2 * SURROUNDINGS:
        between = f"{between[:SURROUNDINGS]} {between[-SURROUNDINGS:]}"
    after = max(end, next_end)
    return Parts(
        before=text[max(0, start - SURROUNDINGS) : start],
        first=text[start:end][:SURROUNDINGS],
        between=between,
        second=text[next_start:next_end][:SURROUNDINGS],
        after=text[after : after + SURROUNDINGS],
        head_first=tuple(item["head"]) <= tuple(item["tail"]),
        distance=max(0, next_start - end),
    )


def relation_features(item: Mapping[str, Any]) -> list[str]:
    """Give the features of an item, one string each time it is seen."""
    parts = cut_at_pieces(item)
    order = ">" if parts.head_first else "<"
    before, first, between, second, after = (
        segment(level(part)) for part in (parts.before, parts.first, parts.between, parts.second, parts.after)
    )
    features = [f"order {order}", f"far {order}{_bucket(len(between))}", f"chars {_bucket(parts.distance)}"]
    features += _of_between(between, parts.between, order)
    features += _of_pieces(first, second, order)
    features += _of_surroundings(before, after, order)
    features += [f"any {word}" for word in {*before, *between, *after}]
    features += _of_types(item)
    if has_han(parts.first + parts.between + parts.second):
        features += _of_characters(parts, order)
    return features


def _of_between(words: Sequence[str], part: str, order: str) -> Iterator[str]:
    for length in (1, 2, 3):
        for phrase in _ngrams(words, length):
            yield f"between {order}{phrase}"
            yield f"between {phrase}"
    if len(words) <= LONGEST_PHRASE:
        yield f"phrase {order}{' '.join(words)}"
    if words:
        yield f"opens {order}{words[0]}"
        yield f"closes {order}{words[-1]}"
    yield from (f"mark {mark}" for mark in set(_marks(part)))


def _of_pieces(first: Sequence[str], second: Sequence[str], order: str) -> Iterator[str]:
    for place, words in (("first", first), ("second", second)):
        yield from (f"{place} {order}{word}" for word in words)
        if words:
            # The last word is the head of an English noun; its suffix says what kind of thing it names.
            yield f"{place} is {order}{words[-1]}"
            yield from (f"{place} ends {order}{words[-1][-n:]}" for n in range(2, LONGEST_SUFFIX + 1))
    if first and second:
        yield f"both {order}{first[-1]} {second[-1]}"


def _of_surroundings(before: Sequence[str], after: Sequence[str], order: str) -> Iterator[str]:
    near = before[-NEAR_WORDS:], after[:NEAR_WORDS]
    for place, words in zip(("before", "after"), near, strict=True):
        yield from (f"{place} {order}{phrase}" for n in (1, 2) for phrase in _ngrams(words, n))
    yield f"last {order}{' '.join(near[0][-1:])}"
    yield f"next {order}{' '.join(near[1][:1])}"


def _of_types(item: Mapping[str, Any]) -> Iterator[str]:
    kinds = item.get("head_type"), item.get("tail_type")
    if any(kinds):
        yield f"head type {kinds[0]}"
        yield f"tail type {kinds[1]}"
        yield f"types {kinds[0]} {kinds[1]}"


def _of_characters(parts: Parts, order: str) -> Iterator[str]:
    near = parts.before[-2 * NEAR_WORDS :], parts.after[: 2 * NEAR_WORDS]
    places = ("between", parts.between), ("first", parts.first), ("second", parts.second)
    for place, part in (*places, ("before", near[0]), ("after", near[1])):
        for length in (1, 2, 3):
            yield from (f"{place} #{order}{part[i : i + length]}" for i in range(len(part) - length + 1))


def _ngrams(words: Sequence[str], length: int) -> Iterator[str]:
    return (" ".join(words[i : i + length]) for i in range(len(words) - length + 1))


def _bucket(count: int) -> int:
    """Counts one by one up to 3, then by powers of two: 4 and 5 differ less than 1 and 2."""
    return count if count < 4 else 2 + int(math.log2(count))
