"""doccano's JSON lines: text classification, sequence labelling, or sequence to sequence.

Classification and sequence to sequence have the same shape. Labels are taken for target texts where most of them
are distinct texts of several words.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metier.data.importers.documents import objects_of
from metier.data.importers.imported import Imported, beside, item_error, span
from metier.text.segmentation import has_han

_TEXTS, _LABELS = ("text", "data"), ("label", "labels", "entities")
PROSE_FRACTION = 0.5


def is_document(item: Mapping[str, Any]) -> bool:
    """Whether an object is a document of doccano."""
    text = next((item[key] for key in _TEXTS if key in item), None)
    return isinstance(text, str) and any(isinstance(item.get(key), list) for key in _LABELS)


def import_doccano(path: Path) -> Imported:
    """Give the documents of an export.

    Raises
    ------
    UnreadableFileError
        If a document has no text, or a label that is neither a string nor a span.
    """
    imported = Imported("doccano JSON lines", ())
    documents = [(number, item, *_parts(path, number, item)) for number, item in objects_of(path)]
    if any(isinstance(label, dict) for *_, labels in documents for label in labels or ()):
        imported.what = "doccano JSON lines, sequence labelling"
        return imported.put([_tagged(*document, path=path, imported=imported) for document in documents])
    given: list[str] = [label for *_, labels in documents for label in labels]
    is_written = _is_prose(given)
    imported.what = f"doccano JSON lines, {'sequence to sequence' if is_written else 'text classification'}"
    if is_written:
        imported.notes.append("the labels are texts, so they become the column target")
    several = any(len(labels or ()) > 1 for *_, labels in documents)
    records = []
    for number, item, text, labels in documents:
        _count_beside(number, item, imported)
        record = {"text": text} | _others(item)
        if several and not is_written:
            records.append(record | {"labels": labels or []})
        elif not labels:
            imported.leave_out("documents without a label", number)
        else:
            if len(labels) > 1:
                imported.leave_out("further target texts of one document", number)
            records.append(record | {"target" if is_written else "label": labels[0]})
    return imported.put(records)


def _parts(path: Path, number: int, item: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Give the text and its labels: strings, or spans."""
    text = next((item[key] for key in _TEXTS if isinstance(item.get(key), str)), None)
    if text is None:
        raise item_error(
            str(path),
            number,
            "this document has no text.",
            'Expected {"text": "…", "label": […]}.',
            noun="line",
        )
    given: Any = next((item[key] for key in _LABELS if item.get(key) is not None), [])
    listed: list[Any] = given if isinstance(given, list) else [given]
    return text, [_label(path, number, each) for each in listed]


def _label(path: Path, number: int, label: Any) -> Any:
    if isinstance(label, str | int):
        return str(label)
    if isinstance(label, Mapping) and {"start_offset", "end_offset", "label"} <= set(label):
        label = [label["start_offset"], label["end_offset"], label["label"]]
    is_span = (
        isinstance(label, list)
        and len(label) == 3
        and all(isinstance(edge, int) for edge in label[:2])
        and isinstance(label[2], str | int)
    )
    if not is_span:
        raise item_error(
            str(path),
            number,
            f"{label!r:.60} is not a label.",
            'Expected a string, [0, 4, "PER"], or an object with start_offset, end_offset and label.',
            noun="line",
        )
    return span(label[0], label[1], str(label[2]))


def _tagged(
    number: int, item: Mapping[str, Any], text: str, labels: list[Any], *, path: Path, imported: Imported
) -> dict[str, Any]:
    if any(not isinstance(label, dict) for label in labels):
        imported.leave_out("labels of whole texts beside spans", number)
    _count_beside(number, item, imported)
    return {"text": text, "spans": [label for label in labels if isinstance(label, dict)]} | _others(item)


def _count_beside(number: int, item: Mapping[str, Any], imported: Imported) -> None:
    for name in ("relations", "Comments", "comments"):
        if item.get(name):
            imported.leave_out(name.lower(), number)


def _others(item: Mapping[str, Any]) -> dict[str, Any]:
    return beside(item, but=(*_TEXTS, *_LABELS, "relations", "Comments", "comments"))


def _is_prose(labels: list[str]) -> bool:
    if not labels:
        return False
    wordy = sum(" " in label.strip() or (has_han(label) and len(label) > 4) for label in labels)
    return len(set(labels)) > PROSE_FRACTION * len(labels) and wordy > PROSE_FRACTION * len(labels)
