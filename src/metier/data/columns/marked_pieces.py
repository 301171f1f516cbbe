"""The pieces of a text that a value marks, spans, entities or answers, and the value after its text was edited.

A value keeps its shape, whatever tool wrote it: `[0, 4, "PER"]`, an object with `start_offset`, an answer with its text.
"""

from collections.abc import Callable, Mapping
from typing import Any

from metier.data.columns.spans import ENDS, STARTS, SURFACES, decode
from metier.text.offsets import Offsets

Move = Callable[[Offsets], Offsets]
ANSWER_STARTS = ("start", "answer_start")


class UnfitPieceError(ValueError):
    """A piece is not in its text."""


def pieces_of(value: Any, text: str) -> list[Offsets]:
    """Give the offsets that a value of spans, of an entity or of answers holds.

    Raises
    ------
    UnfitPieceError
        If one is outside of the text, or says that another text stands there.
    """
    found: list[Offsets] = []

    def keep(offsets: Offsets) -> Offsets:
        found.append(offsets)
        return offsets

    _walked(decode(value), text, text, keep)
    return found


def moved_pieces(value: Any, before: str, after: str, move: Move) -> Any:
    """Give the value with the offsets and the texts of its pieces after an edit of their text.

    Parameters
    ----------
    before, after : str
        The text before and after.
    move : callable
        Gives the offsets after the edit.
    """
    return _walked(decode(value), before, after, move)


def _walked(value: Any, before: str, after: str, move: Move) -> Any:
    if isinstance(value, list):
        if len(value) in (2, 3) and all(_is_whole(number) for number in value[:2]):
            return [*_place(value[0], value[1], before, move), *value[2:]]
        return [_walked(item, before, after, move) for item in value]
    if not isinstance(value, Mapping):
        return value
    starts = next((key for key in STARTS if _is_whole(value.get(key))), None)
    ends = next((key for key in ENDS if _is_whole(value.get(key))), None)
    if starts and ends:
        return _span(value, starts, ends, before, after, move)
    answered = next((key for key in ANSWER_STARTS if value.get(key) is not None), None)
    if answered and "text" in value:
        return _answer(value, answered, before, after, move)
    return {key: _walked(item, before, after, move) for key, item in value.items()}


def _span(
    value: Mapping[str, Any], starts: str, ends: str, before: str, after: str, move: Move
) -> dict[str, Any]:
    start, end = _place(value[starts], value[ends], before, move)
    moved = {**value, starts: start, ends: end}
    surface = next((key for key in SURFACES if isinstance(value.get(key), str)), None)
    if surface and value[surface]:
        _check(before[value[starts] : value[ends]] == value[surface])
        moved[surface] = after[start:end]
    return moved


def _answer(value: Mapping[str, Any], key: str, before: str, after: str, move: Move) -> dict[str, Any]:
    """Move one answer, or several whose texts and starts stand in two lists."""
    several = isinstance(value["text"], list)
    texts, starts = (value["text"], value[key]) if several else ([value["text"]], [value[key]])
    _check(isinstance(starts, list) and len(starts) == len(texts))
    places = []
    for text, start in zip(texts, starts, strict=True):
        _check(isinstance(text, str) and _is_whole(start) and before[start : start + len(text)] == text)
        places.append(_place(start, start + len(text), before, move))
    answers = [after[start:end] for start, end in places]
    begins = [start for start, _ in places]
    return {**value, "text": answers if several else answers[0], key: begins if several else begins[0]}


def _place(start: int, end: int, before: str, move: Move) -> Offsets:
    _check(0 <= start < end <= len(before))
    return move((start, end))


def _check(fits: bool) -> None:
    if not fits:
        raise UnfitPieceError


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
