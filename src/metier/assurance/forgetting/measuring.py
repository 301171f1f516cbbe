"""What two bundles do with the same rows, item by item: all rows, each label, each part, each behaviour.

A row is lost where the old answer was right and the new one is wrong; of tasks whose rows are not right or wrong, where the
row's own figure falls. Rows of a group count as one, lost where the sum of their figures falls.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.assurance.behaviour.case import BehaviourResult
from metier.assurance.behaviour.invariance import edited_key, invariance_results
from metier.assurance.behaviour.running import run_tests
from metier.assurance.forgetting.judging import ALL, BEHAVIOUR, LABEL, SLICE, ForgettingSettings, Item
from metier.assurance.subject import Subject
from metier.errors import CallError
from metier.evaluation import higher_is_better
from metier.evaluation.paired_shares import PairedCounts
from metier.selection.slices import slice_metric

LEAST = 1e-12  # A smaller difference of figures is none.


@dataclass(frozen=True)
class Measured:
    """What was compared.

    Parameters
    ----------
    items : tuple of Item
    new_labels : mapping of str to (int, int)
        Labels that the old bundle does not know: rows that the new one has right, and all of them.
    """

    items: tuple[Item, ...]
    new_labels: dict[str, tuple[int, int]]


def measure_forgetting(old: Subject, new: Subject, settings: ForgettingSettings) -> Measured:
    """Compare two bundles on the same rows.

    Parameters
    ----------
    old, new : Subject
        With the same rows; labels of the rows that the old bundle does not know are no part of the comparison.
    """
    gain = _gains(old, new, settings.renamed)
    known = _known_rows(old, settings.renamed)
    items = [Item(ALL, "all rows", _counts(new, gain, np.flatnonzero(known)), settings.all)]
    for name, part in new.slices.items():
        rows = part.rows[known[part.rows]]
        if not len(rows):
            continue
        is_label = part.by == "label"
        item = (LABEL, str(part.value), _counts(new, gain, rows), settings.labels)
        items.append(Item(*item) if is_label else Item(SLICE, name, _counts(new, gain, rows), settings.slices))
    items += _behaviours(old, new, settings)
    return Measured(tuple(items), _new_labels(new, known))


def _gains(old: Subject, new: Subject, renamed: dict[str, str]) -> np.ndarray:
    """Give by how much each row's figure is better than it was, of shape (n_rows,)."""
    scores = new.given.scores
    before = [_renamed(answer, renamed) for answer in old.answered.predicted]
    if scores.task.answer.is_one_label and not scores.task.is_ordered:
        # The old bundle may answer labels that the new one does not have any more.
        found: np.ndarray = _right(new.answered.predicted, scores.targets) - _right(before, scores.targets)
        return found
    metric = slice_metric(scores)
    gains: np.ndarray = scores.of_rows(metric, new.answered.predicted) - scores.of_rows(metric, before)
    return gains if higher_is_better(metric) else -gains


def _right(answers: Sequence[Any], targets: Sequence[Any]) -> np.ndarray:
    pairs = zip(answers, targets, strict=True)
    return np.asarray([answer == target for answer, target in pairs], dtype=np.float64)


def _renamed(answer: Any, renamed: dict[str, str]) -> Any:
    return renamed.get(answer, answer) if isinstance(answer, str) else answer


def _known_rows(old: Subject, renamed: dict[str, str]) -> np.ndarray:
    """Give the rows whose label the old bundle could answer; of tasks without labels all, bool of shape (n_rows,)."""
    targets: Sequence[Any] = old.given.scores.targets
    if not old.given.task.answer.is_one_label:
        return np.ones(len(targets), dtype=bool)
    known = {renamed.get(label, label) for label in old.bundle.labels}
    return np.asarray([target in known for target in targets], dtype=bool)


def _counts(subject: Subject, gain: np.ndarray, rows: np.ndarray) -> PairedCounts:
    own, groups = gain[rows], subject.given.scores.groups
    if groups is not None:
        _, codes = np.unique(groups[rows], return_inverse=True)
        own = np.bincount(codes, weights=own)
    return PairedCounts(int(np.sum(own < -LEAST)), int(np.sum(own > LEAST)), len(own))


def _new_labels(new: Subject, known: np.ndarray) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    answers, targets = new.answered.predicted, new.given.scores.targets
    for row in np.flatnonzero(~known).tolist():
        right, rows = found.get(targets[row], (0, 0))
        found[targets[row]] = (right + (answers[row] == targets[row]), rows + 1)
    return found


def _behaviours(old: Subject, new: Subject, settings: ForgettingSettings) -> Iterator[Item]:
    for before, after in zip(_results(old, settings), _results(new, settings), strict=True):
        yield Item(BEHAVIOUR, f"{after.kind}.{after.name}", _paired_cases(before, after), settings.behaviour)


def _results(subject: Subject, settings: ForgettingSettings) -> list[BehaviourResult]:
    results = run_tests(subject.bundle, subject.tests, listener=subject.listener) if subject.tests else []
    if not settings.edits:
        return results
    try:
        edited_key(subject.bundle)
    except CallError:  # Questions without a text of their own are not edited.
        return results
    items = subject.bundle.input_kind.from_rows(subject.given.rows)
    return results + invariance_results(
        subject.bundle, items, random_state=subject.random_state, listener=subject.listener
    )


def _paired_cases(before: BehaviourResult, after: BehaviourResult) -> PairedCounts:
    """Count the cases of both; edits of spans depend on the answers, so some are of one bundle alone."""
    passed = {(case.before, case.after): case.passed for case in before.cases}
    pairs = [
        (passed[case.before, case.after], case.passed)
        for case in after.cases
        if (case.before, case.after) in passed
    ]
    lost, won = (sum(pair == kind for pair in pairs) for kind in ((True, False), (False, True)))
    return PairedCounts(lost, won, len(pairs))
