"""An export of Label Studio, as labels of a queue.

Every annotation is the answer of its annotator: they agree or disagree here as they do on the page. Rows are known again by
what the export carries of them, else by their text. An annotation that misses a part is left out whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metier.continual.labelling.label_studio import ID, SOURCE
from metier.continual.queue.items import Answer, Item, Kind, labels_of
from metier.continual.queue.names import LONGEST_LABELLER, checked_label
from metier.continual.queue.store import QueueStore
from metier.data.importers.documents import objects_of
from metier.errors import CallError, DataError
from metier.printable import printable

LONGEST_SECONDS = 86_400.0  # Of an annotation; a longer time is none.


@dataclass
class Imported:
    """What an export brought.

    Parameters
    ----------
    labelled, skipped : int
        Answers that were stored, and annotations that were cancelled.
    notes : list of str
        What was left out, in sentences.
    labellers : set of str
    """

    labelled: int = 0
    skipped: int = 0
    notes: list[str] = field(default_factory=list)
    labellers: set[str] = field(default_factory=set)


def import_labels(store: QueueStore, path: Path, *, kind: Kind) -> Imported:
    """Store the annotations of an export as labels of a queue.

    Raises
    ------
    DataError
        If the file is no export, or none of its tasks is of the queue.
    """
    tasks, found = objects_of(path), Imported()
    items = store.items()
    numbers = {(one.source, one.id): one for one in items}
    by_text = {one.text: one for one in items}
    read: list[tuple[Item, _Annotation]] = []
    n_unknown = 0
    for _, task in tasks:
        given = task.get("data")
        data: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        item = numbers.get((str(data.get(SOURCE)), str(data.get(ID)))) or by_text.get(str(data.get("text")))
        if item is None:
            n_unknown += 1
        else:
            read += [(item, one) for one in _annotations(task, item.text, kind)]
    if n_unknown == len(tasks):
        raise DataError(
            f"None of the {len(tasks):,} tasks of {path} is a row of this queue. Give the export of a project that was "
            "made of the tasks that metier queue --label-studio wrote."
        )
    _note(found, n_unknown, [one for _, one in read], kind)
    whole = [(item, one) for item, one in read if one.fault is None]
    _add_labels(store, [one.answer for _, one in whole], found)
    for item, one in whole:
        store.label(item.number, one.labeller, one.answer, seconds=one.seconds)
        found.labellers.add(one.labeller)
        found.skipped += one.answer is None
        found.labelled += one.answer is not None
    return found


@dataclass(frozen=True)
class _Annotation:
    """What an annotator said of a task.

    Parameters
    ----------
    answer : mapping or None
        None: skipped, or there is a fault.
    fault : {"empty", "broken"} or None
        Whether there is no answer of the kind, or one with missing parts.
    """

    labeller: str
    answer: Answer | None
    seconds: float | None
    fault: str | None = None


def _note(found: Imported, n_unknown: int, read: Sequence[_Annotation], kind: Kind) -> None:
    n_empty, n_broken = (sum(one.fault == fault for one in read) for fault in ("empty", "broken"))
    if n_unknown:
        found.notes.append(f"{n_unknown:,} tasks are no rows of this queue, and are left out")
    if n_empty:
        found.notes.append(f"{n_empty:,} annotations have no answer of the kind {kind}, and are left out")
    if n_broken:
        found.notes.append(
            f"{n_broken:,} annotations have a region outside of the text, or one without start, end or label, or the "
            "name of a label of several lines or more than 200 characters, and are left out"
        )


def _add_labels(store: QueueStore, answers: Sequence[Answer | None], found: Imported) -> None:
    """Let the queue know labels that annotators have used and it has not."""
    known = set(store.setting("labels", []))
    new = sorted({label for one in answers if one is not None for label in labels_of(one)} - known)
    if new:
        store.add_labels(new)
        found.notes.append(f"{len(new):,} labels are new in this queue: {', '.join(new)}")


def _annotations(task: Mapping[str, Any], text: str, kind: Kind) -> Iterator[_Annotation]:
    given = task.get("annotations") or task.get("completions") or ()
    for one in given if isinstance(given, list) else ():
        if not isinstance(one, Mapping):
            continue
        name, seconds = _name(one.get("completed_by")), _seconds(one.get("lead_time"))
        if one.get("was_cancelled"):
            yield _Annotation(name, None, seconds)
            continue
        results = one.get("result")
        try:
            answer = _answer(results if isinstance(results, list) else (), text, kind)
            for label in () if answer is None else labels_of(answer):
                checked_label(label)
        except (KeyError, TypeError, ValueError, OverflowError, CallError):
            yield _Annotation(name, None, seconds, "broken")
        else:
            yield _Annotation(name, answer, seconds, "empty" if answer is None else None)


def _seconds(found: Any) -> float | None:
    """Give a time that can be one; None: it says nothing."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < LONGEST_SECONDS:
        return None
    return float(found)


def _name(by: Any) -> str:
    if isinstance(by, Mapping):
        by = by.get("email") or by.get("username") or by.get("id")
    name = "label-studio" if by is None else f"label-studio:{by}"
    return " ".join(printable(name).split())[:LONGEST_LABELLER]


def _answer(results: Sequence[Any], text: str, kind: Kind) -> Answer | None:
    """Give the answer of results; None: there is none. Whatever misses a part raises an error of Python."""
    whole = [one for one in results if isinstance(one, Mapping) and isinstance(one.get("value"), Mapping)]
    if kind == "spans":
        regions = [one["value"] for one in whole if one.get("type") in ("labels", "hypertextlabels")]
        return {"spans": [_span(value, text) for value in regions]}
    chosen = [
        label
        for one in whole
        if one.get("type") == "choices" and "start" not in one["value"]
        for label in _listed(one["value"].get("choices") or [])
    ]
    if kind == "labels":
        return {"labels": sorted(set(chosen))}
    return {"label": chosen[0]} if chosen else None


def _listed(found: Any) -> list[str]:
    if not isinstance(found, list):
        raise TypeError("choices are a list")
    return [str(one).strip() for one in found]


def _span(value: Mapping[str, Any], text: str) -> list[Any]:
    """Give a region with offsets in characters: they may count UTF-16 units, as browsers do; its words tell."""
    start, end, words = int(value["start"]), int(value["end"]), value.get("text")
    label = _listed(value["labels"])[:1]
    if isinstance(words, str) and text[start:end] != words:
        units = text.encode("utf-16-le", "surrogatepass")
        before = len(units[: 2 * start].decode("utf-16-le", "ignore"))
        if text[before : before + len(words)] == words:
            start, end = before, before + len(words)
    if not label or not 0 <= start < end <= len(text):
        raise ValueError("no label, or no place in the text")
    return [start, end, label[0]]
