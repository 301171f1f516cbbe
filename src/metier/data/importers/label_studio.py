"""Label Studio's JSON export: tasks with annotations, each a list of results; and JSON-MIN, one object per task.

Choices become labels, labelled regions spans, ratings and numbers scores, text areas target texts. Those that belong
to a region say something of that region alone, not of the text: they are left out and counted.
Where tasks show an image, its path counts from the folder of the export; regions of images are left out.
Of several annotations of a task the one marked as ground truth is taken, otherwise the first that was not
cancelled. Offsets may count UTF-16 units, as browsers do; where the surface text of a region shows this, they are
converted to characters.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from metier.data.importers.documents import objects_of
from metier.data.importers.imported import Imported, beside, item_error, span
from metier.data.importers.label_studio_images import image_fields, images_of
from metier.errors import DataError, MissingColumnError

JSON_MIN = ("annotation_id", "annotator", "lead_time")
_KEPT = {"choices": "choices", "labels": "spans", "hypertextlabels": "spans"}
_NUMBERS = ("rating", "number")
# Kinds of results that say something of the whole text, unless they belong to a region.
_WHOLE_TEXT = ("choices", "textarea", "taxonomy", "datetime", "ranker", "pairwise", *_NUMBERS)
_OFFSETS = frozenset({"start", "end", "startOffset", "globalOffsets"})


def is_task(item: Mapping[str, Any]) -> bool:
    """Whether an object is a task of Label Studio."""
    whole = isinstance(item.get("data"), Mapping) and ("annotations" in item or "completions" in item)
    return whole or sum(key in item for key in JSON_MIN) >= 2


def import_label_studio(path: Path, *, text: str | None = None) -> Imported:
    """Read the annotated tasks of an export.

    Parameters
    ----------
    text : str, optional
        The field of the tasks' data that holds the text.

    Raises
    ------
    MissingColumnError
        If there is no field `text`.
    DataError
        If no field is clearly the text, or a task has none.
    """
    tasks = objects_of(path)
    imported = Imported("Label Studio JSON", ())
    if not all("data" in task for _, task in tasks):
        imported.what = "Label Studio JSON-MIN"
        tasks = [(number, _whole(task)) for number, task in tasks]
    data = [task["data"] for _, task in tasks if isinstance(task.get("data"), Mapping)]
    images = image_fields(data)
    key = None if images and text is None and not _has_text(data, images) else _text_key(data, text, str(path))
    return imported.put(_Export(path, key, images, imported).records(tasks))


class _Export:
    """Converts the tasks of one export to records."""

    def __init__(self, path: Path, key: str | None, images: Collection[str], imported: Imported):
        self._origin, self._key, self._imported = str(path), key, imported
        self._folder, self._images = path.parent, images
        self._elsewhere: list[int] = []
        self._recounted: list[int] = []

    def records(self, tasks: list[tuple[int, dict[str, Any]]]) -> list[dict[str, Any]]:
        found = []
        for number, task in tasks:
            results = self._results(number, task)
            if results is not None:
                found.append((number, *self._parsed(number, task, results)))
        if self._recounted:
            self._imported.notes.append(
                f"offsets of {len(self._recounted):,} regions counted UTF-16 units, as browsers do; they were "
                "converted to characters"
            )
        if self._images:
            self._imported.notes.append(
                "the paths of images count from the folder of the export: write the rows into it"
            )
        if self._elsewhere:
            self._imported.notes.append(
                f"images of {len(self._elsewhere):,} tasks are not beside the export (the first is of task "
                f"{self._elsewhere[0]}): copy Label Studio's folder media/upload there, or its local files"
            )
        return self._with_same_columns(found)

    def _results(self, number: int, task: Mapping[str, Any]) -> list[Any] | None:
        annotations = task.get("annotations") or task.get("completions") or []
        done = [each for each in annotations if isinstance(each, Mapping) and not each.get("was_cancelled")]
        if not done:
            why = "tasks whose annotations were all cancelled" if annotations else "tasks without an annotation"
            self._imported.leave_out(why, number)
            return None
        if len(done) > 1:
            self._imported.leave_out("further annotations of a task", number)
        taken = next((each for each in done if each.get("ground_truth")), done[0])
        return list(taken.get("result") or [])

    def _parsed(
        self, number: int, task: Mapping[str, Any], results: list[Any]
    ) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """Give the record without its choices, and the choices by control."""
        data = task["data"] if isinstance(task.get("data"), Mapping) else {}
        text = "" if self._key is None else data.get(self._key)
        if not isinstance(text, str):
            raise item_error(
                self._origin,
                number,
                f"there is no text in its field {self._key!r}.",
                "Name the field with --text, or remove the task.",
                noun="task",
            )
        record: dict[str, Any] = {} if self._key is None else {"text": text}
        choices: dict[str, list[str]] = {}
        regions = {
            each.get("id")
            for each in results
            if isinstance(each, Mapping) and _KEPT.get(str(each.get("type"))) == "spans"
        }
        for result in results:
            if _is_of_region(result, regions - {None}):
                self._imported.leave_out(f"{result['type']} of spans ({result.get('from_name')})", number)
            else:
                self._take(number, result, record, choices)
        pictures = self._pictures(number, data)
        return record | pictures | beside(data, but=[self._key or "", *self._images]), choices

    def _pictures(self, number: int, data: Mapping[str, Any]) -> dict[str, Any]:
        found = images_of(data, self._images, self._folder)
        if found.n_remote:
            self._imported.leave_out("images at an address of the web or a cloud, which is not asked", number)
        if found.is_elsewhere:
            self._elsewhere.append(number)
        return found.columns

    def _take(self, number: int, result: Any, record: dict[str, Any], choices: dict[str, list[str]]) -> None:
        kind = result.get("type") if isinstance(result, Mapping) else None
        value = result.get("value") if isinstance(result, Mapping) else None
        if kind == "relation" or not isinstance(value, Mapping):
            self._imported.leave_out(f"results of the type {kind}", number)
        elif kind == "choices":
            choices.setdefault(str(result.get("from_name")), []).extend(map(str, value.get("choices") or ()))
        elif kind in _KEPT:
            record.setdefault("spans", []).append(self._span(number, kind, value, record.get("text", "")))
        elif kind in _NUMBERS and isinstance(value.get(kind), int | float):
            record["score"] = float(value[kind])
        elif kind == "textarea" and value.get("text"):
            written = value["text"]
            record["target"] = written if isinstance(written, str) else "\n".join(map(str, written))
        else:
            self._imported.leave_out(f"results of the type {kind}", number)

    def _span(self, number: int, kind: str, value: Mapping[str, Any], text: str) -> dict[str, Any]:
        offsets = value.get("globalOffsets", value)
        start, end, labels = offsets.get("start"), offsets.get("end"), value.get(kind) or value.get("labels")
        if not (isinstance(start, int) and isinstance(end, int) and isinstance(labels, list) and labels):
            raise item_error(
                self._origin,
                number,
                f"a region has no start, end and label ({dict(value)!r:.80}).",
                "Give it a label in Label Studio, or delete it there.",
                noun="task",
            )
        if len(labels) > 1:
            self._imported.leave_out("second labels of a region", number)
        words = value.get("text")
        words = words if isinstance(words, str) else None
        if words is not None and text[start:end] != words:
            units = text.encode("utf-16-le", "surrogatepass")
            before = len(units[: 2 * start].decode("utf-16-le", "ignore"))
            if text[before : before + len(words)] == words:
                self._recounted.append(number)
                start, end = before, before + len(words)
        return span(start, end, str(labels[0]), words)

    def _with_same_columns(
        self, found: list[tuple[int, dict[str, Any], dict[str, list[str]]]]
    ) -> list[dict[str, Any]]:
        """Give all records the same columns: no spans for a task without a region, no label without a choice."""
        has_spans = any("spans" in record for _, record, _ in found)
        controls = sorted({control for _, _, choices in found for control in choices})
        many = {
            control: any(len(choices.get(control, ())) > 1 for _, _, choices in found) for control in controls
        }
        records = []
        for number, record, choices in found:
            if has_spans:
                record.setdefault("spans", [])
            for control in controls:
                own = choices.get(control, [])
                plain = "labels" if many[control] else "label"
                record[plain if len(controls) == 1 else control] = (
                    own if many[control] else next(iter(own), None)
                )
            is_empty = not has_spans and not any(choices.values()) and not {"score", "target"} & set(record)
            if is_empty and not any(many.values()):
                self._imported.leave_out("tasks with an empty annotation", number)
            else:
                records.append(record)
        if len(controls) > 1:
            self._imported.notes.append(
                f"there are choices of {len(controls)} kinds, each in its own column: {', '.join(controls)} "
                "(choose the target with --label or --role labels=COLUMN)"
            )
        return records


def _is_of_region(result: Any, regions: Collection[Any]) -> bool:
    """Whether a result says something of a region: it has the region's id, or its offsets."""
    if not isinstance(result, Mapping) or result.get("type") not in _WHOLE_TEXT:
        return False
    value = result.get("value")
    placed = isinstance(value, Mapping) and not _OFFSETS.isdisjoint(value)
    return placed or result.get("id") in regions or result.get("parentID") in regions


