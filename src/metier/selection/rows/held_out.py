"""Validation and test rows that could not be scored are refused before anything is trained.

The test rows are predicted at the very end; a fault in them must not show only then.
"""

from metier.audit.labels import labels_of_rows
from metier.data import Rows, Splits
from metier.errors import UnknownLabelError
from metier.tasks.task import Task

MOST_SHOWN = 5


def check_held_out(splits: Splits, task: Task) -> list[str]:
    """Check that every held-out row can be asked and scored; gives a note on what will count as wrong.

    Raises
    ------
    MissingLabelError
        If a row has nothing to be compared with.
    UnknownLabelError
        If a row has a label that the training rows do not have: in the test rows only where each row has one label,
        since where rows have several, the others can still be found.
    """
    notes = []
    for name, rows in (("validation", splits.validation), ("test", splits.test)):
        task.items(rows)
        task.targets(rows)
        found = _unknown(rows, task)
        if found is None:
            continue
        if name == "validation" or task.answer.is_one_label:
            raise UnknownLabelError(
                f"{found} Add training rows with these labels, fix the spelling, or remove these rows; a run that "
                "was begun goes on with --resume once the test rows are fixed."
            )
        notes.append(f"{found} They count as wrong.")
    return notes


def _unknown(rows: Rows, task: Task) -> str | None:
    """Say which rows have labels that the task does not know; None where none has."""
    if not task.labels or not task.answer.has_labels:
        return None
    known, own = {*task.labels, task.negative_label}, labels_of_rows(rows) or []
    numbers = [number for number, labels in enumerate(own, 1) if not known.issuperset(labels)]
    if not numbers:
        return None
    labels = list(dict.fromkeys(label for number in numbers for label in own[number - 1] if label not in known))
    more = ", …" if len(numbers) > MOST_SHOWN else ""
    others = f" and {len(labels) - MOST_SHOWN:,} more" if len(labels) > MOST_SHOWN else ""
    return (
        f"{rows.origin}: {len(numbers):,} of {len(rows):,} rows have labels that the training rows do not have "
        f"({', '.join(map(repr, labels[:MOST_SHOWN]))}{others}), in row {', '.join(map(str, numbers[:MOST_SHOWN]))}"
        f"{more}."
    )
