"""A finished run, as Python and a notebook see it."""

import html
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from metier.arguments import path_of
from metier.bundles import Bundle, load_bundle, resolve_candidate
from metier.errors import BundleError, MissingExtraError
from metier.evaluation import higher_is_better
from metier.evaluation.many_comparisons import Against
from metier.evaluation.measure_table import metric_name
from metier.figures import count, duration, milliseconds, size
from metier.runs.run_folder import RunFolder
from metier.selection.evaluating import Evaluation, evaluate
from metier.selection.recommendation import Recommendation


@dataclass(frozen=True)
class Run:
    """A finished run.

    Parameters
    ----------
    folder : Path
        Where everything of it lies.
    report : dict
        The facts, as in `report.json`.
    recommendation : Recommendation
        What to ship, and why.
    """

    folder: Path
    report: dict[str, Any]
    recommendation: Recommendation

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a run that was finished before.

        Raises
        ------
        CallError
            If there is no run at the path, or this is no path.
        BundleError
            If the run is not finished.
        """
        folder = RunFolder.open(path_of(path, "The run", expected="the path of a run: a str or a Path"))
        report = folder.report()
        if report is None:
            raise BundleError(
                f"The run {path} is not finished. Resume it: metier train --resume {path}, or in Python "
                f"metier.train(resume={str(path)!r})."
            )
        return cls(folder.path, report, _recommendation(report))

    @property
    def best(self) -> Bundle:
        """The bundle of the recommended candidate, verified and ready to answer."""
        return load_bundle(self.folder / "best")

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """Facts of each candidate, the best first."""
        return list(self.report["candidates"])

    def candidate(self, name: str) -> Bundle:
        """The bundle of a candidate by its name."""
        return load_bundle(resolve_candidate(self.folder, name))

    def evaluate(self, source: Any, **options: Any) -> Evaluation:
        """Measure the recommended candidate on other labelled rows; as `metier.evaluate`."""
        found = evaluate(self.folder, source, **options)
        assert isinstance(found, Evaluation)  # A run is of one task.
        return found

    def leaderboard(self) -> Any:
        """Give a pandas DataFrame with a row for each trained candidate, the best first.

        Columns are the metrics on test with `_low` and `_high` of their 95 % intervals, `train_seconds`,
        `latency_ms`, `rows_per_second`, `size_bytes` and `trained_on`; the index is the name.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError:
            raise MissingExtraError("Run.leaderboard()", extra="pandas") from None
        records = [_figures(one, self.report) for one in self._trained]
        return pandas.DataFrame(records).set_index("candidate")

    @property
    def _trained(self) -> list[dict[str, Any]]:
        return [one for one in self.candidates if one["test"]]

    def __repr__(self) -> str:
        return f"<Run {self.folder}: {self.recommendation.sentence}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the recommendation, and the candidates with their figures on test."""
        metrics = list(self.report["metrics"])[:2]
        heads = ["candidate", *map(metric_name, metrics), "train", "one row", "rows/s", "size"]
        rows = [(_cells(one, metrics, self.report), one["name"]) for one in self._trained]
        body = "".join(_html_row(cells, bold=name == self.recommendation.name) for cells, name in rows)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
        return (
            f"<p><b>{html.escape(self.recommendation.sentence)}</b></p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>{html.escape(str(self.folder / 'report.html'))}</p>"
        )


def _recommendation(report: Mapping[str, Any]) -> Recommendation:
    """Give what was recommended; an early report does not say what the choice went by."""
    decision = report.get("decision") or {"best": _best_on_validation(report), "rows": {}}
    against = decision.get("against_best")
    return Recommendation(
        report["recommended"],
        decision["best"],
        report["recommendation"],
        tuple(report["reasons"]),
        decision["rows"],
        None if against is None else Against(**against),
    )


def _best_on_validation(report: Mapping[str, Any]) -> str:
    """The candidate with the best score on the rows that the choice was made on."""
    metric = report["primary_metric"]
    sign = 1.0 if higher_is_better(metric) else -1.0
    scored = {
        one["name"]: one["validation"][metric]["value"] for one in report["candidates"] if one["validation"]
    }
    return max(scored, key=lambda name: sign * scored[name])


def _figures(one: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    figures: dict[str, Any] = {"candidate": one["name"]}
    for metric in report["metrics"]:
        score = one["test"].get(metric) or {}
        figures |= {metric: score.get("value")}
        figures |= {f"{metric}_{end}": score.get(end) for end in ("low", "high")}
    costs = {name: one[name] for name in ("train_seconds", "rows_per_second", "size_bytes", "trained_on")}
    return figures | {"latency_ms": one["latency_ms"]["mean"]} | costs


def _cells(one: Mapping[str, Any], metrics: Sequence[str], report: Mapping[str, Any]) -> list[str]:
    scores = [
        written(one["test"][metric], is_fraction=report["metrics"][metric]["is_fraction"]) for metric in metrics
    ]
    cost = [duration(one["train_seconds"]), milliseconds(one["latency_ms"]["mean"])]
    return [one["name"], *scores, *cost, count(one["rows_per_second"]), size(one["size_bytes"])]


def written(score: Mapping[str, float | None], *, is_fraction: bool) -> str:
    """Write a figure with its interval: `93.9 % [93.0, 94.7]`, `0.412 [0.38, 0.45]`; without one where it has none."""
    numbers = [score[end] for end in ("value", "low", "high")]
    value, low, high = [
        None if one is None else f"{100 * one:.1f}" if is_fraction else f"{one:.3g}" for one in numbers
    ]
    unit = " %" if is_fraction else ""
    return f"{value}{unit}" if low is None or high is None else f"{value}{unit} [{low}, {high}]"


def _html_row(cells: Sequence[str], *, bold: bool) -> str:
    style = ' style="font-weight:bold"' if bold else ""
    return f"<tr{style}>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