def _has_text(data: list[Mapping[str, Any]], images: Collection[str]) -> bool:
    """Whether tasks that show images have a text besides."""
    names = dict.fromkeys(name for each in data for name in each if name not in images)
    return "text" in names or sum(all(isinstance(each.get(name), str) for each in data) for name in names) == 1


def _text_key(data: list[Mapping[str, Any]], given: str | None, origin: str) -> str:
    names = list(dict.fromkeys(name for each in data for name in each))
    if given is not None:
        if given not in names:
            raise MissingColumnError(given, found=names, origin=origin, flag="--text")
        return given
    if "text" in names:
        return "text"
    strings = [name for name in names if all(isinstance(each.get(name), str) for each in data)]
    if len(strings) == 1:
        return strings[0]
    raise DataError(
        f"{origin} has no field of its tasks that is clearly the text; it has: {', '.join(names) or 'none'}. Name it "
        "with --text."
    )


def _whole(task: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a task of JSON-MIN into the shape of the full export."""
    data, results = {}, []
    for name, value in task.items():
        if name in (*JSON_MIN, "id", "created_at", "updated_at"):
            continue
        made = list(_min_results(name, value))
        if made:
            results += made
        else:
            data[name] = value
    return {"data": data, "annotations": [{"result": results}]}


def _min_results(name: str, value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, Mapping) and isinstance(value.get("choices"), list):
        yield {"type": "choices", "from_name": name, "value": {"choices": value["choices"]}}
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, Mapping) and "start" in each:
                kind = next((kind for kind in ("labels", "choices", *_NUMBERS) if kind in each), "textarea")
                yield {"type": kind, "from_name": name, "value": each}
    elif isinstance(value, str) and name in ("choice", "label", "sentiment", "intent", "category", "class"):
        yield {"type": "choices", "from_name": name, "value": {"choices": [value]}}
