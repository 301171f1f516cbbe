"""Where two sets of answers differ: rows that flip, parts of the rows, and the folds of the training rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from metier.assurance.answer_file import ANSWER_NAMES
from metier.data.columns.role_inference import level
from metier.data.rows import Rows
from metier.evaluation import higher_is_better
from metier.evaluation.comparison import NO_DIFFERENCE, Comparison, decide, mcnemar_exact, mcnemar_mid_p
from metier.evaluation.many_comparisons import holm
from metier.runs.run_folder import RunFolder
from metier.selection.answer_facts import words_of
from metier.selection.execution.out_of_fold import SPLIT
from metier.selection.scores import Scores
from metier.selection.slices import FEWEST_ROWS, MOST_SLICES, Slice, by_column, slice_metric, slices_of

BETTER, WORSE = "better", "worse"
FEW_ROWS = 1_000  # Of which the training rows that were answered out of fold say more.
# Of a model that answered before; parts by what one side answered would favour it.
OUTPUTS = ("answered_by", "probability", "probabilities", "not_answered")
MOST_BY = 30  # Values of a column that the user names, the most frequent first.


@dataclass(frozen=True)
class Answered:
    """Two sets of answers to the same rows.

    Parameters
    ----------
    scores : Scores
        How they are judged.
    metric : str
    a, b : list
        The answers, one a row.
    rows : Rows or None
        What was asked; None: the texts are not at hand.
    """

    scores: Scores
    metric: str
    a: list[Any]
    b: list[Any]
    rows: Rows | None = None


def mcnemar(pair: Answered) -> dict[str, Any] | None:
    """Give McNemar's tests of the rows that one alone answers correctly; None where rows are no units of their own.

    Returns
    -------
    dict or None
        `only_a`, `only_b`, `exact_p` and `mid_p`; None: rows belong to groups, or are not correct or wrong in this metric.
    """
    correct = [pair.scores.correct(pair.metric, one) for one in (pair.a, pair.b)]
    if pair.scores.groups is not None or correct[0] is None or correct[1] is None:
        return None
    a, b = (one.astype(np.int64) for one in correct if one is not None)
    truth = np.ones(len(a), dtype=np.int64)
    return {
        "only_a": int(np.sum((a == 1) & (b == 0))),
        "only_b": int(np.sum((b == 1) & (a == 0))),
        "exact_p": mcnemar_exact(truth, a, b),
        "mid_p": mcnemar_mid_p(truth, a, b),
    }


def flips(pair: Answered, *, most: int | None = None) -> dict[str, Any]:
    """Give the rows that b answers better than a, and those that it answers worse, those with most at stake first.

    Parameters
    ----------
    most : int, optional
        How many of each are listed; None: all.

    Returns
    -------
    dict
        `better` and `worse`, how many; `listed`: each with `change`, `row` (from 1), `text`, `truth`, `a`, `b` and
        `gain`, by how much the row's own figure is better.
    """
    gain = pair.scores.of_rows(pair.metric, pair.b) - pair.scores.of_rows(pair.metric, pair.a)
    found: dict[str, Any] = {"listed": []}
    items = None if pair.rows is None else pair.scores.task.items(pair.rows)
    for change, places in (
        (BETTER, np.flatnonzero(gain > 1e-12)),
        (WORSE, np.flatnonzero(gain < -1e-12)),
    ):
        found[change] = len(places)
        order = places[np.argsort(-np.abs(gain[places]), kind="stable")]
        for place in order[:most].tolist():
            target = pair.scores.targets[place]
            found["listed"].append(
                {
                    "change": change,
                    "row": place + 1,
                    "text": None if items is None else words_of(items[place]),
                    "truth": pair.scores.task.shown(target) or target,
                    "a": pair.a[place],
                    "b": pair.b[place],
                    "gain": float(gain[place]),
                }
            )
    return found


def slices(pair: Answered, *, by: str | None = None, random_state: int = 0) -> list[dict[str, Any]]:
    """Give the difference in each part of the rows, adjusted for how many parts there are (Holm, 1979).

    Parameters
    ----------
    by : str, optional
        A further column whose values cut the rows.

    Returns
    -------
    list of dict
        `by`, `column`, `value`, `rows`, `metric`, `difference` (a minus b) with `low` and `high`, `p_value` and `verdict`;
        what differs most surely first.
    """
    cut = _cut(pair, by, random_state)
    if not cut:
        return []
    metric, level = slice_metric(pair.scores), 1 - 0.05 / len(cut)
    compared = [_of_slice(pair, one, metric, random_state=random_state, level=level) for one in cut]
    adjusted = holm([one.p_value for one in compared])
    sign = 1.0 if higher_is_better(metric) else -1.0
    facts = []
    for one, found, p_value in zip(cut, compared, adjusted, strict=True):
        verdict = decide(sign * found.difference, found.low, found.high, p_value, level=0.95)
        figures = asdict(replace(found, p_value=p_value, verdict=verdict))
        place = {"by": one.by, "column": one.column, "value": one.value, "rows": len(one.rows)}
        facts.append(place | {"metric": metric} | figures)
    return sorted(facts, key=lambda one: (one["verdict"] == NO_DIFFERENCE, one["p_value"], -one["rows"]))


def _cut(pair: Answered, by: str | None, random_state: int) -> list[Slice]:
    outputs = {*ANSWER_NAMES, *OUTPUTS, *pair.scores.task.answer.record}
    cut = [
        one
        for one in slices_of(pair.scores, pair.rows, random_state=random_state)
        if one.column is None or (one.column != by and level(one.column) not in outputs)
    ]
    if by is not None and pair.rows is not None:
        cut = sorted(by_column(pair.rows, by, most=None), key=lambda one: -len(one.rows))[:MOST_BY] + cut
    cut = [one for one in cut if FEWEST_ROWS <= len(one.rows) < len(pair.scores.targets)]
    named = [one for one in cut if one.column == by and by is not None]
    others = sorted((one for one in cut if one not in named), key=lambda one: -len(one.rows))
    return [*named, *others][:MOST_SLICES]


def _of_slice(pair: Answered, one: Slice, metric: str, *, random_state: int, level: float) -> Comparison:
    a, b = ([answers[int(row)] for row in one.rows] for answers in (pair.a, pair.b))
    return pair.scores.part(one.rows).compare(metric, a, b, random_state=random_state, level=level)


def folds(
    pair: Answered, runs: Sequence[tuple[RunFolder, str]], *, random_state: int = 0
) -> dict[str, Any] | None:
    """Give the difference on training rows that both answered out of fold; None where they did not.

    Parameters
    ----------
    runs : sequence of (RunFolder, str)
        The run of a and that of b, with the name of the candidate.

    Returns
    -------
    dict or None
        `rows`, `folds`, `differences` (a minus b, one a fold), and of all of them `difference`, `low`, `high`, `p_value`
        and `verdict`.
    """
    if len(pair.scores.targets) >= FEW_ROWS or not all(run.has_answers(name, SPLIT) for run, name in runs):
        return None
    truths = [run.truth(SPLIT) for run, _ in runs]
    numbers = [
        None if truth is None else run.folds(SPLIT) for (run, _), truth in zip(runs, truths, strict=True)
    ]
    if truths[0] is None or truths[1] is None or numbers[0] is None or not _are_same(truths, numbers, runs):
        return None
    scores = replace(pair.scores, targets=truths[0][0], groups=truths[0][1], origin="The training rows")
    a, b = (run.answers(name, SPLIT).predicted for run, name in runs)
    kinds = np.unique(numbers[0])
    differences = []
    for fold in kinds:
        held = np.flatnonzero(numbers[0] == fold)
        part = scores.part(held)
        values = [part.measure(pair.metric, [one[int(row)] for row in held]) for one in (a, b)]
        differences.append(values[0] - values[1])
    found = scores.compare(pair.metric, a, b, random_state=random_state)
    return {"rows": len(a), "folds": len(kinds), "differences": differences, **asdict(found)}


def _are_same(truths: Sequence[Any], numbers: Sequence[Any], runs: Sequence[tuple[RunFolder, str]]) -> bool:
    """Whether both runs answered the same training rows in the same folds."""
    prints = [(run.read_json("data.json") or {}).get("fingerprints", {}).get("train") for run, _ in runs]
    return prints[0] == prints[1] and truths[0][0] == truths[1][0] and np.array_equal(numbers[0], numbers[1])
