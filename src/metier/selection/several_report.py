"""Several tasks alone and together: their scores and costs, which bundle to ship, and what its manifest says."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from metier.bundles import ManifestFacts, read_manifest, resolve_bundle, seal, write_card
from metier.bundles.manifest import (
    DataFacts,
    Latency,
    MeasuredFacts,
    PartFacts,
    PredictorFacts,
    TaskFacts,
)
from metier.figures import milliseconds
from metier.predictors.loading import load_predictor, read_settings
from metier.runs.run_folder import RunFolder, plain
from metier.runs.stored_answers import StoredAnswers, keep
from metier.selection.asked_tasks import estimator_of
from metier.selection.execution.measuring import measure_cost
from metier.selection.scores import scores_of
from metier.selection.settings import TrainSettings
from metier.selection.task_alone import Alone

FORMAT = "metier.several.v1"
TOGETHER, APART = "together.v1", "apart.v1"
PARTS = ("validation", "test")


def compared_tasks(
    alone: Sequence[Alone], settings: TrainSettings, folder: RunFolder, *, names: Sequence[str]
) -> dict[str, Any]:
    """Give the facts of a run of several tasks.

    Parameters
    ----------
    names : sequence of str
        Of the bundles that answer all tasks: that of each task by itself, and that of one encoder where it was trained.
    """
    texts = list(alone[0].splits.test.texts)
    costs = {name: measure_cost(folder.candidate(name), texts) for name in names}
    answers: dict[str, dict[str, StoredAnswers]] = {part: {} for part in PARTS}
    if TOGETHER in names:
        predictor = load_predictor(folder.candidate(TOGETHER), threads=1)
        answers = {part: _answered(alone, predictor, part) for part in PARTS}
    tasks = [
        _compared(one, {part: own.get(one.asked.name) for part, own in answers.items()}, settings)
        for one in alone
    ]
    chosen = TOGETHER if _pays(tasks, costs) else APART
    return {
        "format": FORMAT,
        "run": str(folder.path),
        "task": ",".join(one.asked.name for one in alone),
        "recommended": chosen,
        "sentence": _sentence(tasks, costs, chosen),
        "tasks": tasks,
        "costs": costs,
        "tolerance": settings.tolerance,
        "rows": {name: len(alone[0].splits.part(name)) for name in ("train", "validation", "test")},
        "budget_seconds": settings.budget_minutes * 60,
    }


def _answered(alone: Sequence[Alone], predictor: Any, part: str) -> dict[str, StoredAnswers]:
    """Give what the encoder of all tasks answers to the rows of each, one pass for the tasks that have the same."""
    texts = {one.asked.name: tuple(one.splits.part(part).texts) for one in alone}
    found = {own: predictor.predict(list(own)).parts for own in dict.fromkeys(texts.values())}
    return {
        one.asked.name: keep(found[texts[one.asked.name]][one.asked.name], one.task.labels) for one in alone
    }


def _compared(
    one: Alone, answers: Mapping[str, StoredAnswers | None], settings: TrainSettings
) -> dict[str, Any]:
    """Give the scores of a task alone and together, and their differences: on validation to choose, then on test."""
    parts = {part: _on_part(one, own, part, settings) for part, own in answers.items()}
    best = parts["validation"]["against"].get(one.run.recommendation.name)
    return {
        "name": one.asked.name,
        "run": one.asked.folder,
        "metric": one.task.primary_metric,
        "recommended_alone": one.run.recommendation.name,
        **parts,
        # Kept where the encoder of all tasks is not probably worse by more than the tolerance.
        "is_kept": best is not None and best["chance_worse"] < 0.5 and best["verdict"] != "b is better",
    }


def _on_part(one: Alone, stored: StoredAnswers | None, part: str, settings: TrainSettings) -> dict[str, Any]:
    scores, metric, run = one.scores(part), one.task.primary_metric, RunFolder(one.run.folder)
    names = dict.fromkeys([one.run.recommendation.name, estimator_of(one.asked).name])
    known = {name: run.answers(name, part).predicted for name in names if run.has_answers(name, part)}
    own = {name: asdict(scores.interval(metric, answers)) for name, answers in known.items()}
    if stored is None:
        return {"together": {}, "alone": own, "against": {}}
    found = scores.against_each(metric, {TOGETHER: stored.predicted, **known}, TOGETHER, settings.tolerance)
    return {
        "together": scores_of(scores, stored, random_state=settings.random_state),
        "alone": own,
        "against": {name: asdict(comparison) for name, comparison in found.items()},
    }


def _pays(tasks: Sequence[Mapping[str, Any]], costs: Mapping[str, Any]) -> bool:
    """Whether one encoder is to be shipped: worse for no task, and better for one or quicker."""
    if TOGETHER not in costs:
        return False
    together, apart = (costs[name]["latency_ms"]["mean"] for name in (TOGETHER, APART))
    is_better = any(
        task["validation"]["against"][task["recommended_alone"]]["verdict"] == "a is better" for task in tasks
    )
    return all(task["is_kept"] for task in tasks) and (is_better or together < apart)


def _sentence(tasks: Sequence[Mapping[str, Any]], costs: Mapping[str, Any], chosen: str) -> str:
    if TOGETHER not in costs:
        return "each task by itself: too little of the time was left to train one encoder for all; give more with --budget"
    one, each = (milliseconds(costs[name]["latency_ms"]["mean"]) for name in (TOGETHER, APART))
    lost = [task["name"] for task in tasks if not task["is_kept"]]
    if chosen == TOGETHER:
        return (
            f"one encoder for all tasks: it is not shown to be worse for any of them, and takes {one} a text; "
            f"apart they take {each}"
        )
    if lost:
        return (
            f"each task by itself: one encoder for all is probably worse for {', '.join(lost)}; it takes {one} a text, "
            f"apart they take {each}"
        )
    return (
        f"each task by itself: one encoder for all is not shown to be better, and takes {one} a text; "
        f"apart they take {each}"
    )


def seal_several(place: Path, name: str, alone: Sequence[Alone], report: Mapping[str, Any]) -> None:
    """Seal one of the two bundles that answer all tasks."""
    settings, cost = read_settings(place), report["costs"][name]
    parts = [_part_of(one, name, report) for one in alone]
    first = read_manifest(resolve_bundle(alone[0].run.folder))
    facts = ManifestFacts(
        name=name,
        task=TaskFacts(name=str(report["task"]), answer="several", labels=(), primary_metric=""),
        method=name,
        predictor=PredictorFacts(kind=settings["kind"], name=settings["name"]),
        base=first.base,
        data=DataFacts(
            fingerprint=alone[0].splits.train.fingerprint,
            origin=first.data.origin,
            rows=report["rows"],
            roles={"text": alone[0].splits.train.roles.text},
            language=first.data.language,
            language_shares=first.data.language_shares,
        ),
        seeds=first.seeds,
        packages=first.packages,
        measured=MeasuredFacts(
            latency_ms=Latency(**cost["latency_ms"]),
            rows_per_second=cost["rows_per_second"],
            size_bytes=cost["size_bytes"],
        ),
        parts=tuple(parts),
    )
    write_card(place, facts)
    seal(place, facts)


def _part_of(one: Alone, name: str, report: Mapping[str, Any]) -> PartFacts:
    """Give what a bundle states of one task: its labels, its rows and its figures on test."""
    own = read_manifest(resolve_bundle(one.run.folder))
    task = next(task for task in report["tasks"] if task["name"] == one.asked.name)
    metrics = {"test": task["test"]["together"]} if name == TOGETHER else own.metrics
    return PartFacts(name=one.asked.name, task=own.task, data=own.data, metrics=dict(plain(metrics)))
