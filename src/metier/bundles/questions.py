"""What a bundle may be asked: texts, or objects with the keys that its task asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.errors import suggest
from metier.tasks.entity_pairs import RULE, entity_fault

# What stands under a key, in words and as a check; every other key holds a text.
SHAPES = {
    "head": "[start, end]: two whole numbers, the characters of the first entity",
    "tail": "[start, end]: two whole numbers, the characters of the second entity",
    "messages": "a list of {role, content}",
}
# May be given or left out.
OPTIONAL = frozenset({"head_type", "tail_type"})


def check_items(items: Any, keys: Sequence[str]) -> list[Any]:
    """Give the items as a list, each of the shape that a task with these keys asks about.

    A task of one text takes plain texts; one of several parts takes mappings with exactly these keys.

    Raises
    ------
    TypeError
        If this is one item instead of a list, or an item is of another shape: its position and what is wrong.
    """
    if isinstance(items, str | Mapping):
        raise TypeError("Expected a list of questions, found one. Put it in a list: [question].")
    checked = list(items)
    for position, item in enumerate(checked):
        fault = fault_of(item, keys)
        if fault:
            raise TypeError(f"At position {position}: {fault}")
    return checked


def fault_of(item: Any, keys: Sequence[str]) -> str | None:
    """Say what is wrong with an item, in a sentence; None where nothing is."""
    if tuple(keys) == ("text",):
        return None if isinstance(item, str) else f"expected a text, found {type(item).__name__}. Give a str."
    if isinstance(item, str) and "text" in keys and "messages" in keys:
        return None  # A task that writes takes a text or a dialogue.
    if not isinstance(item, Mapping):
        return f"expected an object with {' and '.join(keys)}, found {type(item).__name__}."
    alternatives = {"text", "messages"} if "messages" in keys else set()
    missing = [key for key in keys if key not in item and key not in alternatives]
    if missing or (alternatives and not alternatives & set(item)):
        return f"{(missing or ['text or messages'])[0]!r} is missing. Give {' and '.join(keys)}."
    unknown = [key for key in item if key not in keys and key not in OPTIONAL]
    if unknown:
        return f"there is no {unknown[0]!r}.{suggest(unknown[0], keys)} Known: {', '.join(keys)}."
    fault = next((fault for key in item if (fault := _fault_of_value(key, item[key]))), None)
    if fault is None and "head" in keys:
        wrong = entity_fault(item)
        return wrong and f"{wrong}. {RULE}"
    return fault


def _fault_of_value(key: str, value: Any) -> str | None:
    if key in ("head", "tail"):
        is_right = (
            isinstance(value, Sequence) and len(value) == 2 and all(isinstance(place, int) for place in value)
        )
    elif key == "messages":
        is_right = isinstance(value, Sequence) and all(
            isinstance(turn, Mapping) and {"role", "content"} <= set(turn) for turn in value
        )
    else:
        is_right = isinstance(value, str)
    return None if is_right else f"{key!r} should be {SHAPES.get(key, 'a text')}; found {value!r:.80}."
