"""What `metier train` prints of a finished run: what ships and why, the candidates, and where the time went."""

import shlex
from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from metier.cli import console as shown
from metier.cli.speech import spoken, with_language
from metier.evaluation.measure_table import metric_name
from metier.report.comparisons import compared
from metier.report.headline import decided, standing, why_not
from metier.report.section import Page
from metier.runs.run_folder import percent

SHORTEST_PHASE = 2.0  # Seconds; what is shorter is not listed.


def print_report(report: dict[str, Any], *, verbose: bool, language: str = "en") -> None:
    """Print what a finished run recommends, and its candidates: what the head of its page says."""
    console, page = shown.answer_console(), Page(report, spoken(language))
    console.print(_ship_line(page), soft_wrap=True)
    for sentence in (decided(page), *standing(page), *why_not(page)):
        console.print(f"       {sentence}", markup=False, soft_wrap=True)
    shown.print_whole(console, _table(page))
    for one in report["candidates"]:
        if one["facts"].get("adaptation", "full") != "full":
            console.print(f"  {_adapted(one, page)}", markup=False, soft_wrap=True)
        if one["status"] != "trained":
            given = {"name": one["name"], "status": page.say(one["status"]), "why": page.say.told(one["why"])}
            console.print(page.say("  {name} {status}: {why}", **given), markup=False, soft_wrap=True)
    for line in (*_seed_lines(page), *_curve_lines(page), *_time_lines(page)):
        console.print(line, markup=False, soft_wrap=True)
    for finding in report["audit"]:
        if finding["severity"] == "error":
            console.print(f"✗ {page.say.told(finding['sentence'])}", markup=False, soft_wrap=True)
    for sentence in compared(page) if verbose else []:
        console.print(f"  {sentence}", markup=False, soft_wrap=True)
    say, run = page.say, report["run"]
    for line in (
        say("report {run}/report.html", run=run),
        say("next:  {command}", command=with_language(f"metier serve {shlex.quote(run)}")),
    ):
        console.print(line, markup=False, soft_wrap=True)


def _ship_line(page: Page) -> Text:
    """What ships, its score with the rows that it stands on, and what an answer costs."""
    report, say = page.report, page.say
    score = page.chosen["test"][report["primary_metric"]]
    rows = say("{rows} test row(s|)", rows=shown.count(report["data"]["rows"]["test"]))
    parts = [
        say("{score} on {rows}", score=_score(score, page), rows=rows),
        say("{time} a row", time=shown.milliseconds(page.latency(page.chosen))),
        shown.size(page.chosen["size_bytes"]),
    ]
    return Text.assemble(
        (f"{say('ship')}   {report['recommended']}", "bold"), say(": ") + say(", ").join(parts)
    )


def _seed_lines(page: Page) -> list[str]:
    """The spread of each candidate over its seeds, and what did not fit."""
    study, say = page.report.get("seeds"), page.say
    if study is None:
        return []
    lines = []
    for one in study["candidates"]:
        scores = say("; ").join(_spread(split, one[split], page) for split in ("test", "validation"))
        lines.append(
            say("seeds  {name}, {n} seeds: {scores}", name=one["name"], n=len(one["seeds"]), scores=scores)
        )
    return lines + [say("seeds  {note}", note=say.told(note)) for note in study["notes"]]


def _spread(split: str, spreads: Mapping[str, Any], page: Page) -> str:
    """The mean of the main metric over the seeds on one split, its standard deviation and its ends."""
    metric, say = page.report["primary_metric"], page.say
    is_fraction = page.report["metrics"][metric]["is_fraction"]
    factor, digits, unit = (100, 2, " %") if is_fraction else (1, 4, "")
    mean, sd, low, high = (
        f"{spreads[metric][end] * factor:.{digits}f}" for end in ("mean", "sd", "min", "max")
    )
    name = say("{split} {metric}", split=say(split), metric=say(metric_name(metric)))
    return f"{name} {mean} ± {sd}{unit}{say(' ({low} to {high})', low=low, high=high)}"


