"""Texts with two marked entities as methods and predictors take them, checked once: both where their offsets say.

Most faults of such files are one fault in every row: an end that includes its last character, bytes instead of
characters, a space taken along. So the message names the rows and the most probable of these.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from metier.arguments import check_is_list
from metier.errors import EmptyDataError, EntityError, WrongTypeError, quoted
from metier.tasks.inputs.kind import InputKind, parts_fault, shape_fault, texts_fault
from metier.text.offset_map import OffsetMap
from metier.text.segmentation import has_han

if TYPE_CHECKING:  # What answers needs no rows, which need Arrow.
    from metier.data.rows import Rows

ENTITIES = ("head", "tail")
TYPES = ("head_type", "tail_type")
# A text with a typing mistake ("ofneurons") cuts a word rightly. SemEval-2010 has 7 of them in 10,717 rows, FinRE 8
# in 17,213; offsets that are off by one cut nearly every row.
MOST_CUT_FRACTION = 0.02
RULE = "Offsets count the characters of the text from 0, and the end is one past the last."


@dataclass(frozen=True)
class MarkedText(InputKind):
    """A text with two marked entities; an item is a dict with `text`, `head` and `tail`, and perhaps their types."""

    name: ClassVar[str] = "marked_text"
    keys: ClassVar[tuple[str, ...]] = ("text", *ENTITIES)
    optional_keys: ClassVar[tuple[str, ...]] = TYPES
    noun: ClassVar[str] = "two marked parts of a text"
    roles: ClassVar[tuple[str, ...]] = ("head", "tail")
    parts: ClassVar[tuple[str, ...]] = ("text", *ENTITIES)

    @property
    def example(self) -> dict[str, Any]:
        """A question, answered once before the first caller's."""
        return {"text": "Acme bought Bolt", "head": [0, 4], "tail": [12, 16]}

    @property
    def chinese_example(self) -> dict[str, Any]:
        """A question in Chinese, answered once where a model reads it."""
        return {"text": "甲公司收购了乙公司", "head": [0, 3], "tail": [6, 9]}

    def read(self, X: Any, *, origin: str = "these rows") -> list[dict[str, Any]]:
        """Give the items of whatever `fit` or `predict` was handed; see `as_entity_pairs`."""
        return as_entity_pairs(X, origin=origin)

    def texts(self, items: Sequence[Mapping[str, Any]]) -> list[str]:
        """Give the text of each item."""
        return [item["text"] for item in items]

    def prompt_parts(self, item: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Give the text with marks around the entities, and the entities by themselves."""
        text = item["text"]
        places = sorted((tuple(item[name]), mark) for name, mark in zip(ENTITIES, "HT", strict=True))
        for (start, end), mark in reversed(places):
            text = f"{text[:start]}[{mark}]{text[start:end]}[/{mark}]{text[end:]}"
        named = [(name, item["text"][slice(*item[name])]) for name in ENTITIES]
        return [("text", text), *named]

    def with_texts(
        self, item: Mapping[str, Any], change: Callable[[str], tuple[str, OffsetMap]]
    ) -> tuple[dict[str, Any], OffsetMap]:
        """Give a marked text with its text changed, the entities where they then stand."""
        text, offsets = change(item["text"])
        return {**item, "text": text} | {
            name: list(offsets.after(tuple(item[name]))) for name in ENTITIES
        }, offsets

    def same_as(self, rows: "Rows") -> list[str]:
        """Give each text and where its entities stand: two entities of one text are another question than two others."""
        entities = zip(rows.column("head"), rows.column("tail"), strict=True)
        edges = (f"{_edges(head)} {_edges(tail)}" for head, tail in entities)
        return [f"{text}\n{place}" for text, place in zip(rows.texts, edges, strict=True)]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        fault = parts_fault(item, self.keys, optional=TYPES) or texts_fault(item, ("text", *TYPES))
        for name, ordinal in zip(ENTITIES, ("first", "second"), strict=True):
            if fault is None and not _is_place(item[name]):
                expected = f"[start, end]: two whole numbers, the characters of the {ordinal} entity"
                fault = shape_fault(name, item[name], expected)
        if fault is None:
            wrong = entity_fault(item)
            fault = wrong and f"{wrong}. {RULE}"
        return fault

    def from_rows(self, rows: "Rows") -> list[dict[str, Any]]:
        """Give the marked texts of rows; raises `EntityError` where an entity is not where its offsets say."""
        for entity in ENTITIES:
            rows.values(entity)  # Reports which rows have none.
        # The columns themselves, since an entity may state its type besides its place.
        columns = zip(rows.column("text"), *map(rows.column, ENTITIES), strict=True)
        marked = [{"text": text, "head": head, "tail": tail} for text, head, tail in columns]
        return as_entity_pairs(marked, origin=rows.origin)


MARKED_TEXT = MarkedText()


def as_entity_pairs(X: Any, *, origin: str = "these rows") -> list[dict[str, Any]]:
    """Give the items of whatever a method or a predictor was handed.

    Parameters
    ----------
    X : sequence of mappings
        With `text`, `head` and `tail`, the latter two as [start, end] or as mappings with `start`, `end` and
        perhaps `type`; and perhaps `head_type` and `tail_type`.
    origin : str
        Where they came from, for messages.

    Returns
    -------
    list of dict
        With `text`, `head` and `tail` as [start, end], and the types that are known.

    Raises
    ------
    EmptyDataError
        If there is nothing in it.
    EntityError
        If an entity lies outside its text, is empty, or takes white space along; or both are the same piece.
    WrongTypeError
        If it does not hold marked texts.
    """
    check_is_list(X, "marked text")
    items = [_as_item(value, position) for position, value in enumerate(X)]
    if not items:
        raise EmptyDataError("Expected at least one text with two entities, found none.")
    faults = [(row, fault) for row, item in enumerate(items, start=1) if (fault := entity_fault(item))]
    if faults:
        raise EntityError(faults, origin=origin, remedy=RULE)
    return items


def check_words_are_whole(items: Sequence[Mapping[str, Any]], *, origin: str = "these rows") -> None:
    """Refuse entities that begin or end inside a word in more than a fiftieth of the rows."""
    faults = [(row, fault) for row, item in enumerate(items, start=1) if (fault := _cut_word(item))]
    if len(faults) > max(1, MOST_CUT_FRACTION * len(items)):
        raise EntityError(
            faults,
            origin=origin,
            remedy=f"{RULE} If your ends are those of the last character, add 1 to each; if your offsets count "
            "bytes or UTF-16 units, convert them.",
        )


def _as_item(value: Any, position: int) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("text"), str):
        raise WrongTypeError(
            f"Expected a text with two entities at position {position}, found {type(value).__name__}. "
            "Give mappings with 'text', 'head' and 'tail': {'text': …, 'head': [start, end], 'tail': [start, end]}."
        )
    item: dict[str, Any] = {"text": value["text"]}
    for name, kind in zip(ENTITIES, TYPES, strict=True):
        place = value.get(name)
        stated = value.get(kind)
        if isinstance(place, Mapping):
            stated = stated or place.get("type")
            place = [place.get("start"), place.get("end")]
        item[name] = _as_place(place, name, position)
        if stated:
            item[kind] = str(stated)
    return item


def _as_place(place: Any, name: str, position: int) -> list[int]:
    if not _is_place(place):
        raise WrongTypeError(
            f"Expected {name!r} of the item at position {position} as [start, end] in characters, found {quoted(place)}."
        )
    return list(place)


def entity_fault(item: Mapping[str, Any]) -> str | None:
    """Say why an item's entities are not where its offsets say, in a clause; None where they are."""
    text = item["text"]
    for name in ENTITIES:
        start, end = item[name]
        if not 0 <= start < end <= len(text):
            return f"{name} [{start}, {end}] does not lie in its text of {len(text)} characters"
        piece = text[start:end]
        if not piece.strip():
            return f"{name} [{start}, {end}] holds nothing but white space"
        if piece != piece.strip():
            new_start = start + len(piece) - len(piece.lstrip())
            whole = [new_start, new_start + len(piece.strip())]
            return f"{name} [{start}, {end}] includes white space: {_short(piece)}; without it: {whole}"
    if item["head"] == item["tail"]:
        return f"head and tail are the same piece, {item['head']}"
    return None


def _edges(entity: Mapping[str, Any] | None) -> str:
    return "" if entity is None else f"{entity['start']}-{entity['end']}"


def _is_place(place: Any) -> bool:
    return (
        isinstance(place, Sequence)
        and not isinstance(place, str)
        and len(place) == 2
        and all(isinstance(end, int) and not isinstance(end, bool) for end in place)
    )


def _cut_word(item: Mapping[str, Any]) -> str | None:
    text = item["text"]
    for name in ENTITIES:
        start, end = item[name]
        if _is_inside_word(text, start) or _is_inside_word(text, end):
            around = text[max(0, start - 10) : end + 10]
            return f"{name} [{start}, {end}] is {_short(text[start:end])} in {_short(around)}, a part of a word"
    return None


def _is_inside_word(text: str, place: int) -> bool:
    """Whether letters or digits stand on both sides; Chinese has no spaces, so its characters say nothing."""
    around = text[max(0, place - 1) : place + 1]
    return len(around) == 2 and place > 0 and around.isalnum() and not has_han(around)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:20]}…{text[-19:]}")
