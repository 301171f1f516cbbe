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
from metier.report.words import ENGLISH, Words

View = Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """The facts of a run, and what several sections take from them.

    Parameters
    ----------
    report : mapping
        What `report.json` holds.
    say : Words
        Gives what the page says, in its language.
    """

    report: Mapping[str, Any]
    say: Words = ENGLISH

    @cached_property
    def trained(self) -> list[Mapping[str, Any]]:
        """The candidates that can answer, the best first."""
        trained = [each for each in self.report["candidates"] if each["status"] == "trained"]
        metric, sign = self.report["primary_metric"], self.primary.upward
        return sorted(trained, key=lambda each: sign * answers_of(each)[metric]["value"], reverse=True)

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The recommended candidate."""
        return self.candidate(self.report["recommended"])

    @property
    def others(self) -> list[Mapping[str, Any]]:
        """The candidates that can answer besides the recommended one, the best first."""
        return [each for each in self.trained if each["name"] != self.report["recommended"]]

    def candidate(self, name: str) -> Mapping[str, Any]:
        """Give a candidate that can answer."""
        return next(each for each in self.trained if each["name"] == name)

    def models_of(self, name: str) -> list[str]:
        """Give the candidates, ensembles resolved, whose models a candidate answers with."""
        members = self.candidate(name)["members"]
        found = [model for member in members for model in self.models_of(member)] if members else [name]
        return list(dict.fromkeys(found))

    def latency(self, candidate: Mapping[str, Any]) -> float:
        """Give the milliseconds for one row, on average."""
        latency = candidate["latency_ms"] or {}
        return float(latency.get("mean") or latency.get("p50") or 0.0)

    @property
    def guarantee(self) -> str | None:
        """What the recommended candidate guarantees; None where it guarantees nothing."""
        cascade = self.report.get("cascade")
        if not cascade or cascade.get("threshold") is None or cascade.get("name") != self.report["recommended"]:
            return None
        certificate = cascade["certificate"] or {}
        return self.say(
            "Certified on the validation rows, before any refit: with {confidence} confidence at most {margin} less "
            "accurate than {expensive} alone.",
            confidence=written.percent(certificate["confidence"], 0),
            margin=self.points(certificate["margin"]),
            expensive=cascade["stages"][1],
        )

    def points(self, fraction: float) -> str:
        """Write a difference of fractions with its unit: `0.7 points`."""
        return self.say("{points} points", points=written.points(fraction))

    @property
    def tolerance(self) -> str:
        """How much worse a cheaper candidate may be: `1 point`, of a metric that is no fraction `1 %`."""
        tolerance = self.report["decision"]["tolerance"]
        if not self.primary.is_fraction:
            return f"{tolerance * 100:g} %"
        return self.say("1 point" if tolerance == 0.01 else "{points} points", points=f"{tolerance * 100:g}")

    def gap(self, difference: float) -> str:
        """Write how far apart two figures of the metric that decides are: `0.7 points`."""
        return self.points(difference) if self.primary.is_fraction else f"{difference:.3g}"

    def adjusted_p(self, value: float | None) -> str:
        """Write a p-value that is adjusted for the number of candidates: `adjusted p = 0.84`."""
        return self.say("adjusted {p}", p=written.p_value(value))

    def difference_bounds(self, difference: Mapping[str, float]) -> str:
        """Write the interval of how far the better of two is ahead: `[−0.4, +1.8]`."""
        sign = -1.0 if difference["difference"] < 0 else 1.0
        low, high = sorted((sign * difference["low"], sign * difference["high"]))
        return f"[{self.primary.signed(low)}, {self.primary.signed(high)}]"

    def figures_of_choice(self, *candidates: Mapping[str, Any]) -> tuple[str, ...]:
        """Write the metric that decides as the choice went by it, of candidates that stand side by side."""
        found = [one["validation"][self.report["primary_metric"]] for one in candidates]
        decimals = max(map(self.primary.decimals, found))
        scores = (self.report.get("decision") or {}).get("scores", {})
        values = [quality["value"] for quality in found]
        if all(one["name"] in scores for one in candidates):  # All of them answered training rows out of fold.
            values = [scores[one["name"]] for one in candidates]
        return tuple(self.primary.whole(value, decimals) for value in values)

    def rows_seen(self, candidate: Mapping[str, Any]) -> str:
        """Say which rows a model has seen: `train + validation`, `40 % of train`, and if its upper layers trained alone."""
        part, _, rows = candidate["trained_on"].rpartition(" % of ")
        seen = self.say("{part} % of {rows}", part=part, rows=self.say(rows)) if part else self.say(rows)
        adaptation = candidate["facts"].get("adaptation") or ""
        is_reduced = adaptation.startswith("top:") and self.report["settings"].get("adaptation") is None
        return (
            self.say("{rows}, upper layers alone ({layers})", rows=seen, layers=adaptation)
            if is_reduced
            else seen
        )

    def plain(self, value: Any) -> str:
        """Write a setting or a fact of any kind on one line."""
        return self.say.told(written.plain(value, self.say))

    def named(self, metric: str) -> str:
        """Give the name of a metric, as the field writes it."""
        return self.say(metric_name(metric))

    @property
    def split(self) -> str:
        """Which rows the scores of record are of."""
        return "test" if any(each["test"] for each in self.trained) else "validation"

    @property
    def metric(self) -> str:
        """The metric that decides, as the field writes it."""
        return self.named(self.report["primary_metric"])

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
        sign = self.primary.upward
        low, high = sorted((sign * quality["low"], sign * quality["high"]))
        return Estimate(
            name=candidate["name"],
            value=sign * quality["value"],
            low=low,
            high=high,
            cost_ms=self.latency(candidate) or None,
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
        Its name in the navigation, in English.
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