def _curve_lines(page: Page) -> list[str]:
    """What twice the labels would bring each candidate, or why that cannot be estimated."""
    study = page.report.get("learning_curve")
    if study is None:
        return []
    lines = (*(one["sentence"] for one in study["candidates"]), *study["notes"])
    return [page.say("curve  {line}", line=page.say.told(line)) for line in lines]


def _time_lines(page: Page) -> list[str]:
    """Where the time went: every phase of two seconds or more, the longest first."""
    report, say = page.report, page.say
    phases = sorted(report.get("phases", {}).items(), key=lambda pair: -pair[1])
    long = [
        f"{say.told(name)} {shown.duration(seconds)}" for name, seconds in phases if seconds >= SHORTEST_PHASE
    ]
    spent, budget = shown.duration(report["seconds"]), shown.duration(report["budget_seconds"])
    used = say("time   {spent} of {budget}", spent=spent, budget=budget)
    return [used + (say(": ") + say(", ").join(long) if long else "")]


def _adapted(candidate: dict[str, Any], page: Page) -> str:
    """Give what of a candidate's base was trained."""
    facts, say = candidate["facts"], page.say
    trained = shown.count(facts["weights_trained"])
    if "weights_all" in facts:
        trained = say("{part} of {whole}", part=trained, whole=shown.count(facts["weights_all"]))
    kind = {"name": candidate["name"], "adaptation": facts["adaptation"]}
    return say("{name}: adaptation {adaptation}, {trained} weights trained", **kind, trained=trained)


def _table(page: Page) -> Table:
    report, say = page.report, page.say
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(say("candidate"), no_wrap=True)
    first, second = _shown_metrics(report)
    has_parts = any(one.get("fraction", 1) < 1 for one in report["candidates"])
    costs = [say("training"), say("one row"), say("rows/s"), say("size")]
    for heading in [
        *([say("of rows")] if has_parts else []),
        *(_heading(one, page) for one in (first, second)),
        *costs,
    ]:
        table.add_column(heading, justify="right", no_wrap=True)
    for one in report["candidates"]:
        if one["status"] != "trained":
            continue
        chosen = one["name"] == report["recommended"]
        table.add_row(
            Text(one["name"], style="bold" if chosen else ""),
            *([percent(one.get("fraction", 1))] if has_parts else []),
            Text(_interval(one["test"][first], report, first)),
            _figure(one["test"][second]["value"], report, second),
            shown.duration(one["train_seconds"]),
            shown.milliseconds(one["latency_ms"]["mean"]),
            shown.count(one["rows_per_second"]),
            shown.size(one["size_bytes"]),
        )
    return table


def _shown_metrics(report: Mapping[str, Any]) -> tuple[str, str]:
    """The metric that decides, and the first of the others."""
    first = report["primary_metric"]
    others = [name for name in report["metrics"] if name != first]
    # For labels accuracy stands first, whichever of the two decides: readers look for it.
    if first == "macro_f1" and "accuracy" in others:
        return "accuracy", first
    return first, others[0] if others else first


def _heading(metric: str, page: Page) -> str:
    return page.named(metric) + (" %" if page.report["metrics"][metric]["is_fraction"] else "")


def _score(score: dict[str, float], page: Page) -> str:
    if page.primary.is_fraction:
        return f"{page.metric} {shown.percentage(score['value'], score['low'], score['high'])}"
    return f"{page.metric} {_interval(score, page.report, page.report['primary_metric'])}"


def _interval(score: dict[str, float], report: Mapping[str, Any], metric: str) -> str:
    value, low, high = (_figure(score[key], report, metric) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _figure(value: float, report: Mapping[str, Any], metric: str) -> str:
    return f"{value * 100:.1f}" if report["metrics"][metric]["is_fraction"] else f"{value:.3g}"
