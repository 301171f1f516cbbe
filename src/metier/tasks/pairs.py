"""Pairs of texts as a method takes them, checked once: both sides there, or the row is named."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from metier.errors import EmptyDataError, MissingSideError

SIDES = ("text", "text_pair")


class Pair(NamedTuple):
    """Two texts that are judged together."""

    text: str
    text_pair: str


def as_pairs(X: Any, *, origin: str = "these pairs") -> list[Pair]:
    """Give the pairs of whatever a method or a predictor was handed.

    Parameters
    ----------
    X : sequence of mappings with the keys `text` and `text_pair`, or of two texts each
    origin : str
        Where they came from, for messages.

    Raises
    ------
    EmptyDataError
        If there is nothing in it.
    MissingSideError
        If a side is missing or blank.
    TypeError
        If it does not hold pairs.
    """
    if isinstance(X, str | Mapping):
        raise TypeError(f"Expected a list of pairs, found one {type(X).__name__}. Put it in a list: [pair].")
    pairs = [_as_pair(value, position, origin) for position, value in enumerate(X)]
    if not pairs:
        raise EmptyDataError("Expected at least one pair, found none. Give pairs of two texts.")
    return pairs


def as_items(pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """Give pairs in the form in which they are written down: mappings with `text` and `text_pair`."""
    return [pair._asdict() for pair in pairs]


def _as_pair(value: Any, position: int, origin: str) -> Pair:
    if isinstance(value, Mapping):
        sides = [value.get(side) for side in SIDES]
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        sides = list(value)
    else:
        raise TypeError(
            f"Expected a pair of texts at position {position}, found {type(value).__name__}. "
            "Give mappings with the keys 'text' and 'text_pair', or two texts each."
        )
    for side, text in zip(SIDES, sides, strict=True):
        if text is None or (isinstance(text, str) and not text.strip()):
            raise MissingSideError(position + 1, side, origin=origin)
        if not isinstance(text, str):
            raise TypeError(f"Expected a text as {side!r} of row {position + 1}, found {type(text).__name__}.")
    return Pair(*sides)
