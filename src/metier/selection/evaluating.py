"""Measure a trained model on labelled rows that it has not seen: as its test rows were, with intervals."""

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from metier.arguments import check_texts, check_whole
from metier.bundles import AdaptedModel, Bundle, Model, load_model
from metier.data import Rows
from metier.data.columns.role_inference import NONE
from metier.data.rows import TARGET_ROLES
from metier.errors import CallError, MissingColumnError
from metier.evaluation import describe_metric
from metier.evaluation.independent import difference_of_independent
from metier.evaluation.intervals import Interval
from metier.figures import count_of
from metier.progress import Listener, ignore
from metier.runs.run_folder import plain
from metier.runs.stored_answers import StoredAnswers
from metier.selection.answer_facts import detail_of
from metier.selection.confidence_facts import confidence_facts, threshold_for, thresholds_of_labels
from metier.selection.labelled_rows import labelled_rows, seen_before
from metier.selection.report_facts import Tested
from metier.selection.scores import Scores, scores_of
from metier.selection.slices import slice_facts

FORMAT = "metier.evaluation.v1"
SEVERAL_FORMAT = "metier.several_evaluations.v1"
MOST_PARTS = 20  # Values of a column whose rows are measured apart, the most frequent first.


@dataclass(frozen=True)
class Evaluation:
    """How well a model answers some labelled rows.

    Parameters
    ----------
    facts : dict
        `metrics`, each with its 95 % interval; `detail` with figures by label or type; `reference`, what the model
        had on the test rows of its run, and `differences` from it; `slices` by language, length, label and further
        columns; `parts` by the values of a column; `notes`.
    """

    facts: dict[str, Any]

    @property
    def metrics(self) -> dict[str, Any]:
        """Each metric as a mapping of value, low and high."""
        return dict(self.facts["metrics"])

    def __repr__(self) -> str:
        metric = self.facts["primary_metric"]
        value = self.facts["metrics"][metric]["value"]
        return f"<Evaluation of {self.facts['name']} on {count_of(self.facts['rows'], 'row')}: {metric} {value:.4g}>"


@dataclass(frozen=True)
class SeveralEvaluations:
    """How well a model of several tasks answers some labelled rows.

    Parameters
    ----------
    facts : dict
        `tasks`: the facts of an `Evaluation` of each, by its name.
    """

    facts: dict[str, Any]

    @property
    def tasks(self) -> dict[str, Evaluation]:
        """The evaluation of each task, by its name."""
        return {name: Evaluation(facts) for name, facts in self.facts["tasks"].items()}

    def __repr__(self) -> str:
        return f"<Evaluations of {self.facts['name']}: {', '.join(map(repr, self.tasks.values()))}>"


def evaluate(
    bundle: Model | str | Path,
    source: Any,
    *,
    by: str | None = None,
    target_accuracy: float | None = None,
    drop_without_label: bool = False,
    threads: int = 1,
    random_state: int = 0,
    listener: Listener = ignore,
    **how: Any,
) -> Evaluation | SeveralEvaluations:
    """Let a model answer labelled rows, and measure its answers by every metric of its task, or of each of its tasks.

    Parameters
    ----------
    bundle : Model or path
        A bundle, a run (its recommended candidate), a candidate of a run, or a model from elsewhere: what `metier.adapt`
        gave, or a folder with a classifier in Hugging Face layout.
    source : path, Rows, DataFrame, Arrow table or list
        Labelled rows; what `metier.read` takes. Columns are found by the names that the training rows had, else
        inferred.
    by : str, optional
        A column; rows are measured apart by its values, too.
    target_accuracy : float, optional
        Wanted of what is answered, above 0 and below 1: the share of rows that can be, with a threshold.
    drop_without_label : bool, default=False
        Whether rows without a label are left out instead of being an error.
    **how
        As in `metier.read`: columns by their role, `encoding`, `delimiter`, `header`, `separator`, `repair`.

    Raises
    ------
    DataError
        If rows cannot be asked or measured.
    CallError
        If a named column or the bundle does not exist, or an argument is of another type.
    """
    check_whole(random_state, "random_state")
    check_texts(by=by)
    given: Any = bundle
    model: Model = given if isinstance(given, Bundle | AdaptedModel) else load_model(given, threads=threads)
    one = functools.partial(
        _evaluate_one,
        by=by,
        target_accuracy=target_accuracy,
        drop_without_label=drop_without_label,
        random_state=random_state,
        listener=listener,
    )
    if isinstance(model, Bundle) and model.parts:
        return _evaluate_each(model, source, one, how)
    return one(model, source, **how)


