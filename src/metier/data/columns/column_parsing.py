"""Parse columns into the types of their roles: spans inside their text, scores as numbers.

Files hold strings, also where a string is the JSON of a list. Here each column with a role is parsed to its type
in `COLUMN_TYPES`, value by value. One error reports every value that cannot be used, with the first row, its
column and what to do. With repair, what is safe to fix is fixed and reported in a note.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from metier.data.columns import (
    conversations,
    entity_relations,
    image_columns,
    label_lists,
    multi_hot,
    passage_answers,
    spans,
)
from metier.data.columns.audio_columns import check_audio
from metier.data.columns.file_names import with_folder, with_names_here
from metier.data.columns.image_columns import check_image, pictures_of, several_as_lists
from metier.data.columns.role_inference import NONE, has_decimal_comma, messages_column
from metier.data.columns.stored_columns import to_text_column
from metier.data.columns.value_faults import FaultError, Faults, ReadOptions, parse_each
from metier.data.rows import COLUMN_TYPES, Roles
from metier.errors import MOST_NAMED, CallError, DataError, EmptyDataError
from metier.figures import count_of

STRUCTURED = ("spans", "head", "tail", "answers")
TEXTS = ("text", "text_pair", "question", "target", "image", "image_pair", "audio")
PIECES = ("spans", "relations", "answers")  # Roles whose values are lists, from which repair may remove items.
REPAIRS = {
    "spans": spans.REPAIR_SPANS,
    "head": spans.REPAIR_ENTITY,
    "tail": spans.REPAIR_ENTITY,
    "answers": passage_answers.REPAIR,
    "relations": entity_relations.REPAIR,
    "messages": conversations.REPAIR,
    "image": image_columns.REPAIR,
}
_PARSERS: dict[str, Callable[..., Any]] = {
    "spans": spans.parse_spans,
    "head": spans.parse_entity,
    "tail": spans.parse_entity,
    "answers": passage_answers.parse_answers,
}


@dataclass(frozen=True)
class Structured:
    """A table whose columns have the types of their roles.

    Parameters
    ----------
    table : pyarrow.Table
    notes : tuple of str
        What was decided and fixed, one sentence each.
    separator : str or None
        The separator between the labels of one row.
    """

    table: pa.Table
    notes: tuple[str, ...] = ()
    separator: str | None = None


def structure(
    table: pa.Table,
    roles: Roles,
    options: ReadOptions,
    *,
    origin: str,
    first_row: int = 0,
    looks_at_files: bool = True,
) -> Structured:
    """Parse the columns of a table into the types of their roles.

    Parameters
    ----------
    first_row : int
        Number of earlier rows of the source, so that errors have its row numbers.
    looks_at_files : bool
        Whether every image and recording is decoded once; whoever answers rows decodes them anyway.

    Raises
    ------
    BrokenValueError
        If values of a column cannot be used, and `options.repair` is off or cannot fix them.
    CallError
        If labels by position are named, and there are none.
    DataError
        If the separator of labels seems to be part of labels.
    """
    for role in TEXTS:
        name = roles.column_of(role)
        if name is not None:
            table = to_text_column(table, name)
    work = _Work(table, options, origin, first_row)
    marked = None if roles.spans is None else table.column(roles.spans).to_pylist()
    for role in STRUCTURED:
        name = roles.column_of(role)
        if name is not None:
            work.against_text(role, name, roles.text)
    if roles.relations is not None:
        work.relations(roles.relations, marked, spans=roles.spans, text=roles.text)
    separator = None if roles.labels is None else work.labels(roles.labels, text=roles.text)
    if options.label_names and not work.takes_label_names:
        raise _nothing_to_name(origin)
    if roles.score is not None:
        work.scores(roles.score, text=roles.text)
    if roles.image is not None:
        work.files(roles.image, "image", look=looks_at_files, beside_texts=roles.text != roles.image)
    if roles.image_pair is not None:
        work.files(roles.image_pair, "image", look=looks_at_files, beside_texts=roles.text_pair is not None)
    if roles.audio is not None:
        work.files(roles.audio, "audio", look=looks_at_files, beside_texts=roles.text != roles.audio)
    work.drop_broken()
    return Structured(work.table, tuple(work.notes), separator)


def _nothing_to_name(origin: str) -> CallError:
    return CallError(
        f"--label-names names the labels of lists of zeros and ones, and {origin} has no such lists. Leave it out."
    )


def split_conversations(
    table: pa.Table, given: dict[str, str | None], options: ReadOptions, *, origin: str, first_row: int = 0
) -> tuple[pa.Table, tuple[str, ...]]:
    """Split conversations, where a column holds them, into the history and the target text.

    The last turn of the assistant goes to a column of its own, `target`, and the last user turn to the
    column `text`, unless the table has such columns or the caller excluded these roles.

    Raises
    ------
    BrokenValueError
        If a conversation has two turns of one speaker in a row, or nothing to answer.
    """
    name = given["messages"] or messages_column(table)
    if name is None or name not in table.column_names:
        return table, ()
    work = _Work(table, options, origin, first_row)
    target = given["target"] or ("target" if not {"label", "标签"} & set(table.column_names) else NONE)
    work.conversations(name, text=given["text"] or "text", target=None if target == NONE else target)
    work.drop_broken()
    return work.table, tuple(work.notes)


class _Work:
    """A table while its columns are parsed, with the notes and the rows that could not be fixed."""

    def __init__(self, table: pa.Table, options: ReadOptions, origin: str, first_row: int):
        self.table, self.notes = table, list[str]()
        self._options, self._origin, self._first_row = options, origin, first_row
        self._broken: set[int] = set()
        self.takes_label_names = False

    def against_text(self, role: str, name: str, text: str) -> None:
        """Parse a column whose values are offsets in the text."""
        texts = [value or "" for value in self.table.column(text).to_pylist()]
        parse = _PARSERS[role]
        parsed = self._parse(
            name, role, lambda row, value, repair: parse(value, texts[row], repair=repair), text=text
        )
        self._put(name, pa.array(parsed, COLUMN_TYPES[role]))

    def relations(self, name: str, marked: list[Any] | None, *, spans: str | None, text: str) -> None:
        """Parse a column of relations, which name spans by their place as they were written (`marked`)."""
        if marked is None or spans is None:
            raise DataError(
                f"{self._origin}: the relations in {name!r} are between marked parts of the text, and no column has these. "
                "Name it with --role spans=COLUMN."
            )
        texts = [value or "" for value in self.table.column(text).to_pylist()]
        settled = self.table.column(spans).to_pylist()
        parsed = self._parse(
            name,
            "relations",
            lambda row, value, repair: entity_relations.parse_relations(
                value, marked[row], settled[row] or [], texts[row], repair=repair
            ),
            text=text,
        )
        self._put(name, pa.array(parsed, COLUMN_TYPES["relations"]))

    def conversations(self, name: str, *, text: str, target: str | None) -> None:
        """Parse a column of conversations, and add columns for the last user turn and the target text."""
        pairs = self._parse(
            name,
            "messages",
            lambda _, value, repair: conversations.parse_messages(value, repair=repair),
            text=None,
        )
        has_target = target is not None and target not in self.table.column_names
        if has_target and any(pair and pair[1] for pair in pairs):
            pairs = self._answered(name, pairs)
        histories = [None if pair is None else pair[0] for pair in pairs]
        self._put(name, pa.array(histories, COLUMN_TYPES["messages"]))
        if text not in self.table.column_names:
            last = [
                None if messages is None else conversations.last_user_turn(messages) for messages in histories
            ]
            self.table = self.table.append_column(text, pa.array(last, pa.string()))
            self.notes.append(f"{text} is the last user turn in {name}")
        written = [None if pair is None else pair[1] for pair in pairs]
        if target is not None and has_target and any(written):
            self.table = self.table.append_column(target, pa.array(written, pa.string()))
            self.notes.append(f"{target} is the last turn of the assistant in {name}")

    def _answered(self, name: str, pairs: list[Any]) -> list[Any]:
        """Cut conversations that end with the user after the last answered turn."""
        cut = [
            conversations.until_answered(pair[0]) if pair is not None and pair[1] is None else pair
            for pair in pairs
        ]
        shorter = sum(bool(one and one[1]) and not other[1] for one, other in zip(cut, pairs, strict=True))
        if shorter:
            self.notes.append(
                f"{shorter:,} conversations in {name} end with the user; they are cut to the last answer"
            )
        return cut

    def labels(self, name: str, *, text: str) -> str | None:
        """Parse a column of labels; gives the separator."""
        values = self.table.column(name).to_pylist()
        separator, notes = self._separator(name, values)
        width = multi_hot.width_of(label_lists.pieces(value, separator) for value in values)
        self.takes_label_names = width is not None or not any(values)
        if width is None:
            parsed = self._parse(
                name, "labels", lambda _, value, __: label_lists.split_labels(value, separator), text=text
            )
        else:
            names = multi_hot.place_names(width, self._options.label_names, column=name)
            parsed = self._parse(
                name,
                "labels",
                lambda _, value, __: multi_hot.labels_at(label_lists.pieces(value, separator), names),
                text=text,
            )
            notes += (f"{name} holds 0 and 1 by position: read as the labels {_listed(names)} (--label-names)",)
        self.notes += notes
        blank = sum(isinstance(value, str) and not value.strip() for value in values)
        if blank:
            self.notes.append(
                f"{count_of(blank, 'row')} with an empty {name}: read as having none of the labels"
            )
        self._put(name, pa.array(parsed, COLUMN_TYPES["labels"]))
        return separator

    def _separator(self, name: str, values: list[Any]) -> tuple[str | None, tuple[str, ...]]:
        try:
            return label_lists.choose_separator(
                values,
                self._options.separator,
                known=self._options.known_labels,
                origin=self._origin,
                column=name,
            )
        except DataError as error:
            if self._options.faults is None:
                raise
            self._options.faults.refused.append((name, str(error)))
            return None, ()

    def scores(self, name: str, *, text: str) -> None:
        """Parse a column of numbers."""
        comma = has_decimal_comma(self.table.column(name).to_pylist())
        if comma:
            self.notes.append(f"the numbers in {name} have a decimal comma")
        parsed = self._parse(name, "score", lambda _, value, __: _number(value, comma=comma), text=text)
        self._put(name, pa.array(parsed, pa.float64()))

    def files(self, name: str, role: str, *, look: bool, beside_texts: bool) -> None:
        """Keep the folder of a column of images or recordings, and decode each where that is asked for."""
        folder = self._options.folder
        self.table = with_folder(self.table, name, folder)
        if role == "image":
            self.table, note = several_as_lists(self.table, name)
            self.notes += [] if note is None else [note]
        self.table, note = with_names_here(self.table, name)
        self.notes += [] if note is None else [note]
        if look and not beside_texts:
            self._check_any_named(name, role)
        if look:
            check = (
                self._check_of_audio(beside_texts)
                if role == "audio"
                else self._check_of_image(name, beside_texts)
            )
            self._parse(name, role, check, text=name, is_asked_of_none=True)

    def _check_any_named(self, name: str, role: str) -> None:
        """Say in one sentence that a column names no file at all, and not once a row."""
        values = self.table.column(name).to_pylist()
        if any(value is not None and str(value).strip() for value in values):
            return
        noun = "image" if role.startswith("image") else "recording"
        raise EmptyDataError(
            f"{self._origin}: column {name!r} names no {noun} in any of its {count_of(len(values), 'row')}. Fill it in, or "
            f"name the column that has them with --role {role}=COLUMN."
        )

    def _check_of_audio(self, beside_texts: bool) -> Callable[[int, Any, bool], Any]:
        folder = self._options.folder
        return lambda _, value, __: check_audio(value, folder, may_be_missing=beside_texts)

    def _check_of_image(self, name: str, beside_texts: bool) -> Callable[[int, Any, bool], Any]:
        folder, pictures = self._options.folder, pictures_of(self.table, name)
        return lambda row, value, _: check_image(value, pictures[row], folder, may_be_missing=beside_texts)

    def drop_broken(self) -> None:
        """Remove the rows that repair could not fix."""
        if self._broken:
            kept = np.setdiff1d(np.arange(self.table.num_rows), sorted(self._broken))
            self.table = self.table.take(pa.array(kept))
            if self._options.faults is not None:
                self._options.faults.keep(kept)
            else:
                self.notes.append(f"repair removed {count_of(len(self._broken), 'row')} that it could not fix")
            self._broken = set()

    def _parse(
        self,
        name: str,
        role: str,
        parse: Callable[[int, Any, bool], Any],
        *,
        text: str | None,
        is_asked_of_none: bool = False,
    ) -> list[Any]:
        """Parse the values of a column; `text` is the column shown with a fault, instead of the value."""
        values = self.table.column(name).to_pylist()
        faults = Faults(self._origin, name, REPAIRS.get(role, ""), self._first_row)
        parsed, broken = parse_each(
            values, lambda row, value: parse(row, value, False), faults, keeps_none=not is_asked_of_none
        )
        log = self._options.faults
        if log is None and not (self._options.repair and role in REPAIRS):
            faults.check(self.table)
            return parsed
        # How many items of a value repair removes; None where it removes the row.
        lost: dict[int, int | None] = {}
        for row in broken:
            parsed[row], lost[row] = _fixed(role, row, values[row], parse)
        self._broken |= {row for row, pieces in lost.items() if pieces is None}
        if log is not None:
            log.note(faults, role, values if text is None else self.table.column(text).to_pylist(), lost)
        else:
            self._note_fixed(name, [pieces for pieces in lost.values() if pieces is not None])
        return parsed

    def _note_fixed(self, name: str, lost: list[int]) -> None:
        if lost:
            without = f", and removed {count_of(sum(lost), 'item')} from them" if sum(lost) else ""
            self.notes.append(f"repair fixed {count_of(len(lost), 'value')} of {name}{without}")

    def _put(self, name: str, values: pa.Array) -> None:
        self.table = self.table.set_column(self.table.column_names.index(name), name, values)


def _fixed(role: str, row: int, value: Any, parse: Callable[[int, Any, bool], Any]) -> tuple[Any, int | None]:
    """Give the repaired value and how many of its items were removed; None and None if it cannot be fixed."""
    if role not in REPAIRS:
        return None, None
    try:
        fixed = parse(row, value, True)
    except FaultError:
        return None, None
    return fixed, _n_pieces(value) - len(fixed) if role in PIECES else 0


def _n_pieces(value: Any) -> int:
    """Count the spans or answers of a value, in any of their shapes."""
    value = spans.decode(value)
    if isinstance(value, Mapping):
        value = value.get("entities", value.get("text"))
    return len(value) if isinstance(value, list) else 1


def _number(value: Any, *, comma: bool) -> float | None:
    if isinstance(value, str) and not value.strip():
        return None
    if comma and isinstance(value, str):
        value = value.replace(",", ".")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise FaultError(
            f"{value!r} is not a number.",
            "Scores are numbers with a decimal point, such as 3.5; fix it, or leave it blank.",
            kind="that are not numbers",
        ) from None
    return None if np.isnan(number) else number


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{names[0]}, {names[1]} … {names[-1]}"
