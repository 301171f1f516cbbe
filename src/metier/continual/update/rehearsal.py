"""Rehearsal for sets of labels and for spans: the bundle's own method learns new rows beside old ones.

These have no head on one vector a text that could go on alone: a threshold a label, or tags of tokens with the steps
between them, are fitted together. So old rows are learned again: some (`replay`), all (`joint`) or none (`naive`).
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier import catalogue
from metier.bundles import Bundle, ManifestFacts, seal, write_card, write_whole
from metier.bundles.manifest import Latency, MeasuredFacts, PredictorFacts
from metier.compression.rows import CompressionRows, read_rows
from metier.continual.update.choosing import AUTO
from metier.continual.update.figures import interval
from metier.continual.update.old_rows import files_of_run, no_test_rows
from metier.continual.update.result import JudgedRows, UpdateResult
from metier.continual.update.state import FORMAT
from metier.data import Rows, split_rows
from metier.errors import CallError, UnknownLabelError, UnknownNameError
from metier.evaluation.measure_table import metric_name
from metier.evaluation.row_measures import measure
from metier.evaluation.row_resampling import paired_samples
from metier.machine import describe_machine
from metier.predictors.loading import load_predictor, read_settings
from metier.progress import Listener, Progress
from metier.runs.stored_answers import keep
from metier.selection.execution.measuring import measure_cost
from metier.selection.execution.sealing import CALIBRATION_KEYS
from metier.selection.labelled_rows import labelled_rows
from metier.tasks.answers import LABEL_SET, SPANS
from metier.tasks.task import Task

REHEARSED = (LABEL_SET.name, SPANS.name)
METHODS = ("naive.v1", "replay.v1", "joint.v1")
FEWEST_REPLAYED = 200
RESAMPLES = 500


@dataclass(frozen=True)
class Parts:
    """Old and new rows."""

    task: Task
    old: CompressionRows
    learned: tuple[Rows, ...]
    tested: Rows

    @property
    def tests(self) -> tuple[Rows, Rows]:
        """Test rows, the old and the new ones."""
        assert self.old.test is not None
        return self.old.test.rows, self.tested


def rehearse(
    bundle: Bundle,
    rows: Any,
    *,
    old: Any,
    test: Any,
    place: Path,
    work: Path,
    method: str,
    random_state: int,
    listener: Listener,
    **how: Any,
) -> UpdateResult:
    """Fit the bundle's method to new and old rows, and write what `joint` or the method that is asked for gave.

    Raises
    ------
    CallError
        If old rows are not given, or the bundle is of an ensemble.
    UnknownLabelError
        If new rows have labels that the bundle does not know.
    """
    parts = _read(bundle, rows, old=old, test=test, random_state=random_state, listener=listener, **how)
    chosen = named(method)
    names = METHODS if chosen in METHODS else (*METHODS, chosen)
    answers, before = dict[str, list[Any]](), _answers(bundle.predictor, parts)
    for number, name in enumerate(names):
        listener(Progress("learning the new rows", number, len(names)))
        folder = work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _fitted(bundle, parts, name, random_state, listener).export(folder)
        answers[name] = _answers(load_predictor(folder), parts)
    facts = _facts(bundle, parts, chosen, before, answers)
    _write(bundle, work / chosen, place, parts, facts)
    judged = [
        JudgedRows(tuple(parts.task.items(one)), tuple(parts.task.targets(one)), tuple(was), tuple(now))
        for one, was, now in zip(parts.tests, before, answers[chosen], strict=True)
    ]
    return UpdateResult(judged[0], judged[1], chosen, place, bundle.folder, facts | {"output": str(place)})


def named(method: str) -> str:
    """Give the method; all old rows are at hand, so that by itself all are learned."""
    if method == AUTO:
        return "joint.v1"
    found = [name for name in METHODS if method in (name, name.rpartition(".v")[0])]
    if not found:
        raise UnknownNameError("update method", method, known=METHODS)
    return found[0]


def _read(
    bundle: Bundle, rows: Any, *, old: Any, test: Any, random_state: int, listener: Listener, **how: Any
) -> Parts:
    if old is None and (stated := files_of_run(bundle)) is not None:
        old, test = stated[0], stated[1] if test is None else test
    if old is None:
        raise CallError(
            f"{bundle.folder} is learned again with its old rows, and none are given. Give them with --old."
        )
    if bundle.manifest.method not in catalogue.METHODS or read_settings(bundle.folder).get("members"):
        raise CallError(
            f"{bundle.folder} ({bundle.name}) is an ensemble, whose parts would each be learned again. Give one of its "
            "run's other candidates."
        )
    given = labelled_rows(bundle, rows, listener=listener, **how)
    if given.has_unknown_labels:
        raise UnknownLabelError(
            f"{'; '.join(given.notes)}. Correct the spelling, or train anew with metier train. Nothing was changed."
        )
    known = read_rows(bundle, old, test=test, listener=listener, **how)
    if known.test is None:
        raise no_test_rows(bundle)
    split = split_rows(given.rows, test_fraction=0.2, random_state=random_state, keep_rare=True)
    return Parts(known.task, known, (split.train, split.validation), split.test)


def _fitted(bundle: Bundle, parts: Parts, name: str, random_state: int, listener: Listener) -> Any:
    """Fit the bundle's method, with what was chosen for it, to the rows of one way of rehearsing."""
    task, facts = parts.task, bundle.manifest
    olds = (parts.old.train, parts.old.choosing, parts.old.validation) if name != "naive.v1" else ()
    items, targets = list[Any](), list[Any]()
    for rows in (*parts.learned, *olds):
        items += list(task.items(rows))
        targets += list(task.targets(rows))
    n_new = sum(map(len, parts.learned))
    if name == "replay.v1":
        n_kept = max(n_new, FEWEST_REPLAYED)
        drawn = n_new + np.random.default_rng(random_state).permutation(len(items) - n_new)[:n_kept]
        picked = [*range(n_new), *sorted(drawn.tolist())]
        items, targets = [items[one] for one in picked], [targets[one] for one in picked]
    method = catalogue.resolve(facts.method)()
    known = method.get_params()
    params = {**facts.method_params, "random_state": random_state, "order": list(facts.task.labels)}
    method.set_params(**{key: value for key, value in params.items() if key in known})
    return method.fit(items, targets, listener=listener)


