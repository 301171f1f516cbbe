"""All the words of an item of whatever task, as one text."""

from collections.abc import Mapping
from typing import Any


def text_of(item: Any) -> str:
    """Give a text as it is, and of a pair, a question or a conversation all its texts with a space between them."""
    if isinstance(item, str):
        return item
    values = item.values() if isinstance(item, Mapping) else item
    return " ".join(text_of(value) for value in values if isinstance(value, str | Mapping | list | tuple))
