"""Answers in a file from anywhere: which column holds them, and how a cell becomes an answer of the task."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from metier.data.columns.label_lists import choose_separator, split_labels
from metier.data.columns.role_inference import level
from metier.data.columns.spans import decode
from metier.data.columns.stored_columns import clean_labels
from metier.data.reading import read_table
from metier.errors import BrokenValueError, DataError, MissingColumnError, quoted
from metier.runs.stored_answers import StoredAnswers
from metier.tasks.answers import LABEL_SET, AnswerKind

# In the order in which they count; none of them is the name of what rows are labelled with.
ANSWER_NAMES = (
    *("prediction", "predictions", "predicted", "pred", "y_pred", "predicted_label", "predicted_class"),
    *("model_answer", "model_output", "预测", "预测结果", "预测标签", "模型输出"),
)
# May be the truth of other rows, and count where nothing says more.
WEAK_ANSWER_NAMES = ("answer", "answers", "output", "response", "label", "labels", "答案", "回答", "标签")
PROBABILITIES = (
    "probabilities"  # A column of mappings from labels to numbers, as `metier predict --top` writes it.
)
PREFIXES = ("", "probability_", "prob_", "proba_", "p_")  # Before a label, of a column with its probability.
SUM_TOLERANCE = 0.02  # Of probabilities that were rounded when they were written.
MOST_NAMED = 5


@dataclass(frozen=True)
class AnswerFile:
    """A file of answers.

    Parameters
    ----------
    origin : str
        Its path as it was given.
    table : pyarrow.Table
    column : str or None
        Where the answers are; None: columns of probabilities say them.
    kind : AnswerKind
        The form of the answers.
    notes : tuple of str
        How it was read.
    """

    origin: str
    table: pa.Table
    column: str | None
    kind: AnswerKind
    notes: tuple[str, ...] = field(default=(), compare=False)

    def predicted(self) -> list[Any] | None:
        """Give the answer of each row; None where only probabilities say it.

        Raises
        ------
        BrokenValueError
            If a cell is no answer of the task.
        """
        if self.column is None:
            return None
        values = self._values(self.column)
        found, faults = [], dict[int, str]()
        for place, value in enumerate(values):
            try:
                found.append(self.kind.read_answer(decode(value)))
            except ValueError as error:
                faults.setdefault(place, str(error))
        if faults:
            first = min(faults)
            raise BrokenValueError(
                self.origin,
                self.column,
                f"{quoted(values[first])} is no answer: {faults[first]}. Give each row an answer, or leave the row out and "
                "add --common.",
                rows=[place + 1 for place in faults],
                count=len(faults),
            )
        return found

    def _values(self, column: str) -> list[Any]:
        table = clean_labels(self.table, column)[0] if self.kind.is_one_label else self.table
        values = list(table.column(column).to_pylist())
        if self.kind.name == LABEL_SET.name:
            separator, _ = choose_separator(values, None, origin=self.origin, column=column)
            values = [
                split_labels(value, separator) if isinstance(decode(value), str) else value for value in values
            ]
        return values

    def stored(self, labels: Sequence[str]) -> StoredAnswers:
        """Give the answers as a run keeps them, the probabilities in the order of the labels.

        Raises
        ------
        DataError
            If there is neither an answer nor a probability of every label.
        """
        predicted, probabilities = self.predicted(), self._probabilities(labels)
        if predicted is None:
            if probabilities is None:
                raise DataError(
                    f"{self.origin} has no column of answers and not the probability of every label. Name the column of "
                    "answers with --prediction."
                )
            predicted = [labels[best] for best in probabilities.argmax(axis=1)]
        return StoredAnswers(predicted, probabilities, [])

    def _probabilities(self, labels: Sequence[str]) -> np.ndarray | None:
        """Give the probabilities, of shape (n_rows, n_labels); None where they are not stated for every label."""
        if not labels or not (self.kind.is_one_label or self.kind.name == LABEL_SET.name):
            return None
        found = self._of_columns(labels)
        if found is None:
            return None
        wrong = ~np.isfinite(found) | (found < 0) | (found > 1)
        sums = found.sum(axis=1)
        if self.kind.is_one_label:
            wrong |= (np.abs(sums - 1) > SUM_TOLERANCE)[:, None]
        if wrong.any():
            row, column = map(int, np.argwhere(wrong)[0])
            raise DataError(
                f"{self.origin}, row {row + 1}: the probability of {labels[column]!r} is {found[row, column]:.4g}, and "
                f"those of all labels sum to {sums[row]:.4g}. Expected numbers from 0 to 1, which sum to 1 where one label "
                "is answered: write probabilities and not scores."
            )
        return found

    def _of_columns(self, labels: Sequence[str]) -> np.ndarray | None:
        names = self.table.column_names
        if PROBABILITIES in names:
            mappings = [decode(value) for value in self.table.column(PROBABILITIES).to_pylist()]
            if all(isinstance(one, Mapping) and set(labels) <= one.keys() for one in mappings):
                return np.array([[one[label] for label in labels] for one in mappings], dtype=np.float64)
        for prefix in PREFIXES:
            if all(prefix + label in names for label in labels):
                columns = [self.table.column(prefix + label).to_pylist() for label in labels]
                try:
                    return np.array(columns, dtype=np.float64).T
                except (TypeError, ValueError):
                    return None
        return None


def read_answer_file(
    path: Path,
    kind: AnswerKind,
    *,
    asked: Collection[str] = (),
    truth: str | None = None,
    named: str | None = None,
    reading: Callable[..., Any] = read_table,
    **how: Any,
) -> AnswerFile:
    """Read a file of answers, and find the column that holds them.

    Parameters
    ----------
    kind : AnswerKind
        The form of the answers.
    asked : collection of str
        Columns that rows are asked or matched by; they hold no answers.
    truth : str, optional
        The column of what rows should be answered with; in a file without another one it holds the answers.
    named : str, optional
        The column of answers as the user states it.
    **how
        `encoding`, `delimiter` and `header`.

    Raises
    ------
    DataError
        If the file cannot be read, or no column is recognised.
    MissingColumnError
        If the named column does not exist.
    """
    table, notes = reading(path, **how)
    names = table.column_names
    if named is not None:
        if named not in names:
            raise MissingColumnError(named, found=names, origin=str(path), flag="--prediction")
        return AnswerFile(str(path), table, named, kind, tuple(notes))
    column = answer_column(names, kind, asked=asked, truth=truth)
    if column is None and not _states_probabilities(table):
        raise DataError(
            f"{path} has no column that looks like answers; it has: {', '.join(names)}. Call it prediction, or name it "
            "with --prediction."
        )
    said = () if column is None else (f"answers = {column} of {path} (--prediction)",)
    return AnswerFile(str(path), table, column, kind, (*notes, *said))


def answer_column(
    names: Sequence[str],
    kind: AnswerKind,
    *,
    asked: Collection[str] = (),
    truth: str | None = None,
    surely: bool = False,
) -> str | None:
    """Give the column of answers by its name; None where no name is that of one.

    Parameters
    ----------
    surely : bool, default=False
        Whether only names count that a column of labels does not have.
    """
    own = next(iter(kind.record))
    clear = (*ANSWER_NAMES, f"predicted_{own}", f"{own}_predicted")
    weak = (own, *([level(truth)] if truth else []), *WEAK_ANSWER_NAMES)
    free = {level(name): name for name in reversed(names) if name not in asked}
    return next((free[name] for name in (*clear, *(() if surely else weak)) if name in free), None)


def _states_probabilities(table: pa.Table) -> bool:
    """Whether there is a column of mappings, or at least two whose first cell is a number from 0 to 1."""
    first = [table.column(name)[0].as_py() for name in table.column_names]
    return PROBABILITIES in table.column_names or sum(map(_is_share, first)) > 1


def _is_share(cell: Any) -> bool:
    try:
        return 0 <= float(cell) <= 1
    except (TypeError, ValueError):
        return False
