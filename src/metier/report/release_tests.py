"""What was found after training: the release gate's verdicts, how edits turn answers, and how groups are answered."""

from collections.abc import Mapping
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page

SUCCESS = "pass"


def gate_section(page: Page) -> dict[str, Any] | None:
    """Give the sealed result of the release gate; None where it was not asked."""
    facts = page.report.get("gate")
    if not facts:
        return None
    say, policy = page.say, facts["policy"]["file"]
    finding = (
        say("It may go live by {policy}.", policy=policy)
        if facts["may_go_live"]
        else say("It may not go live by {policy}.", policy=policy)
    )
    conditions = facts["conditions"]
    return {
        "finding": finding,
        "sentences": _notes(page, facts),
        "tables": [
            {
                "title": say("Conditions of the policy"),
                "columns": [
                    (say("condition"), False),
                    (say("verdict"), False),
                    (say("figure"), True),
                    (say("interval"), True),
                    (say("rows"), True),
                ],
                "rows": [_condition(page, one) for one in conditions],
            }
        ]
        if conditions
        else [],
    }


def _notes(page: Page, facts: Mapping[str, Any]) -> list[str]:
    say, notes = page.say, []
    if facts["conditions"]:
        level = written.percent(facts["policy"]["level"], 0)
        notes.append(say("With {level} confidence no verdict of these is wrong.", level=level))
    if (golden := facts["golden"]) is not None:
        right = written.count(golden["rows"] - len(golden["wrong"]))
        notes.append(
            say("Golden rows: {right} of {all} answered right.", right=right, all=written.count(golden["rows"]))
        )
    return notes


def _condition(page: Page, one: Mapping[str, Any]) -> list[str]:
    say = page.say
    verdict = say.told(one["verdict"])
    if one["more_rows"] is not None:
        verdict = say("cannot tell (needs about {n} more row(s|))", n=written.count(one["more_rows"]))
    if one["is_waived"] and one["verdict"] != SUCCESS:
        verdict = say("{verdict}, waived until {until}", verdict=verdict, until=one["waiver"]["until"])
    elif one["severity"] != "blocker":
        verdict = say("{verdict} (warning)", verdict=verdict)
    digits = ".3f" if one["is_share"] or one["difference_from"] else ".4g"
    ends = "–" if one["low"] is None or not one["rows"] else f"[{one['low']:{digits}}, {one['high']:{digits}}]"
    return [
        one["condition"],
        verdict,
        "–" if one["value"] is None else f"{one['value']:{digits}}".replace("-", "−"),
        ends.replace("-", "−"),
        written.count(one["rows"]) if one["rows"] else "–",
    ]


def behaviour_section(page: Page) -> dict[str, Any] | None:
    """Give how often edited questions turn the answer; None where that was not tested."""
    facts = page.report.get("behaviour")
    tested = [one for one in (facts or {"tests": ()})["tests"] if one["failure"]]
    if not tested:
        return None
    say = page.say
    worst = max(tested, key=lambda one: one["failure"]["value"])
    return {
        "finding": say(
            "Of what was tried, {name} turns the most answers: {share}.",
            name=f"{worst['kind']}.{worst['name']}",
            share=_share(worst["failure"]),
        ),
        "sentences": [],
        "tables": [
            {
                "title": say("Edited questions and written tests"),
                "columns": [
                    (say("test"), False),
                    (say("what is tried"), False),
                    (say("fails %"), True),
                    (say("cases"), True),
                ],
                "rows": [
                    [
                        f"{one['kind']}.{one['name']}",
                        say.told(one["does"]),
                        _share(one["failure"]),
                        written.count(one["failure"]["rows"]),
                    ]
                    for one in tested
                ],
            },
            *_failed_cases(page, tested),
        ],
    }


def _failed_cases(page: Page, tested: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give the table of the failed cases that were kept; none where nothing failed."""
    say = page.say
    rows = [
        [f"{one['kind']}.{one['name']}", str(case["after"]), str(case["expected"]), str(case["found"])]
        for one in tested
        for case in one["cases"]
    ]
    columns = [(say("test"), False), (say("text"), False), (say("expected"), False), (say("found"), False)]
    return [{"title": say("Failed cases, some of each test"), "columns": columns, "rows": rows}] if rows else []


def fairness_section(page: Page) -> dict[str, Any] | None:
    """Give how far answers move where another group of people is named; None where that was not tested."""
    facts = page.report.get("fairness")
    asked = [one for one in (facts or {"identity": ()})["identity"] if one["flips"]]
    columns = (facts or {"columns": ()})["columns"]
    if not asked and not any(one["differences"] for one in columns):
        return None
    say = page.say
    return {
        "sentences": [
            say(
                "Only listed words are exchanged: names, dialect and what a text implies are not. A small gap is no proof "
                "that people are treated alike."
            )
        ],
        "tables": [
            {
                "title": say("Other groups of people in the same text"),
                "columns": [
                    (say("kind of group"), False),
                    (say("answers that turn %"), True),
                    (say("largest gap"), True),
                    (say("rows"), True),
                ],
                "rows": [
                    [one["kind"], _share(one["flips"]), _ends(one["gap"]), written.count(one["rows"])]
                    for one in asked
                ],
            },
            {
                "title": say("Groups of rows"),
                "columns": [(say("difference"), False), (say("largest"), True), (say("between"), False)],
                "rows": [_difference(page, column, one) for column in columns for one in column["differences"]],
            },
        ],
    }


def _difference(page: Page, column: Mapping[str, Any], one: Mapping[str, Any]) -> list[str]:
    what = f"{column['column']}: {_measure(page, one['measure'])}"
    name = what if one["label"] is None else f"{what} ({one['label']})"
    return [name, _ends(one), f"{one['higher']} > {one['lower']}"]


def _measure(page: Page, name: str) -> str:
    if name == "selection_rate":
        return page.say("answered so")
    return page.say("found where right") if name == "true_positive_rate" else page.named(name)


def _share(figure: Mapping[str, Any]) -> str:
    return f"{100 * figure['value']:.1f} [{100 * figure['low']:.1f}, {100 * figure['high']:.1f}]"


def _ends(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "–"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]".replace("-", "−")
