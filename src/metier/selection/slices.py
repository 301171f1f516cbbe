"""Quality on parts of the test rows: by language, length, the values of further columns, and label.

Each interval is wide enough that all of them hold together with 95 % (Bonferroni): the worst of many parts would look
bad by chance alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metier.data.rows import Rows
from metier.evaluation import higher_is_better
from metier.selection.scores import Scores
from metier.text.language import detect_language

FEWEST_ROWS = 20  # A part of fewer rows has an interval from wall to wall.
MOST_VALUES = 30  # A column of more values names rows, it does not group them.
MOST_SLICES = 60  # The largest ones; more looks would make every interval too wide to show anything.
MOST_LANGUAGES = 10_000  # Texts whose language is detected: each takes a fifth of a millisecond.
LANGUAGE_CHARACTERS = 400  # Of each text.


@dataclass(frozen=True)
class Slice:
    """A part of the rows.

    Parameters
    ----------
    by : {"language", "length", "column", "label"}
        What it was cut by.
    value : str or list of int
        The value that its rows share; for a length its ends in characters, both included.
    rows : ndarray of int64
        Positions of its rows.
    column : str or None
        Which column, where `by` is `column`.
    """

    by: str
    value: Any
    rows: np.ndarray
    column: str | None = None


def slice_facts(
    judge: Scores, test: Rows, predicted: Sequence[Any], *, random_state: int
) -> dict[str, Any] | None:
    """Give the figures of each part of the rows, the worst first; None where no part is large enough.

    Returns
    -------
    dict or None
        `metric`, `whole` (its value on all rows), `level` (confidence of each interval) and `slices`: each with `by`,
        `column`, `value`, `rows`, `figure` (value, low, high) and `is_worse`: whether its whole interval is worse than
        the value on all rows.
    """
    found = [
        one
        for one in slices_of(judge, test, random_state=random_state)
        if FEWEST_ROWS <= len(one.rows) < len(test)
    ]
    found = sorted(found, key=lambda one: -len(one.rows))[:MOST_SLICES]
    if not found:
        return None
    metric = slice_metric(judge)
    level = 1 - 0.05 / len(found)
    sign = 1.0 if higher_is_better(metric) else -1.0
    whole = judge.measure(metric, predicted)
    measured = []
    for one in found:
        part = judge.part(one.rows)
        answers = [predicted[int(row)] for row in one.rows]
        figure = asdict(part.interval(metric, answers, random_state=random_state, level=level))
        if np.isfinite(figure["value"]):
            nearest = max(sign * figure["low"], sign * figure["high"])
            measured.append(_facts(one, figure, is_worse=bool(nearest < sign * whole)))
    measured.sort(key=lambda one: sign * one["figure"]["value"])
    return {"metric": metric, "whole": whole, "level": level, "slices": measured}


def slices_of(judge: Scores, test: Rows | None, *, random_state: int) -> Iterator[Slice]:
    """Cut the rows in every way there is; of rows that are not at hand only the labels are known."""
    if test is not None and test.has_texts:
        texts = test.texts if test.has_files else test.whole_inputs
        yield from _by_language(texts, random_state)
        yield from _by_length(texts)
    if test is not None:
        for column in _grouping_columns(test):
            yield from by_column(test, column)
    if judge.task.answer.is_one_label:
        yield from _by_value("label", list(judge.targets))


def by_column(test: Rows, column: str, *, most: int | None = MOST_VALUES) -> Iterator[Slice]:
    """Cut the rows by the values of a column, unless it has more than `most`."""
    return _by_value("column", test.table.column(column).to_pylist(), column=column, most=most)


def slice_metric(judge: Scores) -> str:
    """Accuracy for labels: the macro average of a part that holds few of them says little."""
    return "accuracy" if "accuracy" in judge.metrics else judge.task.primary_metric


def _facts(one: Slice, figure: dict[str, Any], *, is_worse: bool) -> dict[str, Any]:
    return {
        "by": one.by,
        "column": one.column,
        "value": one.value,
        "rows": len(one.rows),
        "figure": figure,
        "is_worse": is_worse,
    }


def _by_language(texts: Sequence[str], random_state: int) -> Iterator[Slice]:
    """Cut by the language of each text; of very many texts some are drawn."""
    random, n = np.random.default_rng(random_state), len(texts)
    drawn = (
        range(n) if n <= MOST_LANGUAGES else np.sort(random.choice(n, MOST_LANGUAGES, replace=False)).tolist()
    )
    languages: list[str | None] = [None] * n
    for row in drawn:
        languages[row] = detect_language([texts[row][:LANGUAGE_CHARACTERS]]).main_language
    yield from _by_value("language", languages)


def _by_length(texts: Sequence[str]) -> Iterator[Slice]:
    lengths = np.array([len(text) for text in texts])
    inner = np.unique(np.quantile(lengths, (0.25, 0.5, 0.75), method="lower"))
    cell = np.searchsorted(inner, lengths, side="left")
    for number in np.unique(cell):
        rows = np.flatnonzero(cell == number)
        yield Slice("length", [int(lengths[rows].min()), int(lengths[rows].max())], rows)


def _grouping_columns(test: Rows) -> list[str]:
    """Give the columns that are neither asked nor answered, and the one of groups."""
    taken = set(test.roles.named.values()) - {test.roles.group}
    return [name for name in test.table.column_names if name not in taken]


def _by_value(
    by: str, values: Sequence[Any], *, column: str | None = None, most: int | None = MOST_VALUES
) -> Iterator[Slice]:
    places: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        if isinstance(value, str | int | bool):
            places.setdefault(str(value), []).append(row)
    if len(places) < 2 or (by == "column" and most is not None and len(places) > most):
        return
    for value, rows in places.items():
        yield Slice(by, value, np.array(rows), column)
