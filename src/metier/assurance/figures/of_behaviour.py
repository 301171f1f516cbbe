"""Figures of behaviour: `invariance.typos.failure` of the rows, `minimum.NAME.failure` of the tests that the user wrote."""

import math
from collections.abc import Iterator

from metier.assurance.behaviour.case import INVARIANCE
from metier.assurance.behaviour.edits import EDITS
from metier.assurance.behaviour.invariance import edited_key, invariance_results
from metier.assurance.behaviour.running import run_tests
from metier.assurance.figures.source import FigureSource
from metier.assurance.subject import Subject
from metier.errors import CallError
from metier.evaluation.figure import Figure

ENDING = ".failure"


def names_of(subject: Subject) -> Iterator[str]:
    """Give each edit, where questions can be edited, and each test that the user wrote."""
    yield from (f"{test.kind}.{test.name}{ENDING}" for test in subject.tests)
    try:
        edited_key(subject.bundle)
    except CallError:
        return
    yield from (f"{INVARIANCE}.{edit.name}{ENDING}" for edit in EDITS)


def figure_of(subject: Subject, name: str) -> Figure:
    """Give the share of cases that fail; without a case no share, and nothing can be told."""
    asked = name.removesuffix(ENDING)
    written = [test for test in subject.tests if f"{test.kind}.{test.name}" == asked]
    if written:
        results = run_tests(subject.bundle, written, listener=subject.listener)
    else:
        items = subject.bundle.input_kind.from_rows(subject.given.rows)
        results = invariance_results(
            subject.bundle,
            items,
            names=[asked.partition(".")[2]],
            random_state=subject.random_state,
            listener=subject.listener,
        )
    found = results[0].figure
    return Figure(math.nan, None, None, 0, higher_is_better=False) if found is None else found


BEHAVIOUR = FigureSource("behaviour", names_of, figure_of, lambda subject, name: True)
