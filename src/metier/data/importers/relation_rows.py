"""Rows of one relation each (text, head, tail, label), gathered to one row a text with its spans and relations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metier.data.importers.imported import Imported, span
from metier.data.reading import read
from metier.errors import DataError

WHAT = "rows of one relation each"
UNTYPED = "entity"  # The type of entities whose rows state none.


def import_relation_rows(path: Path) -> Imported:
    """Gather the relations of each text.

    Every entity that a row names is a span; where two overlap, the longer one stays, and what names the other is left
    out and counted. What rows say twice is kept once.

    Raises
    ------
    DataError
        If the file has no columns of two entities and a label.
    """
    rows = read(path)
    if not {"head", "tail", "label"} <= rows.roles.named.keys():
        raise DataError(
            f"{path} has no rows of one relation each: expected the columns text, head, tail and label, found "
            f"{', '.join(rows.table.column_names)}. Name the format of the file with --format."
        )
    splits = rows.column("split") if rows.roles.split is not None else [None] * len(rows)
    columns = zip(
        rows.texts, rows.column("head"), rows.column("tail"), rows.column("label"), splits, strict=True
    )
    texts: dict[tuple[str, str | None], list[tuple[int, Any, Any, str]]] = {}
    imported = Imported(WHAT, [])
    for number, (text, head, tail, label, split) in enumerate(columns, start=1):
        if head is None or tail is None or not label:
            imported.leave_out("rows without two entities and a label", number)
            continue
        texts.setdefault((text, split), []).append((number, head, tail, label))
    records = []
    for (text, split), stated in texts.items():
        record = {"text": text, **_gathered(text, stated, imported)}
        records.append(record if rows.roles.split is None else {**record, "split": split})
    return imported.put(records)


def _gathered(text: str, stated: list[tuple[int, Any, Any, str]], imported: Imported) -> dict[str, Any]:
    types: dict[tuple[int, int], str] = {}
    for _, head, tail, _ in stated:
        for entity in (head, tail):
            place = entity["start"], entity["end"]
            known = types.get(place)
            types[place] = known if known not in (None, UNTYPED) else entity.get("type") or UNTYPED
    kept = _apart(list(types))
    place_of = {place: number for number, place in enumerate(kept)}
    relations: dict[tuple[int, int, str], None] = {}
    for number, head, tail, label in stated:
        ends = [place_of.get((entity["start"], entity["end"])) for entity in (head, tail)]
        if None in ends or ends[0] == ends[1]:
            imported.leave_out("relations of an entity that overlaps another", number)
            continue
        relations[ends[0], ends[1], label] = None  # type: ignore[index]  # Neither is None.
    return {
        "spans": [span(start, end, types[start, end], text[start:end]) for start, end in kept],
        "relations": [_relation(*one) for one in relations],
    }


def _apart(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give the places in order, of those that overlap the longest."""
    kept: list[tuple[int, int]] = []
    for start, end in sorted(places, key=lambda one: (one[0] - one[1], one[0])):
        if all(end <= other[0] or other[1] <= start for other in kept):
            kept.append((start, end))
    return sorted(kept)


def _relation(head: int, tail: int, label: str) -> Mapping[str, Any]:
    return {"head": head, "tail": tail, "label": label}