def _evaluate_each(
    model: Bundle, source: Any, one: Callable[..., Evaluation], how: Mapping[str, Any]
) -> SeveralEvaluations:
    """Measure each of several tasks by itself, on its own column of the rows."""
    named = next((role for role in TARGET_ROLES if how.get(role) not in (None, NONE)), None)
    if named is not None:
        raise CallError(
            f"This bundle answers several tasks, each with the column that it was trained with, and {named} names one for "
            "all. Leave it out, or evaluate the run of one task."
        )
    found = {}
    for name, part in model.parts.items():
        unasked = dict.fromkeys(set(TARGET_ROLES) - set(part.roles), NONE)
        found[name] = one(part, source, **{**how, **unasked}).facts
    facts = {"format": SEVERAL_FORMAT, "bundle": str(model.folder), "name": model.name, "tasks": found}
    return SeveralEvaluations(facts)


def _evaluate_one(
    model: Model,
    source: Any,
    *,
    by: str | None,
    target_accuracy: float | None,
    drop_without_label: bool,
    random_state: int,
    listener: Listener,
    **how: Any,
) -> Evaluation:
    """Measure a model of one task."""
    given = labelled_rows(model, source, drop_without_label=drop_without_label, listener=listener, **how)
    rows, task, scores = given.rows, given.task, given.scores
    if by is not None and by not in rows.table.column_names:
        raise MissingColumnError(by, found=rows.table.column_names, origin=rows.origin, flag="--by")
    answered, answered_by = given.answered(model, listener=listener)
    metrics = scores_of(scores, answered, random_state=random_state)
    if given.has_unknown_labels:
        metrics.pop("log_loss", None)  # It is endless where a label cannot be answered.
    seen = seen_before(model, rows)
    facts = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "bundle": str(model.folder or model.name),
        "name": model.name,
        "task": task.name,
        "primary_metric": task.primary_metric,
        "kinds": {name: describe_metric(name) for name, one in metrics.items() if isinstance(one, Mapping)},
        "origin": rows.origin,
        "rows": len(rows),
        "roles": rows.roles.named,
        "metrics": metrics,
        "answered_by": dict(Counter(answered_by).most_common()),
        "detail": detail_of(model.name, scores, task.items(rows), Tested(answered, answered_by)),
        "slices": slice_facts(scores, rows, answered.predicted, random_state=random_state),
        "confidence": None
        if given.has_unknown_labels
        else confidence_facts(scores, answered, random_state=random_state),
        "abstention": None if target_accuracy is None else _abstention(scores, answered, target_accuracy),
        "parts": [] if by is None else _parts(rows, by, scores, answered, random_state=random_state),
        **_beside_test(model, metrics, is_other=seen is None),
        "notes": [*rows.notes, *given.notes, *([] if seen is None else [seen])],
    }
    return Evaluation(plain(facts))


def _abstention(scores: Scores, answered: StoredAnswers, target: float) -> dict[str, Any]:
    found = threshold_for(scores, answered, target=target)
    labels = thresholds_of_labels(scores, answered, target=target)
    return {"target": target, "labels": labels} | (
        {} if found is None else asdict(found) | {"share": found.share}
    )


def _parts(
    rows: Rows, column: str, scores: Scores, answered: StoredAnswers, *, random_state: int
) -> list[dict[str, Any]]:
    """Measure the rows of each value of a column apart, in the metric that ranks."""
    metric = scores.task.primary_metric
    values = ["" if value is None else str(value) for value in rows.table.column(column).to_pylist()]
    parts = []
    for value, n_rows in Counter(values).most_common(MOST_PARTS):
        mine = np.flatnonzero(np.array(values) == value)
        found = scores.part(mine).interval(
            metric, [answered.predicted[int(row)] for row in mine], random_state=random_state
        )
        parts.append({"value": value, "rows": n_rows, metric: asdict(found)})
    return parts


def _beside_test(model: Model, metrics: Mapping[str, Any], *, is_other: bool) -> dict[str, Any]:
    """Give the figures of the run's test rows, and how far those of other rows are from them."""
    reference = dict(model.tested) if is_other else {}
    differences = {
        name: asdict(difference_of_independent(*pair))
        for name, one in metrics.items()
        if (pair := _intervals(one, reference.get(name))) is not None
    }
    return {"reference": reference, "differences": differences}


def _intervals(one: Any, other: Any) -> tuple[Interval, Interval] | None:
    both = [score for score in (one, other) if isinstance(score, Mapping) and score.get("low") is not None]
    if len(both) < 2:
        return None
    first, second = (Interval(*(float(score[end]) for end in ("value", "low", "high"))) for score in both)
    return first, second
