"""What a section of the report is, and what every section is drawn from.

A section is one file with a function from the page to what is shown, and one row of `section_table`. Without a template
of its own it is drawn by `finding.html.jinja`: a finding, sentences, pictures and tables. Each section opens with its
finding, so that a reader who stops there has read the section.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from metier.evaluation.measure_table import metric_name
from metier.report import numbers as written
from metier.report.plots import Estimate

View = Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """The facts of a run, and what several sections take from them.

    Parameters
    ----------
    report : mapping
        What `report.json` holds.
    """

    report: Mapping[str, Any]

    @cached_property
    def trained(self) -> list[Mapping[str, Any]]:
        """The candidates that can answer, the best first."""
        trained = [each for each in self.report["candidates"] if each["status"] == "trained"]
        metric, sign = self.report["primary_metric"], self.primary.upward
        return sorted(trained, key=lambda each: sign * answers_of(each)[metric]["value"], reverse=True)

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The recommended candidate."""
        return next(each for each in self.trained if each["name"] == self.report["recommended"])

    @property
    def split(self) -> str:
        """Which rows the scores of record are of."""
        return "test" if any(each["test"] for each in self.trained) else "validation"

    @property
    def metric(self) -> str:
        """The metric that decides, as the field writes it."""
        return metric_name(self.report["primary_metric"])

    @cached_property
    def primary(self) -> written.Scale:
        """How the metric that decides is written."""
        return written.scale_of(self.report, self.report["primary_metric"])

    @cached_property
    def estimates(self) -> Sequence[Estimate]:
        """The candidates that can answer, as they are drawn, the best first."""
        return [self._estimate(each) for each in self.trained]

    def _estimate(self, candidate: Mapping[str, Any]) -> Estimate:
        quality = answers_of(candidate)[self.report["primary_metric"]]
        latency, sign = candidate["latency_ms"] or {}, self.primary.upward
        low, high = sorted((sign * quality["low"], sign * quality["high"]))
        return Estimate(
            name=candidate["name"],
            value=sign * quality["value"],
            low=low,
            high=high,
            cost_ms=latency.get("mean") or latency.get("p50"),
            is_recommended=candidate["name"] == self.report["recommended"],
        )


@dataclass(frozen=True)
class Section:
    """One section of the report.

    Parameters
    ----------
    anchor : str
        Its name in links.
    name : str
        Its name in the navigation.
    view : callable
        Gives what its template shows; None where the run has nothing for it.
    template : str
        In `templates/sections`, without its ending.
    """

    anchor: str
    name: str
    view: Callable[[Page], View | None]
    template: str = "finding"


def answers_of(candidate: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the scores of record of a candidate: on test where there are test rows, else on validation."""
    scores: Mapping[str, Any] = candidate["test"] or candidate["validation"]
    return scores
