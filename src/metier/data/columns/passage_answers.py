"""Answers that are spans of a passage, in the shapes of SQuAD and similar data sets."""

from collections.abc import Mapping
from typing import Any

from metier.data.columns.spans import decode
from metier.data.columns.value_faults import FaultError
from metier.figures import count_of
from metier.text.offsets import nearest

REPAIR = (
    "moves an answer to its nearest occurrence, removes answers that are not in the passage, and removes "
    "questions that had no other answer"
)

UNKNOWN_START = -1  # Data sets write it where the offset was not looked up.


def is_answers(value: Any) -> bool:
    """Whether a value has the shape of answers with offsets: a list of objects, or SQuAD's lists of columns."""
    value = decode(value)
    if isinstance(value, Mapping):
        return "text" in value and (
            isinstance(value["text"], list) or "answer_start" in value or "start" in value
        )
    return isinstance(value, list) and all(isinstance(item, Mapping) and "text" in item for item in value)


def parse_answers(value: Any, passage: str, *, repair: bool = False) -> list[dict[str, Any]]:
    """Give the answers to a question as text and start, checked against the passage; an empty list means no answer.

    An answer without an offset gets its first occurrence, one at -1 the only one.

    Raises
    ------
    FaultError
        If one is not in the passage at its offset.
    """
    answers, gone = [], None
    given = _pairs(value)
    for text, start in given:
        try:
            answers.append({"text": text, "start": _offset(text, start, passage, repair)})
        except FaultError as fault:
            if not repair:
                raise
            gone = fault
    if gone is not None and not answers:
        raise gone  # A question that lost its answers is not an unanswerable question.
    return answers


def _pairs(value: Any) -> list[tuple[str, int | None]]:
    value = decode(value)
    if isinstance(value, str):
        return [(value, None)] if value.strip() else []
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        value = _rows_of(value)
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


def _rows_of(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Turn SQuAD's lists of columns into a list of answers; without offsets each gets its first occurrence."""
    texts, starts = columns["text"], columns.get("answer_start", columns.get("start"))
    if starts is None:
        starts = [None] * len(texts)
    if not isinstance(starts, list) or len(starts) != len(texts):
        n_starts = len(starts) if isinstance(starts, list) else 1
        shown = _shown(dict(columns))
        raise FaultError(
            f"found {count_of(len(texts), 'text')} of answers and {count_of(n_starts, 'offset')} ({shown}).",
            "Give each answer its offset, or leave out answer_start for the first occurrence.",
            kind="with more texts than offsets, or fewer",
        )
    return [{"text": text, "start": start} for text, start in zip(texts, starts, strict=True)]


def _offset(text: str, start: int | None, passage: str, repair: bool) -> int:
    if not text.strip():
        raise FaultError(
            "an answer is empty.",
            "Remove it; write an unanswerable question with an empty list.",
            kind="that are empty",
        )
    if start is not None and start >= 0 and passage.startswith(text, start):
        return start
    if start == UNKNOWN_START and passage.count(text) == 1:
        return passage.find(text)
    found = nearest(passage, text, start or 0)
    if found is None:
        raise FaultError(
            f"the answer {_shown(text)} is not in its passage.",
            "Answers are exact substrings of the passage; fix it or remove it.",
            kind="that are not in their passage",
        )
    if start is None or repair:
        return found
    there = passage[max(start, 0) : max(start, 0) + len(text)] if start >= 0 else ""
    actual = f"{_shown(there)} is there" if there else "outside the passage"
    raise FaultError(
        f"the answer {_shown(text)} is not at its offset {start} ({actual}); "
        f"its nearest occurrence is at {found}.",
        "Fix the offset: it counts characters from 0.",
        kind="that are not at their offset",
    )


def _strange(value: Any) -> FaultError:
    return FaultError(
        f"{_shown(value)} is not an answer.", 'Write {"text": "…", "start": 0}, the offset in characters.'
    )


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:58]}…'"
