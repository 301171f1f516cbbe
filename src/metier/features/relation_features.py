"""Features of two entities in a text for the traditional pipeline: words with their positions, as strings.

A relation is expressed by few words: mostly those between the two entities ("was caused by"), and the words of the
entities ("the *handle* of the *mug*"). So each word is counted with its position relative to the entities, and with
their order: "X bought Y" and "Y bought X" have the same words. The rule is the same for English and Chinese: words
come from `text.segmentation`; for Chinese, characters of the entities and their context are features too, as a
dictionary may split a name anywhere.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metier.text.normalisation import level
from metier.text.segmentation import has_han, segment

# Characters of context on either side of an entity.
SURROUNDINGS = 240
NEAR_WORDS = 3  # Words before and after whose position counts.
LONGEST_PHRASE = 5  # Up to this many words between the entities are one feature together.
LONGEST_SUFFIX = 4
_marks = re.compile(r"[^\w\s]").findall


@dataclass(frozen=True)
class Parts:
    """A text split at its two entities, in the order of the text.

    Parameters
    ----------
    before, first, between, second, after : str
        With more than twice `SURROUNDINGS` characters between the entities, `between` has both ends, joined by a
        space.
    head_first : bool
    distance : int
        Characters between the entities; 0 where one contains the other.
    """

    before: str
    first: str
    between: str
    second: str
    after: str
    head_first: bool
    distance: int


def split_at_entities(item: Mapping[str, Any]) -> Parts:
    """Split the text of an item at its head and tail."""
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
    """Give the features of an item, repeated as often as they occur."""
    parts = split_at_entities(item)
    order = ">" if parts.head_first else "<"
    before, first, between, second, after = (
        segment(level(part)) for part in (parts.before, parts.first, parts.between, parts.second, parts.after)
    )
    features = [f"order {order}", f"far {order}{_bucket(len(between))}", f"chars {_bucket(parts.distance)}"]
    features += _of_between(between, parts.between, order)
    features += _of_entities(first, second, order)
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


def _of_entities(first: Sequence[str], second: Sequence[str], order: str) -> Iterator[str]:
    for position, words in (("first", first), ("second", second)):
        yield from (f"{position} {order}{word}" for word in words)
        if words:
            # The last word is the head of an English noun phrase; its suffix indicates the kind of thing.
            yield f"{position} is {order}{words[-1]}"
            yield from (f"{position} ends {order}{words[-1][-n:]}" for n in range(2, LONGEST_SUFFIX + 1))
    if first and second:
        yield f"both {order}{first[-1]} {second[-1]}"


def _of_surroundings(before: Sequence[str], after: Sequence[str], order: str) -> Iterator[str]:
    near = before[-NEAR_WORDS:], after[:NEAR_WORDS]
    for position, words in zip(("before", "after"), near, strict=True):
        yield from (f"{position} {order}{phrase}" for n in (1, 2) for phrase in _ngrams(words, n))
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
    parts_by_position = ("between", parts.between), ("first", parts.first), ("second", parts.second)
    for position, part in (*parts_by_position, ("before", near[0]), ("after", near[1])):
        for length in (1, 2, 3):
            yield from (f"{position} #{order}{part[i : i + length]}" for i in range(len(part) - length + 1))


def _ngrams(words: Sequence[str], length: int) -> Iterator[str]:
    return (" ".join(words[i : i + length]) for i in range(len(words) - length + 1))


def _bucket(count: int) -> int:
    """Bucket a count: exact up to 3, then by powers of two."""
    return count if count < 4 else 2 + int(math.log2(count))
