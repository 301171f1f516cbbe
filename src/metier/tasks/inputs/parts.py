"""Faults of an input of several parts, as it was typed or sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.errors import suggest


def parts_fault(item: Any, keys: Sequence[str], *, optional: Sequence[str] = ()) -> str | None:
    """Give which key of a mapping is missing or unknown, in a sentence; None: none is.

    Parameters
    ----------
    keys : sequence of str
        What a question consists of.
    optional : sequence of str
        Keys that may be given or left out.
    """
    listed = " and ".join(keys)
    if not isinstance(item, Mapping):
        return f"expected an object with {listed}, found {type(item).__name__}."
    missing = [key for key in keys if key not in item]
    if missing:
        return f"{missing[0]!r} is missing. Give {listed}."
    unknown = [key for key in item if key not in keys and key not in optional]
    if unknown:
        return f"there is no {unknown[0]!r}.{suggest(unknown[0], keys)} Known: {', '.join(keys)}."
    return None


def texts_fault(item: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """Give which of these keys holds no text, in a sentence; None: all do."""
    wrong = next((key for key in keys if key in item and not isinstance(item[key], str)), None)
    return None if wrong is None else shape_fault(wrong, item[wrong], "a text")


def shape_fault(key: str, value: Any, expected: str) -> str:
    """Say that something else was expected under a key."""
    return f"{key!r} should be {expected}; found {value!r:.80}."
