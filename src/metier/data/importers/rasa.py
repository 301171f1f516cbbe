"""Rasa's NLU training data: intents with examples; entities are written as `[Boston](city)`.

An entity may also be `[New York]{"entity": "city", "role": "from"}`, and several meanings of one span
`[Boston][{"entity": "city"}, {"entity": "team"}]`. The text is the example without these marks.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import yaml

from metier.data.importers.documents import text_of
from metier.data.importers.imported import Imported, span
from metier.errors import BrokenRowError, UnreadableFileError

# The one in C is faster, where PyYAML was built with it.
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_KEPT_TAGS = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
OTHER_DATA = ("synonym", "regex", "lookup")


class NamesLoader(_LOADER):  # type: ignore[misc, valid-type]  # one of two classes, chosen above
    """Reads plain scalars as they are written: `yes`, `off` and `007` are names of intents.

    Rasa reads YAML 1.2, PyYAML 1.1, where these are true, false and an octal number.
    """

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT_TAGS]
        for first, resolvers in _LOADER.yaml_implicit_resolvers.items()
    }


def is_project(folder: Path) -> bool:
    """Whether a folder holds YAML with NLU training data."""
    return any("nlu:" in path.read_text("utf-8", "replace") for path in _files(folder))


def import_rasa(path: Path) -> Imported:
    """Read the examples of all intents; for a folder, of all its YAML files.

    Raises
    ------
    BrokenRowError
        If the YAML is broken, with its line.
    UnreadableFileError
        If there is no NLU data, or an example or one of its entities cannot be read.
    """
    imported = Imported("Rasa NLU YAML", ())
    records: list[dict[str, Any]] = []
    files = _files(path) if path.is_dir() else [path]
    sections = [(file, _section(file)) for file in files]
    if not any(section for _, section in sections):
        raise UnreadableFileError(
            f"{path} has no section 'nlu' with intents. Give the file with the training data."
        )
    for file, section in sections:
        for number, item in enumerate(section or (), 1):
            records += _intent(file, number, item, imported)
    has_spans = any(record["spans"] for record in records)
    if has_spans:
        imported.notes.append(
            "each row has an intent (label) and entities (spans); choose the entities with --role spans=spans"
        )
    return imported.put([_without_spans(record) if not has_spans else record for record in records])


def _without_spans(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "spans"}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".yml", ".yaml"))


def _section(path: Path) -> list[Any] | None:
    try:
        document = yaml.load(text_of(path), Loader=NamesLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError) as error:
        marked = error if isinstance(error, yaml.MarkedYAMLError) else yaml.MarkedYAMLError()
        mark, problem = marked.problem_mark, marked.problem
        raise BrokenRowError(
            str(path),
            1 if mark is None else mark.line + 1,
            f"this is not YAML ({problem or 'it cannot be read'}).",
            remedy="Fix it there.",
        ) from None
    section = document.get("nlu") if isinstance(document, Mapping) else None
    if section is not None and not isinstance(section, list):
        raise UnreadableFileError(f"{path}: 'nlu' is not a list of intents. Write '- intent: …' under it.")
    return section


def _intent(path: Path, number: int, item: Any, imported: Imported) -> Iterator[dict[str, Any]]:
    kind = next((name for name in OTHER_DATA if isinstance(item, Mapping) and name in item), None)
    if kind is not None:
        imported.leave_out(f"entries of the kind {kind}", number)
        return
    intent = item.get("intent") if isinstance(item, Mapping) else None
    if intent is None:
        raise _error(
            path, f"entry {number} of nlu", "it has no intent.", "Write '- intent: name' and its examples."
        )
    examples = list(_examples(path, str(intent), item.get("examples")))
    if not examples:
        imported.leave_out(f"intents without an example, such as {intent}", number)
    for index, example in enumerate(examples, 1):
        where = f"intent {intent}, example {index}"
        text, spans = _parse(path, where, example, lambda why: imported.leave_out(why, number))
        yield {"text": text, "label": str(intent), "spans": spans}


def _examples(path: Path, intent: str, given: Any) -> Iterator[str]:
    if isinstance(given, str):
        for line in given.splitlines():
            stripped = line.strip()
            if stripped.startswith("-"):
                yield stripped[1:].strip()
            elif stripped and not stripped.startswith("#"):
                raise _error(
                    path,
                    f"intent {intent}",
                    f"the line {stripped!r:.60} is not an example.",
                    "Begin it with '- '.",
                )
        return
    for index, each in enumerate(given or (), 1):
        text = each.get("text") if isinstance(each, Mapping) else each
        if not isinstance(text, str):
            raise _error(
                path, f"intent {intent}, example {index}", "it has no text.", "Write 'text: …' under it."
            )
        yield text.strip().removeprefix("- ").strip()


class Mark(NamedTuple):
    """A marked entity of an example: its place, its words, and what they mean, as a label or as JSON."""

    start: int
    end: int
    words: str
    label: str = ""
    value: str = ""
    meant: str = ""


class _Ahead:
    """Finds the next sign after a place, places ascending: a text is read once for each sign, however many marks it has."""

    def __init__(self, text: str):
        self._text, self._found = text, dict[str, int]()

    def find(self, sign: str, place: int) -> int:
        """Give the next place of a sign; the length of the text where there is none."""
        if self._found.get(sign, -1) < place:
            found = self._text.find(sign, place)
            self._found[sign] = len(self._text) if found < 0 else found
        return self._found[sign]


def marks_of(example: str) -> Iterator[Mark]:
    """Find the marked entities of an example, from left to right, in time proportional to its length."""
    ahead, place = _Ahead(example), 0
    while (start := ahead.find("[", place)) < len(example):
        close = ahead.find("]", start + 1)
        mark = _mark(example, start, close, ahead) if close > start + 1 else None
        if mark is not None:
            yield mark
        place = close + 1 if mark is None else mark.end


def _mark(example: str, start: int, close: int, ahead: _Ahead) -> Mark | None:
    """Give the mark whose words stand between two places, by what follows them; None: they are no entity."""
    begin = close + 1
    if example.startswith("(", begin):
        return _labelled(example, start, close, ahead)
    sign = "}" if example.startswith("{", begin) else "}]" if example.startswith("[{", begin) else None
    end = 0 if sign is None else ahead.find(sign, begin)
    if sign is None or end == len(example) or example.startswith("{}", begin):
        return None
    meant = example[begin + len(sign) - 1 : end + 1]
    return Mark(start, end + len(sign), example[start + 1 : close], meant=meant)


def _labelled(example: str, start: int, close: int, ahead: _Ahead) -> Mark | None:
    """Give the mark that ends in `(label)` or `(label:value)`; pieces are cut out of marks that are whole alone."""
    begin, end = close + 2, ahead.find(")", close)
    colon = min(ahead.find(":", close), end)
    if end == len(example) or colon == begin or colon + 1 == end:
        return None
    value = example[colon + 1 : end]
    return Mark(start, end + 1, example[start + 1 : close], label=example[begin:colon], value=value)


def _parse(path: Path, where: str, example: str, leave_out: Any) -> tuple[str, list[dict[str, Any]]]:
    """Give the text of an example without its marks, and the marked spans."""
    pieces, spans, end, length = list[str](), [], 0, 0
    for mark in marks_of(example):
        label = _label(path, where, example[mark.start : mark.end], mark, leave_out)
        length += mark.start - end
        spans.append(span(length, length + len(mark.words), label, mark.words))
        pieces += example[end : mark.start], mark.words
        length, end = length + len(mark.words), mark.end
    return "".join([*pieces, example[end:]]), spans


def _label(path: Path, where: str, written: str, mark: Mark, leave_out: Any) -> str:
    if mark.label:
        if mark.value:
            leave_out("values of entities (synonyms)")
        return mark.label.strip()
    try:
        meant = json.loads(f"[{mark.meant}]")
        label = str(meant[0]["entity"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _error(
            path,
            where,
            f"{written!r:.80} is not an entity.",
            'Write [Boston](city), or [Boston]{"entity": "city"}.',
        ) from None
    if len(meant) > 1:
        leave_out("second meanings of one span")
    for part, noun in (("value", "values"), ("role", "roles"), ("group", "groups")):
        if part in meant[0]:
            leave_out(f"{noun} of entities{' (synonyms)' if part == 'value' else ''}")
    return label


def _error(path: Path, where: str, found: str, remedy: str) -> UnreadableFileError:
    return UnreadableFileError(f"{path}, {where}: {found} {remedy}")
