"""Runs side by side: their recommended candidates on the same test rows, with a paired test."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from metier.bundles import read_manifest, resolve_bundle
from metier.bundles.manifest import Manifest
from metier.errors import CallError
from metier.evaluation import higher_is_better
from metier.runs.run_folder import RunFolder, plain
from metier.runs.run_list import known_run
from metier.selection.finished_run import Run
from metier.selection.scores import Scores
from metier.tasks.task import Task
from metier.tasks.task_table import load_task


@dataclass(frozen=True)
class Side:
    """A run to compare.

    Parameters
    ----------
    name : str
        The path as it was given.
    run : Run
    folder : RunFolder
    manifest : Manifest
        Of its recommended candidate.
    """

    name: str
    run: Run
    folder: RunFolder
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> "Side":
        """Open a finished run; raises as `Run.open` does."""
        run = Run.open(known_run(path))
        return cls(str(path), run, RunFolder(run.folder), read_manifest(resolve_bundle(run.folder)))

    @property
    def test_fingerprint(self) -> str | None:
        """What its test rows were."""
        fingerprint: str | None = (self.folder.read_json("data.json") or {}).get("fingerprints", {}).get("test")
        return fingerprint

    def facts(self) -> dict[str, Any]:
        """What is shown of it."""
        report = self.run.report
        chosen = next(one for one in report["candidates"] if one["name"] == report["recommended"])
        kept = ("name", "trained_on", "test", "latency_ms", "rows_per_second", "size_bytes", "train_seconds")
        own = {key: report[key] for key in ("task", "primary_metric", "created", "seconds", "metrics")}
        return {"run": self.name, **own, "rows": report["data"]["rows"], **{key: chosen[key] for key in kept}}


def compare_runs(paths: Sequence[Path]) -> dict[str, Any]:
    """Compare the recommended candidates of finished runs.

    Returns
    -------
    dict
        `runs`, the facts of each; `comparisons`, the best on test against each other run by a paired test that knows
        how many there are; or `why_not`, why there is none.

    Raises
    ------
    CallError
        If there are fewer than two runs, or one of them is none.
    BundleError
        If a run is not finished.
    """
    if len(set(paths)) < 2:
        raise CallError("Comparing takes two or more runs. See which there are with: metier runs list")
    sides = [Side.open(path) for path in dict.fromkeys(paths)]
    why_not = _why_not(sides)
    facts = {"runs": [side.facts() for side in sides], "why_not": why_not, "comparisons": []}
    if why_not is None:
        facts["comparisons"] = _comparisons(sides)
    return dict(plain(facts))


def _why_not(sides: Sequence[Side]) -> str | None:
    """Say why answers cannot be compared row by row; None where they can."""
    first, others = sides[0], sides[1:]
    for side in others:
        if side.run.report["task"] != first.run.report["task"]:
            return f"{first.name} and {side.name} are of different tasks"
        if side.test_fingerprint is None or side.test_fingerprint != first.test_fingerprint:
            return (
                f"{first.name} and {side.name} have different test rows, so their figures are not of the same thing. "
                "Train both with the same --test file, or let both answer one: metier evaluate RUN FILE"
            )
    if first.manifest.task.labels and load_task(first.run.report["task"]).is_ordered:
        differing = next(
            (one for one in others if one.manifest.task.labels != first.manifest.task.labels), None
        )
        if differing is not None:
            return f"{first.name} and {differing.name} have other grades or another order of them"
    if all(side.folder.truth("test") is None for side in sides):
        return "none of them kept what its test rows should be answered with, as runs of this release do"
    return None


def _comparisons(sides: Sequence[Side]) -> list[dict[str, Any]]:
    metric = sides[0].run.report["primary_metric"]
    truth, groups = next(kept for side in sides if (kept := side.folder.truth("test")) is not None)
    scores = Scores(_task_of(sides, metric), truth, origin="The test rows", groups=groups)
    answers = {side.name: side.folder.answers(side.run.recommendation.name, "test").predicted for side in sides}
    best = _best(scores, answers, metric)
    pairs = [(best, name) for name in answers if name != best]
    found = scores.compare_pairs(metric, answers, pairs)
    return [{"a": a, "b": b, "metric": metric, **asdict(one)} for (a, b), one in zip(pairs, found, strict=True)]


def _best(scores: Scores, answers: Mapping[str, Sequence[Any]], metric: str) -> str:
    sign = 1.0 if higher_is_better(metric) else -1.0
    return max(answers, key=lambda name: sign * scores.measure(metric, answers[name]))


def _task_of(sides: Sequence[Side], metric: str) -> Task:
    """Give the task with the labels of all runs: each may have seen others."""
    manifest = sides[0].manifest
    task: Task = load_task(manifest.task.name).restored(manifest.task.record(manifest.data.roles))
    labels = dict.fromkeys(label for side in sides for label in side.manifest.task.labels)
    if len(labels) == len(task.labels):
        return task
    return replace(task, labels=tuple(labels), primary_metric=metric)  # type: ignore[type-var]