def _answers(predictor: Any, parts: Parts) -> list[Any]:
    return [
        keep(predictor.predict(list(parts.task.items(rows))), parts.task.labels).predicted
        for rows in parts.tests
    ]


def _facts(
    bundle: Bundle, parts: Parts, chosen: str, before: list[Any], answers: Mapping[str, list[Any]]
) -> dict[str, Any]:
    metric = bundle.task.primary_metric
    figures = {name: _figures(parts, metric, before, after) for name, after in answers.items()}
    return {
        "format": FORMAT,
        "source": bundle.name,
        "method": chosen,
        "metric": metric_name(metric),
        "rows": {"learned": sum(map(len, parts.learned)), "held_out": len(parts.tested), "left_out": {}},
        "figures": figures[chosen],
        "methods": figures,
        "by_label": {"old": [], "new": []},
        "notes": [one for one in parts.old.notes if "may have" not in one],
    }


def _figures(parts: Parts, metric: str, before: Sequence[Any], after: Sequence[Any]) -> dict[str, Any]:
    """Give the figures of `update.figures.transfer` in the metric of the task; chance is 0."""
    old, new = (
        _drawn(list(parts.task.targets(rows)), metric, was, now)
        for rows, was, now in zip(parts.tests, before, after, strict=True)
    )
    n_old, n_new = map(len, parts.tests)
    return {
        "old": {"before": interval(old[0]), "after": interval(old[1]), "rows": n_old},
        "new": {"before": interval(new[0]), "after": interval(new[1]), "rows": n_new},
        "acc": interval((old[1] + new[1]) / 2),
        "bwt": interval(old[1] - old[0]),
        "forgetting": interval(old[0] - old[1]),
        "fwt": interval(new[0]),
    }


def _drawn(truth: Sequence[Any], metric: str, before: Sequence[Any], after: Sequence[Any]) -> np.ndarray:
    """Give the metric before and after, then of bootstrap samples, of shape (2, 1 + RESAMPLES)."""
    values = [[measure(metric, truth, one)] for one in (before, after)]
    return np.hstack([values, paired_samples(metric, truth, [before, after], resamples=RESAMPLES)])


def _write(bundle: Bundle, files: Path, place: Path, parts: Parts, facts: dict[str, Any]) -> None:
    """Write and seal the new bundle."""
    before = bundle.manifest
    with write_whole(place) as partial:
        shutil.copytree(files, partial, dirs_exist_ok=True)
        settings = read_settings(partial)
        cost, machine = measure_cost(partial, list(parts.task.items(parts.tested))), describe_machine()
        metric, figures = bundle.task.primary_metric, facts["figures"]
        rows = {**before.data.rows, "test": figures["old"]["rows"] + figures["new"]["rows"]}
        made = ManifestFacts.model_validate(
            {
                **before.model_dump(include=set(ManifestFacts.model_fields)),
                "predictor": PredictorFacts(kind=settings["kind"], name=settings["name"]),
                "task": before.task.model_copy(update={"labels": tuple(settings.get("labels", ()))}),
                "calibration": {key: settings[key] for key in CALIBRATION_KEYS if key in settings},
                "data": before.data.model_copy(update={"rows": rows, "trained_on": "train + updates"}),
                "measured": MeasuredFacts(
                    latency_ms=Latency(**cost["latency_ms"]),
                    rows_per_second=cost["rows_per_second"],
                    size_bytes=cost["size_bytes"],
                    cpu=machine.cpu,
                    instruction_sets=tuple(machine.instruction_sets),
                ),
                "metrics": {"test": {metric: figures["acc"]}},
                "compression": None,
                "update": facts,
            }
        )
        write_card(partial, made)
        seal(partial, made)
