"""The whole input of a row and its labels: rows with equal inputs are duplicates, whatever their other columns hold."""

from collections.abc import Sequence

from metier.data.rows import Rows
from metier.tasks.answers import ANSWERS
from metier.tasks.inputs import TEXT, input_of_rows


def has_single_text_input(rows: Rows) -> bool:
    """Whether the text is the whole input: no text pair, question, marked entities or conversation."""
    return input_of_rows(rows) is TEXT


def inputs_of(rows: Rows) -> Sequence[str]:
    """Give the whole input of each row as one text; rows that ask the same have the same."""
    return input_of_rows(rows).same_as(rows)


def labels_of_rows(rows: Rows) -> list[list[str]] | None:
    """Give the labels of each row: its label, its label set, or the types of its spans; None without such a column.

    An unlabelled row has an empty list.
    """
    for kind in ANSWERS.values():
        if kind.has_labels and kind.role in rows.roles.named:
            return [kind.row_labels(value) for value in rows.column(kind.role)]
    return None
