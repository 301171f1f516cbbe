"""A text with two entities as the phrase that relates them, in the words of the text.

Of a whole sentence most words say nothing of how two of its parts relate; the vector of an encoder of sentences would be
theirs. So the phrase is what lies between the entities, with a few words to either side, and it begins with the names of
both: "author of book: The author wrote a book" differs from the same words with the entities changed over.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.features.relation_features import Parts, split_at_entities
from metier.text.segmentation import has_han

NEAR_CHARACTERS = 40  # To either side of the entities; of Chinese a third, whose characters are words.
HAN_SHARE = 3
MOST_BETWEEN = 240


def relation_phrase(item: Mapping[str, Any]) -> str:
    """Give the phrase of a checked item."""
    parts = split_at_entities(item)
    between = parts.between
    if len(between) > MOST_BETWEEN:
        between = f"{between[: MOST_BETWEEN // 2]} … {between[-MOST_BETWEEN // 2 :]}"
    head, tail = named(item)
    near = NEAR_CHARACTERS // HAN_SHARE if has_han(item["text"]) else NEAR_CHARACTERS
    around = f"{_end_of(parts, near)}{parts.first}{between}{parts.second}{_start_of(parts, near)}"
    return f"{head}, {tail}: {' '.join(around.split())}"


def named(item: Mapping[str, Any]) -> tuple[str, str]:
    """Give the words of the first and of the second entity of a checked item."""
    head, tail = (" ".join(item["text"][slice(*item[name])].split()) for name in ("head", "tail"))
    return head, tail


def relation_phrases(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give the phrase of each item."""
    return [relation_phrase(item) for item in items]


def _end_of(parts: Parts, near: int) -> str:
    """What stands before the entities, from the beginning of a word on."""
    if len(parts.before) <= near:
        return parts.before
    kept = parts.before[-near:]
    return kept if has_han(kept) else kept.partition(" ")[2]


def _start_of(parts: Parts, near: int) -> str:
    """What stands after the entities, to the end of a word."""
    if len(parts.after) <= near:
        return parts.after
    kept = parts.after[:near]
    return kept if has_han(kept) else kept.rpartition(" ")[0]
