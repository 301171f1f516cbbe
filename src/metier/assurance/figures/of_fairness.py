"""Figures of fairness: `fairness.gender.gap` and `.flips` of words in the texts, `fairness.COLUMN.accuracy_difference`."""

import math
from collections.abc import Iterator

from metier.assurance.behaviour.invariance import edited_key, text_of
from metier.assurance.fairness.groups import ACCURACY, FOUND, MOST_GROUPS, MOST_LABELS, SELECTED, column_parity
from metier.assurance.fairness.substitution import identity_results
from metier.assurance.figures.source import FigureSource
from metier.assurance.subject import Subject
from metier.errors import CallError
from metier.evaluation.figure import Figure
from metier.tasks.answers import SCORE
from metier.text.identity_terms import IdentityTerms, read_identity_terms

PREFIX = "fairness."
GAP, FLIPS, DIFFERENCE = ".gap", ".flips", "_difference"
MEASURES = (ACCURACY, SELECTED, FOUND)


def names_of(subject: Subject) -> Iterator[str]:
    """Give the kinds that the texts name groups of, and the columns of the rows that group them."""
    for kind in _kinds_named(subject):
        yield f"{PREFIX}{kind.name}{FLIPS}"
        if subject.given.task.answer.has_labels or subject.given.task.answer.name == SCORE.name:
            yield f"{PREFIX}{kind.name}{GAP}"
    if subject.given.task.labels and subject.given.task.answer.has_labels:
        # Of more labels none is compared by itself.
        measures = MEASURES if len(subject.given.task.labels) <= MOST_LABELS else (ACCURACY,)
        for column in _columns(subject):
            yield from (f"{PREFIX}{column}.{measure}{DIFFERENCE}" for measure in measures)


def figure_of(subject: Subject, name: str) -> Figure:
    """Measure one of them; where rows are too few nothing can be told."""
    asked = name.removeprefix(PREFIX)
    found: Figure | None
    if asked.endswith(DIFFERENCE):
        column, _, measure = asked.removesuffix(DIFFERENCE).rpartition(".")
        parity = column_parity(subject.given, subject.answered.predicted, column)
        found = next((one.figure for one in parity.differences if one.measure == measure), None)
    else:
        kind, _, figure = asked.rpartition(".")
        terms = [one for one in read_identity_terms() if one.name == kind]
        items = subject.bundle.input_kind.from_rows(subject.given.rows)
        [result] = identity_results(
            subject.bundle, items, terms, random_state=subject.random_state, listener=subject.listener
        )
        found = result.flips if f".{figure}" == FLIPS else result.gap
    return Figure(math.nan, None, None, 0, higher_is_better=False) if found is None else found


def is_share_of(subject: Subject, name: str) -> bool:
    """Whether the figure lies between 0 and 1: all but the gap of a number."""
    return subject.given.task.answer.name != SCORE.name or not name.endswith(GAP)


def _kinds_named(subject: Subject) -> list[IdentityTerms]:
    try:
        key = edited_key(subject.bundle)
    except CallError:
        return []
    texts = [text_of(item, key) for item in subject.bundle.input_kind.from_rows(subject.given.rows)]
    return [kind for kind in read_identity_terms() if any(kind.substituted(text) is not None for text in texts)]


def _columns(subject: Subject) -> list[str]:
    sizes: dict[str, int] = {}
    for one in subject.slices.values():
        if one.by == "column" and one.column is not None:
            sizes[one.column] = sizes.get(one.column, 0) + 1
    return [column for column, size in sizes.items() if size <= MOST_GROUPS]


FAIRNESS = FigureSource("fairness", names_of, figure_of, is_share_of)
