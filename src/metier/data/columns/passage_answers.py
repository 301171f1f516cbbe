"""Answers that are pieces of a passage, in the shapes in which SQuAD and its kin write them."""

from collections.abc import Mapping
from typing import Any

from metier.data.columns.spans import decode
from metier.data.columns.value_faults import FaultError
from metier.text.offsets import nearest

REPAIR = (
    "moves an answer to the nearest place where it stands, leaves out answers that stand nowhere, and leaves out "
    "questions that had no other"
)


def is_answers(value: Any) -> bool:
    """Whether a value has the shape of answers with offsets: a list of objects, or SQuAD's lists of columns."""
    value = decode(value)
    if isinstance(value, Mapping):
        return "text" in value and ("answer_start" in value or "start" in value)
    return isinstance(value, list) and all(isinstance(item, Mapping) and "text" in item for item in value)


def parse_answers(value: Any, passage: str, *, repair: bool = False) -> list[dict[str, Any]]:
    """Give the answers to a question as text and start, checked to stand in the passage; none is an empty list.

    An answer without an offset is found: the first place where it stands.

    Raises
    ------
    FaultError
        If one is not where it says.
    """
    answers, gone = [], None
    given = _pairs(value)
    for text, start in given:
        try:
            answers.append({"text": text, "start": _place(text, start, passage, repair)})
        except FaultError as fault:
            if not repair:
                raise
            gone = fault
    if gone is not None and not answers:
        raise gone  # A question whose answers were lost is not one that has none.
    return answers


def _pairs(value: Any) -> list[tuple[str, int | None]]:
    value = decode(value)
    if isinstance(value, str):
        return [(value, None)] if value.strip() else []
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        starts = value.get("answer_start", value.get("start"))
        value = [
            {"text": text, "start": start} for text, start in zip(value["text"], starts or (), strict=False)
        ]
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        raise _strange(value)
    pairs: list[tuple[str, int | None]] = []
    for item in value:
        if isinstance(item, str):
            pairs.append((item, None))
            continue
        text = item.get("text") if isinstance(item, Mapping) else None
        start = item.get("start", item.get("answer_start")) if isinstance(item, Mapping) else None
        if not isinstance(text, str) or not (start is None or isinstance(start, int)):
            raise _strange(item)
        pairs.append((text, start))
    return pairs


def _place(text: str, start: int | None, passage: str, repair: bool) -> int:
    if not text.strip():
        raise FaultError(
            "an answer is empty.",
            "Leave it out; a question without an answer has none at all.",
            kind="that are empty",
        )
    if start is not None and start >= 0 and passage.startswith(text, start):
        return start
    place = nearest(passage, text, start or 0)
    if place is None:
        raise FaultError(
            f"the answer {_shown(text)} stands nowhere in its passage.",
            "Answers are pieces of the passage, copied to the letter; mend it or take it out.",
            kind="that stand nowhere in their passage",
        )
    if start is None or repair:
        return place
    there = passage[max(start, 0) : max(start, 0) + len(text)] if start >= 0 else ""
    found = f"{_shown(there)} stands there" if there else "no place in the passage"
    raise FaultError(
        f"the answer {_shown(text)} does not stand at its offset {start} ({found}); "
        f"its nearest place is {place}.",
        "Mend the offset: it counts characters from 0.",
        kind="that do not stand at their offset",
    )


def _strange(value: Any) -> FaultError:
    return FaultError(
        f"{_shown(value)} is no answer.", 'Write {"text": "…", "start": 0}, the offset in characters.'
    )


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:58]}…'"
