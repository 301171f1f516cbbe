"""Spans with labels, and the two entities of a relation.

Offsets count characters of the text as it is stored; the end is exclusive. A span written with its surface text
is checked against the text, because offsets that count bytes, UTF-16 units or an inclusive end look right at
first sight.
"""

import itertools
import json
from collections.abc import Mapping
from typing import Any

from metier.data.columns.value_faults import FaultError
from metier.text.offsets import nearest

# The keys that labelling tools use.
STARTS = ("start", "start_offset", "begin", "from")
ENDS = ("end", "end_offset", "stop", "to")
_LABELS = ("label", "type", "entity", "entity_group", "tag", "category")
SURFACES = ("text", "word", "surface", "name")
REPAIR_SPANS = (
    "moves a span to the nearest occurrence of its text, trims spaces from its edges, keeps the longest "
    "of overlapping spans, and removes a span outside its text"
)
REPAIR_ENTITY = "moves an entity to the nearest occurrence of its text, or removes its row"
NOT_IN_TEXT = "whose surface text is not in their text"
_FIX = "Fix the offsets in the program that made the file."


def decode(value: Any) -> Any:
    """Give what a JSON string holds; any other value, and a string that is not JSON, as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def is_spans(value: Any) -> bool:
    """Whether a value has the shape of spans: a list of `[start, end, label]` or of objects with these keys."""
    value = decode(value)
    if isinstance(value, Mapping):
        value = value.get("entities")
    if not isinstance(value, list):
        return False
    return all(_is_span(item) for item in value)


def _is_span(item: Any) -> bool:
    if isinstance(item, Mapping):
        return all(_first(item, keys) is not None for keys in (STARTS, ENDS, _LABELS))
    return isinstance(item, list) and len(item) == 3 and _is_whole(item[0]) and isinstance(item[2], str)


def is_entity(value: Any) -> bool:
    """Whether a value has the shape of one entity: `[start, end]` or an object with these keys."""
    value = decode(value)
    if isinstance(value, Mapping):
        value = value.get("pos", [_first(value, STARTS), _first(value, ENDS)])
    return isinstance(value, list) and len(value) == 2 and all(map(_is_whole, value))


def parse_spans(value: Any, text: str, *, repair: bool = False) -> list[dict[str, Any]]:
    """Give the spans of a text, sorted, checked to be inside it and not to overlap.

    Raises
    ------
    FaultError
        If one is not, and `repair` is off.
    """
    items = decode(value)
    if isinstance(items, Mapping):
        items = items.get("entities")
    if isinstance(items, str) and not items.strip():
        items = []
    if not isinstance(items, list) or not all(_is_span(item) for item in items):
        raise FaultError(
            f"{_shown(value)} is not a list of spans.",
            'Write each as {"start": 0, "end": 4, "label": "PER"}, or as [0, 4, "PER"].',
        )
    spans = []
    for item in items:
        start, end, label, surface = _parts(item)
        try:
            start, end = _settle(
                text, (start, end), surface, called=f"the span [{start}, {end}, {label!r}]", repair=repair
            )
        except FaultError:
            if not repair:
                raise
            continue
        spans.append({"start": start, "end": end, "label": label})
    return _apart(spans, text, repair)


def parse_entity(value: Any, text: str, *, repair: bool = False) -> dict[str, Any]:
    """Give one entity of a relation as start, end and type (None where none is stated).

    Raises
    ------
    FaultError
        If it is not inside the text.
    """
    item = decode(value)
    if not is_entity(item):
        raise FaultError(
            f"{_shown(value)} is not an entity.", 'Write it as {"start": 0, "end": 4}, or as [0, 4].'
        )
    kind, surface = None, None
    if isinstance(item, Mapping):
        kind = item.get("type", item.get("label"))
        surface = _first(item, SURFACES)
        item = item.get("pos", [_first(item, STARTS), _first(item, ENDS)])
    start, end = int(item[0]), int(item[1])
    start, end = _settle(text, (start, end), surface, called=f"the entity [{start}, {end}]", repair=repair)
    return {"start": start, "end": end, "type": None if kind is None else str(kind)}


def _parts(item: Any) -> tuple[int, int, str, Any]:
    if isinstance(item, Mapping):
        start, end, label = (_first(item, keys) for keys in (STARTS, ENDS, _LABELS))
        return int(start), int(end), str(label), _first(item, SURFACES)
    return int(item[0]), int(item[1]), str(item[2]), None


def _settle(text: str, offsets: tuple[int, int], surface: Any, *, called: str, repair: bool) -> tuple[int, int]:
    """Give the offsets of a span, moved and trimmed if `repair` is on."""
    start, end = offsets
    if isinstance(surface, str) and surface and text[max(start, 0) : max(end, 0)] != surface:
        found = nearest(text, surface, start)
        if found is None:
            raise FaultError(
                f"{called} should be {surface!r}, which is not in the text.", _FIX, kind=NOT_IN_TEXT
            )
        if not repair:
            actual = text[max(start, 0) : max(end, 0)]
            raise FaultError(
                f"{called} should be {surface!r}, but the text there is {actual!r}; the nearest {surface!r} is "
                f"[{found}, {found + len(surface)}].",
                _FIX,
                kind="whose offsets do not match their surface text",
            )
        start, end = found, found + len(surface)
    if start >= end:
        raise FaultError(
            f"{called} ends at or before its start.", _FIX, kind="that end at or before their start"
        )
    if start < 0 or start >= len(text) or (end > len(text) and not repair):
        raise FaultError(
            f"{called} reaches outside its text, which has {len(text)} characters.",
            _FIX,
            kind="that reach outside their text",
        )
    return _trim(text, start, min(end, len(text)), called, repair)


def _trim(text: str, start: int, end: int, called: str, repair: bool) -> tuple[int, int]:
    piece = text[start:end]
    if piece == piece.strip():
        return start, end
    trimmed_start = start + len(piece) - len(piece.lstrip())
    trimmed_end = start + len(piece.rstrip())
    if trimmed_start >= trimmed_end:
        raise FaultError(f"{called} holds nothing but spaces.", _FIX, kind="that hold nothing but spaces")
    if not repair:
        raise FaultError(
            f"{called} begins or ends with a space ({piece!r}): is it off by one? Without spaces it is "
            f"[{trimmed_start}, {trimmed_end}].",
            _FIX,
            kind="that begin or end with a space",
        )
    return trimmed_start, trimmed_end


def _apart(spans: list[dict[str, Any]], text: str, repair: bool) -> list[dict[str, Any]]:
    spans = sorted(spans, key=lambda span: (span["start"], span["end"]))
    if repair:
        kept: list[dict[str, Any]] = []
        for span in sorted(spans, key=lambda span: span["start"] - span["end"]):
            if all(span["end"] <= other["start"] or other["end"] <= span["start"] for other in kept):
                kept.append(span)
        return sorted(kept, key=lambda span: int(span["start"]))
    for one, other in itertools.pairwise(spans):
        if other["start"] < one["end"]:
            raise FaultError(
                f"the spans {_named(one, text)} and {_named(other, text)} overlap.",
                "Keep one of them: each character can have one label.",
                kind="that overlap",
            )
    return spans


def _named(span: dict[str, Any], text: str) -> str:
    return f"[{span['start']}, {span['end']}, {span['label']!r}] ({text[span['start'] : span['end']]!r})"


def _first(item: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return repr(written[:60] + "…" if len(written) > 60 else written)
