"""Clean the texts of rows; what columns mark in a text is moved with it, or the row is left alone and told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from metier.data.columns.marked_pieces import UnfitPieceError, moved_pieces, pieces_of
from metier.data.formats.batches import given_values, with_values
from metier.data.rows import COLUMN_TYPES
from metier.text.cleaning import Change, Cleaned, clean
from metier.text.offsets import Edit, Offsets
from metier.text.personal_data import find_personal_data
from metier.text.personal_data.operators import Operator

TOKENS = "tokens"  # Of CoNLL: they are those of the text, and go when it changes.
Place = tuple[int, str]  # Number of a row from 1, and a column.


@dataclass(frozen=True)
class CleaningPlan:
    """What is cleaned, and how.

    Parameters
    ----------
    steps : tuple of str
        Of `text.cleaning.STEPS`.
    columns : tuple of str
        Columns of texts, the first of which `marks` belong to.
    marks : tuple of str
        Columns that mark pieces of the first text.
    messages : str, optional
        A column of conversations, whose turns are cleaned.
    operator : callable, optional
        What is written in place of personal data.
    entities : tuple of str, optional
        Which personal data are taken out; None: all.
    with_model : bool
        Whether a model looks for English names, too.
    repeated_lines : frozenset of str
        Lines that say nothing of a row.
    """

    steps: tuple[str, ...]
    columns: tuple[str, ...]
    marks: tuple[str, ...] = ()
    messages: str | None = None
    operator: Operator | None = None
    entities: tuple[str, ...] | None = None
    with_model: bool = False
    repeated_lines: frozenset[str] = frozenset()


@dataclass
class CleaningTally:
    """What was done to some rows.

    Parameters
    ----------
    changes, kept : list of (place, Change)
        What was changed in which row and column, and what was left as it reaches into a marked piece.
    left_alone : list of int
        Numbers of rows whose marks do not fit their text, which are as they were.
    emptied : list of int
        Numbers of rows of whose text nothing is left.
    entities : Counter of str
        Personal data by kind.
    """

    changes: list[tuple[Place, Change]] = field(default_factory=list)
    kept: list[tuple[Place, Change]] = field(default_factory=list)
    left_alone: list[int] = field(default_factory=list)
    emptied: list[int] = field(default_factory=list)
    entities: Counter[str] = field(default_factory=Counter)


def cleaned_table(table: pa.Table, plan: CleaningPlan, *, first_row: int = 0) -> tuple[pa.Table, CleaningTally]:
    """Clean the rows of a table.

    Parameters
    ----------
    first_row : int
        How many rows of the file came before these.
    """
    work = _Work(table, plan, first_row)
    for column in plan.columns:
        work.clean_column(column, plan.marks if column == plan.columns[0] else ())
    if plan.messages is not None:
        work.clean_messages(plan.messages)
    return work.table, work.tally


class _Work:
    def __init__(self, table: pa.Table, plan: CleaningPlan, first_row: int):
        self.table, self.tally = table, CleaningTally()
        self._plan, self._first_row = plan, first_row

    def clean_column(self, column: str, marks: Sequence[str]) -> None:
        texts = self.table.column(column).to_pylist()
        marked = {name: self._values(name) for name in marks}
        changed = list(texts)
        for row, text in enumerate(texts):
            if not isinstance(text, str) or not text:
                continue
            cleaned = self._clean_row(row, column, text, marked)
            if cleaned is not None and cleaned.text != text:
                changed[row] = cleaned.text
        if changed == texts:
            return
        self.table = with_values(self.table, column, changed)
        for name, values in marked.items():
            self._put_marks(name, values)
        if column == self._plan.columns[0] and TOKENS in self.table.column_names and marks:
            self._drop_tokens([one == other for one, other in zip(texts, changed, strict=True)])

    def clean_messages(self, column: str) -> None:
        conversations = self.table.column(column).to_pylist()
        for row, turns in enumerate(conversations):
            for turn in turns or ():
                cleaned = self._clean(turn["content"], ())
                self._tell(row, column, cleaned)
                turn["content"] = cleaned.text
        place = self.table.column_names.index(column)
        self.table = self.table.set_column(place, column, pa.array(conversations, COLUMN_TYPES["messages"]))

    def _clean_row(self, row: int, column: str, text: str, marked: dict[str, list[Any]]) -> Cleaned | None:
        """Clean one text and move its marks; None where they do not fit it."""
        number = self._first_row + row + 1
        try:
            pieces = [piece for values in marked.values() for piece in pieces_of(values[row], text)]
        except UnfitPieceError:
            self.tally.left_alone.append(number)
            return None
        cleaned = self._clean(text, pieces)
        self._tell(row, column, cleaned)
        if cleaned.text != text:
            for values in marked.values():
                values[row] = moved_pieces(values[row], text, cleaned.text, cleaned.moved)
            if not cleaned.text.strip() and text.strip():
                self.tally.emptied.append(number)
        return cleaned

    def _clean(self, text: str, pieces: Sequence[Offsets]) -> Cleaned:
        plan = self._plan
        return clean(
            text,
            plan.steps,
            marked=pieces,
            repeated_lines=plan.repeated_lines,
            personal_data=self._personal_edits,
        )

    def _personal_edits(self, text: str) -> list[Edit]:
        plan, edits = self._plan, []
        assert plan.operator is not None
        for one in find_personal_data(text, entities=plan.entities, with_model=plan.with_model):
            self.tally.entities[one.entity] += 1
            edits.append(Edit(one.start, one.end, plan.operator(one)))
        return edits

    def _tell(self, row: int, column: str, cleaned: Cleaned) -> None:
        place = (self._first_row + row + 1, column)
        self.tally.changes += [(place, change) for change in cleaned.changes]
        self.tally.kept += [(place, change) for change in cleaned.kept]

    def _values(self, name: str) -> list[Any]:
        field = self.table.schema.field(name)
        given = given_values(field, self.table.num_rows)
        return list(self.table.column(name).to_pylist() if given is None else given)

    def _put_marks(self, name: str, values: list[Any]) -> None:
        kind = self.table.schema.field(name).type
        if pa.types.is_nested(kind):
            place = self.table.column_names.index(name)
            self.table = self.table.set_column(place, name, pa.array(values, kind))
        else:
            self.table = with_values(self.table, name, values)

    def _drop_tokens(self, same: list[bool]) -> None:
        tokens = self._values(TOKENS)
        self._put_marks(TOKENS, [one if stays else None for one, stays in zip(tokens, same, strict=True)])
