"""The text of an item of any task."""

from collections.abc import Mapping
from typing import Any


def text_of(item: Any) -> str:
    """Give a text unchanged; for a pair, question or conversation, its texts joined with spaces."""
    if isinstance(item, str):
        return item
    values = item.values() if isinstance(item, Mapping) else item
    return " ".join(text_of(value) for value in values if isinstance(value, str | Mapping | list | tuple))
