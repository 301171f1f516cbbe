"""Relations between the spans of one text: which two, and how they are related.

A relation names its spans by their place in the row's list, from 0, or by the `id` that spans have in the files of
labelling tools. Spans are sorted when they are read, and repair may move or remove some: the places are put right here,
so that what is stored always counts in the spans that are stored.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from metier.data.columns.spans import decode, parse_spans
from metier.data.columns.value_faults import FaultError

_HEADS = ("head", "head_id", "from_id", "from", "subject", "h")
_TAILS = ("tail", "tail_id", "to_id", "to", "object", "t")
_LABELS = ("label", "type", "relation", "predicate")
REPAIR = "removes a relation whose spans are not there"
_FIX = 'Write each as {"head": 0, "tail": 1, "label": "works_for"}: places in the list of spans, from 0, or ids of spans.'


def is_relations(value: Any) -> bool:
    """Whether a value has the shape of relations: a list of `[head, tail, label]` or of objects with these keys."""
    value = decode(value)
    return isinstance(value, list) and all(_parts(item) is not None for item in value)


def parse_relations(
    value: Any, marked: Any, settled: Sequence[Mapping[str, Any]], text: str, *, repair: bool = False
) -> list[dict[str, Any]]:
    """Give the relations of a text, each once, with the places of their spans in `settled`.

    Parameters
    ----------
    marked : Any
        The row's spans as they were written.
    settled : sequence of mapping
        The same as they were parsed: sorted, and with `repair` perhaps fewer.
    repair : bool
        Whether relations are removed whose spans are not there.

    Raises
    ------
    FaultError
        If a relation is none, names no span, or one span twice; and `repair` is off.
    """
    items = decode(value)
    if isinstance(items, str) and not items.strip():
        items = []
    if not is_relations(items):
        raise FaultError(f"{_shown(value)} is not a list of relations.", _FIX)
    spans = decode(marked)
    spans = spans.get("entities") if isinstance(spans, Mapping) else spans
    found: dict[tuple[int, int, str], None] = {}
    for item in items:
        relation = _parts(item)
        assert relation is not None  # The shape was looked at.
        try:
            found[_resolved(relation, spans if isinstance(spans, list) else [], settled, text, repair)] = None
        except FaultError:
            if not repair:
                raise
    return [{"head": head, "tail": tail, "label": label} for head, tail, label in found]


def _parts(item: Any) -> tuple[int | str, int | str, str] | None:
    if isinstance(item, Mapping):
        item = [_first(item, keys) for keys in (_HEADS, _TAILS, _LABELS)]
    if not isinstance(item, list) or len(item) != 3 or not isinstance(item[2], str) or not item[2].strip():
        return None
    head, tail, label = item
    if any(isinstance(one, bool) or not isinstance(one, int | str) for one in (head, tail)):
        return None
    return head, tail, label.strip()


def _resolved(
    relation: tuple[int | str, int | str, str],
    spans: list[Any],
    settled: Sequence[Mapping[str, Any]],
    text: str,
    repair: bool,
) -> tuple[int, int, str]:
    head, tail = (_place(one, spans, settled, text, repair) for one in relation[:2])
    if head == tail:
        piece = text[settled[head]["start"] : settled[head]["end"]]
        raise FaultError(
            f"the relation {relation[2]!r} joins a span with itself ({piece!r}).",
            _FIX,
            kind="that join a span with itself",
        )
    return head, tail, relation[2]


def _place(
    named: int | str, spans: list[Any], settled: Sequence[Mapping[str, Any]], text: str, repair: bool
) -> int:
    """Give the place among the settled spans of the one that a relation names."""
    ids = [span.get("id") if isinstance(span, Mapping) else None for span in spans]
    by_id = bool(spans) and all(one is not None for one in ids)
    places: list[Any] = ids if by_id else list(range(len(spans)))
    if named not in places:
        what = f"ids are {_listed(ids)}" if by_id else f"the row has {len(spans)}, counted from 0"
        raise FaultError(
            f"a relation names the span {named!r}, which is not there: {what}.",
            _FIX,
            kind="that name a span that is not there",
        )
    own = parse_spans([spans[places.index(named)]], text, repair=repair)
    kept = [(span["start"], span["end"], span["label"]) for span in settled]
    place = (own[0]["start"], own[0]["end"], own[0]["label"]) if own else None
    if place is None or place not in kept:
        raise FaultError(
            f"a relation names the span {named!r}, which cannot be used.",
            _FIX,
            kind="that name a span that cannot be used",
        )
    return kept.index(place)


def _first(item: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _listed(ids: Sequence[Any]) -> str:
    return ", ".join(map(str, ids[:5])) + ("…" if len(ids) > 5 else "")


def _shown(value: Any) -> str:
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return repr(written[:60] + "…" if len(written) > 60 else written)
