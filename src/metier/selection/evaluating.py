"""Measure a trained model on labelled rows that it has not seen: as its test rows were, with intervals."""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from metier.arguments import check_texts, check_whole
from metier.audit.labels import labels_of_rows
from metier.bundles import Bundle, load_bundle
from metier.data import Rows, drop_unlabelled, read
from metier.data.columns.role_inference import NONE
from metier.data.splitting import groups_of
from metier.data.trained_columns import with_columns
from metier.errors import MissingColumnError, UnknownLabelError
from metier.evaluation import describe_metric
from metier.evaluation.independent import difference_of_independent
from metier.evaluation.intervals import Interval
from metier.figures import count_of
from metier.progress import Listener, Progress, ignore
from metier.runs.run_folder import RunFolder, plain
from metier.runs.stored_answers import StoredAnswers, joined, keep
from metier.selection.answer_facts import detail_of
from metier.selection.report_facts import Tested
from metier.selection.scores import Scores, scores_of
from metier.selection.slices import slice_facts
from metier.tasks.task import Task
from metier.tasks.task_table import load_task

FORMAT = "metier.evaluation.v1"
BATCH_ROWS = 2_048
MOST_PARTS = 20  # Values of a column whose rows are measured apart, the most frequent first.
MOST_NAMED = 5


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


def evaluate(
    bundle: Bundle | str | Path,
    source: Any,
    *,
    by: str | None = None,
    drop_without_label: bool = False,
    threads: int = 1,
    random_state: int = 0,
    listener: Listener = ignore,
    **how: Any,
) -> Evaluation:
    """Let a model answer labelled rows, and measure its answers by every metric of its task.

    Parameters
    ----------
    bundle : Bundle or path
        A bundle, a run (its recommended candidate) or a candidate of a run.
    source : path, Rows, DataFrame, Arrow table or list
        Labelled rows; what `metier.read` takes. Columns are found by the names that the training rows had, else
        inferred.
    by : str, optional
        A column; rows are measured apart by its values, too.
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
    model = bundle if isinstance(bundle, Bundle) else load_bundle(bundle, threads=threads)
    trained = model.manifest.data.roles
    # Nothing is split here, so no column is to be found for that.
    unsplit = dict.fromkeys(("time", "split", *(() if "group" in trained else ("group",))), NONE)
    found = with_columns(trained, functools.partial(read, source), **(unsplit | how))
    rows, notes = _labelled(found, drop=drop_without_label)
    task, unknown = _task_for(model, rows)
    # What rules a measurement out is found before the rows are answered.
    scores = Scores(task, task.targets(rows), origin=rows.origin, groups=groups_of(rows))
    if by is not None and by not in rows.table.column_names:
        raise MissingColumnError(by, found=rows.table.column_names, origin=rows.origin, flag="--by")
    answered, answered_by = _answered(model, task.items(rows), task.labels, listener)
    metrics = scores_of(scores, answered, random_state=random_state)
    if unknown:
        metrics.pop("log_loss", None)  # It is endless where a label cannot be answered.
    seen = _seen_before(model, rows)
    facts = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "bundle": str(model.folder),
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
        "parts": [] if by is None else _parts(rows, by, scores, answered, random_state=random_state),
        **_beside_test(model, metrics, is_other=seen is None),
        "notes": [*rows.notes, *notes, *unknown, *([] if seen is None else [seen])],
    }
    return Evaluation(plain(facts))


def _labelled(rows: Rows, *, drop: bool) -> tuple[Rows, list[str]]:
    if not drop:
        return rows, []
    kept, dropped = drop_unlabelled(rows)
    return kept, [f"left out {count_of(dropped, 'row')} without a label"] if dropped else []


def _task_for(model: Bundle, rows: Rows) -> tuple[Task, list[str]]:
    """Give the task with the labels of model and rows, and what is to be said of labels that the model lacks."""
    stated = model.manifest.task
    task: Task = load_task(stated.name).restored(stated.record(model.manifest.data.roles or rows.roles.named))
    task = task.with_rows(rows)
    own = (labels_of_rows(rows) if task.labels and task.answer.has_labels else None) or []
    lacking = [number for number, labels in enumerate(own, 1) if not set(task.labels).issuperset(labels)]
    if not lacking:
        return task, []
    names = sorted({label for number in lacking for label in own[number - 1]} - set(task.labels))
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    found = (
        f"{rows.origin}: {len(lacking):,} of {len(rows):,} rows have labels that the model does not know "
        f"({', '.join(map(repr, names[:MOST_NAMED]))}{more}), the first in row {lacking[0]}"
    )
    if len(lacking) == len(rows):
        raise UnknownLabelError(
            f"{found}: none could be right. Evaluate rows of the task {task.name} with its labels ("
            f"{', '.join(map(repr, task.labels[:MOST_NAMED]))}{', …' if len(task.labels) > MOST_NAMED else ''}), or "
            "name the column of labels with --label."
        )
    if task.is_ordered:
        raise UnknownLabelError(
            f"{found}. Its grades have an order, in which these have no place: correct them."
        )
    if task.answer.is_one_label:
        # Not a field that the contract of a task promises, but every task of one label is learned from labels.
        task = replace(task, labels=(*task.labels, *names))  # type: ignore[type-var]
    return task, [f"{found}; they count as wrong"]


def _answered(
    model: Bundle, items: Sequence[Any], labels: tuple[str, ...], listener: Listener
) -> tuple[StoredAnswers, tuple[str, ...]]:
    """Answer all rows, a batch at a time."""
    kept, answered_by = [], list[str]()
    for start in range(0, len(items), BATCH_ROWS):
        listener(Progress(f"{model.name}: answering", start, len(items)))
        answers = model.predict(items[start : start + BATCH_ROWS])
        kept.append(keep(answers, labels))
        answered_by += answers.answered_by
    listener(Progress(f"{model.name}: answering", len(items), len(items)))
    return joined(kept), tuple(answered_by)


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


def _beside_test(model: Bundle, metrics: Mapping[str, Any], *, is_other: bool) -> dict[str, Any]:
    """Give the figures of the run's test rows, and how far those of other rows are from them."""
    reference = dict(model.manifest.metrics.get("test") or {}) if is_other else {}
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


def _seen_before(model: Bundle, rows: Rows) -> str | None:
    """Say that these are rows of the model's run, which its folder knows by their fingerprints."""
    facts = RunFolder(model.folder.parent.parent).read_json("data.json") or {}
    named = [name for name, value in facts.get("fingerprints", {}).items() if value == rows.fingerprint]
    named += ["train"] if not named and model.manifest.data.fingerprint == rows.fingerprint else []
    if not named:
        return None
    consequence = {
        "test": "the figures are those of its report",
        "train": "it was trained on them, so the figures are too good",
    }.get(named[0], "it was chosen by them, so the figures may be too good")
    return f"{rows.origin} has the {named[0]} rows of the model's own run: {consequence}"
