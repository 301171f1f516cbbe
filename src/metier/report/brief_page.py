"""The morning brief of a watch as one page: what moved, in numbers, pictures and quotes; needs no network."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from metier.report.brief_plots import counts_plot, share_plot, spark
from metier.report.numbers import count, percent
from metier.report.page import environment, safe_page
from metier.report.page_head import capitalised
from metier.report.words import LANGUAGES, Words

WIDE, NARROW = 760, 340
SEVERITY_CSS = {"critical": "error", "warning": "warning", "info": "note"}
SHARES_SHOWN = 3  # Of a series in a table.


def render_brief(facts: Mapping[str, Any], *, language: str = "en") -> str:
    """Give the page; `facts` is what `metier.monitoring.brief` gives, format `metier.brief.v1`.

    Parameters
    ----------
    language : {"en", "zh"}
        Of the page's own words; what messages say stays as it is.

    Returns
    -------
    str
        A whole HTML document; write it as UTF-8.
    """
    if language not in LANGUAGES:
        raise ValueError(f"A brief has no language {language!r}; give one of {', '.join(LANGUAGES)}.")
    say = Words(language)
    view = {
        "page_language": "zh-CN" if language == "zh" else language,
        "made": when(facts["made"]),
        "since": when(facts["since"]),
        "title": title_of(facts, say),
        "lead": _lead(facts, say),
        "numbers": [_messages(facts, say), _alarms(facts, say), _accuracy(facts, say), _sources(facts, say)],
        "cautions": cautions(facts, say),
        "found": [_found(one, facts, say) for one in facts["found"]],
        "volume": _plots(facts["volume"]["chart"], facts, say) if facts["volume"] else None,
        "tables": [_table(one, facts, say) for one in facts["series"] if one["rows"]],
        "answers": [_answers(one, say) for one in facts["answers"] if one["labels"]],
        "accuracy": [_accuracy_row(one, say) for one in facts["answers"] if one["accuracy"]],
        "missed": [_missed(one, facts, say) for one in facts["missed"]],
        "budget": say("{n} over all series together", n=facts["false_alarms"]),
        "format": facts["format"],
    }
    return safe_page(environment().get_template("brief.html.jinja").render(view=view, say=say))


def when(moment: str) -> str:
    """Give an ISO time as it is shown."""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def series_name(series: Mapping[str, str], say: Words) -> str:
    """Give the name of a series: its values."""
    return " · ".join(value or "–" for value in series.values()) or say("all messages")


def title_of(facts: Mapping[str, Any], say: Words) -> str:
    """Give the conclusion."""
    states = [one["state"] for one in facts["found"]]
    if new := states.count("new"):
        return say("{n} new alarm(s|)", n=new)
    if not facts["messages"]["messages"]:
        return say("No messages yet")
    if facts["until"] is None:
        return say("No period is judged yet")
    if goes_on := states.count("goes on"):
        return say("Nothing new; {n} alarm(s|) go on", n=goes_on)
    return say("A quiet night")


def _lead(facts: Mapping[str, Any], say: Words) -> str:
    new = [one for one in facts["found"] if one["state"] == "new"]
    if new:
        return _told(new[0]["sentence"], say)
    if not facts["messages"]["messages"]:
        return say("The store is empty: no source has given a message. Watch with metier watch run SETTINGS.")
    if facts["until"] is None:
        return say(
            "There are {n} message(s|); a {period} is judged when it is over.",
            n=count(facts["messages"]["messages"]),
            period=say(facts["period"]),
        )
    return say("Nothing moved since {since} by more than what is expected.", since=when(facts["since"]))


def _told(sentence: str, say: Words) -> str:
    told = say.told(sentence)
    return capitalised(told) if say.language == "en" else told


def _messages(facts: Mapping[str, Any], say: Words) -> dict[str, str]:
    volume, name = facts["volume"], say("distinct messages since {since}", since=when(facts["since"]))
    if volume is None:
        return {"value": "0", "name": name, "aside": say("no period since then is judged")}
    if volume["times"] is None:
        return {
            "value": count(volume["observed"]),
            "name": name,
            "aside": say("too short a past to say what was expected"),
        }
    aside = say(
        "expected {n}; {times} times as many", n=count(round(volume["expected"])), times=interval(volume)
    )
    return {"value": count(volume["observed"]), "name": name, "aside": aside}


def interval(ratio: Mapping[str, float]) -> str:
    """Give how many times as many, with the interval."""
    return f"{ratio['times']:.1f} [{ratio['low']:.1f}, {ratio['high']:.1f}]"


def _alarms(facts: Mapping[str, Any], say: Words) -> dict[str, str]:
    states = [one["state"] for one in facts["found"]]
    aside = say("{n} go on, {over} over", n=states.count("goes on"), over=states.count("over"))
    return {"value": count(states.count("new")), "name": say("new alarms"), "aside": aside}


def _accuracy(facts: Mapping[str, Any], say: Words) -> dict[str, str]:
    for one in facts["answers"]:
        if one["accuracy"]:
            ends = {end: percent(one["accuracy"][end]) for end in ("low", "high")}
            return {
                "value": percent(one["accuracy"]["value"]),
                "name": say("of the answers right, as estimated: {name}", name=one["name"]),
                "aside": say("95 % interval {low} to {high}", **ends),
            }
    aside = say("needs a run that has measured the model, and 30 answers")
    return {"value": "–", "name": say("of the answers right, as estimated"), "aside": aside}


def _sources(facts: Mapping[str, Any], say: Words) -> dict[str, str]:
    sources = facts["sources"]
    fresh = [one for one in sources if not one["is_silent"]]
    latest = max((one["latest"] for one in sources if one["latest"]), default=None)
    return {
        "value": f"{len(fresh)}/{len(sources)}",
        "name": say("sources with new messages"),
        "aside": say("no message yet") if latest is None else say("the latest of {when}", when=when(latest)),
    }


def cautions(facts: Mapping[str, Any], say: Words) -> list[str]:
    """Give what a reader must know of the brief itself: silent sources, refused messages, answers that are missing."""
    said = []
    for one in facts["sources"]:
        if one["is_silent"]:
            last = say("never") if one["latest"] is None else when(one["latest"])
            said.append(
                say("Source {name} is silent: its latest message is of {when}.", name=one["name"], when=last)
            )
    for one in facts["refused_since"]:
        said.append(
            say(
                "{n} message(s|) of {name} refused: {reason}",
                n=count(one["n"]),
                name=one["source"],
                reason=say.translated(one["reason"]),
            )
        )
    if facts["messages"].get("unanswered"):
        said.append(
            say(
                "{n} answer(s|) are missing; their messages are not in series of that model.",
                n=count(facts["messages"]["unanswered"]),
            )
        )
    if facts["volume"] and facts["volume"]["times"] is None:
        said.append(
            say(
                "The past is too short yet to show what is expected of all messages: that takes three months of "
                "days, or two weeks of hours. Surges are judged all the same, by the rates of all series."
            )
        )
    return said


def _found(one: Mapping[str, Any], facts: Mapping[str, Any], say: Words) -> dict[str, Any]:
    states = {"new": say("new"), "goes on": say("goes on"), "over": say("over")}
    severities = {"critical": say("critical"), "warning": say("warning"), "info": say("note")}
    chart = one["chart"]
    return {
        "css": SEVERITY_CSS.get(one["severity"], "warning"),
        "severity": severities.get(one["severity"], one["severity"]),
        "state": states[one["state"]],
        "name": series_name(one["series"], say),
        "sentence": _told(one["sentence"], say),
        "notes": _notes(one, facts, say),
        "quotes": one["quotes"],
        "plots": None if chart is None else _plots(chart, facts, say, since=one["since"], raised=one["raised"]),
    }


def _notes(one: Mapping[str, Any], facts: Mapping[str, Any], say: Words) -> list[str]:
    told, notes = one["facts"], []
    ended = None if one["ended"] is None else when(one["ended"])
    notes.append(say("since {since}, raised {raised}", since=when(one["since"]), raised=when(one["raised"])))
    if ended is not None:
        notes.append(say("over since {when}", when=ended))
    if one["by_now"] is not None:
        given = {"n": count(one["by_now"]["observed"]), "expected": count(round(one["by_now"]["expected"]))}
        notes.append(
            say("by now {n} messages, {expected} expected: {times}", **given, times=interval(one["by_now"]))
        )
    if told.get("also"):
        names = say.listed(series_name(other, say) for other in told["also"][:6])
        notes.append(say("moved at the same time: {names}", names=names))
    if told.get("smallest_found"):
        unit = say("days") if facts["period"] == "day" else say("hours")
        notes.append(
            say(
                "here, {times} times as many for {n} {unit} are found in 80 % of cases",
                unit=unit,
                times=f"{told['smallest_found']:g}",
                n=told.get("smallest_found_periods", 7),
            )
        )
    if one["acknowledged_by"]:
        comment = f" ({one['comment']})" if one["comment"] else ""
        notes.append(say("acknowledged by {who}", who=f"{one['acknowledged_by']}{comment}"))
    if one["silenced_until"]:
        notes.append(say("silenced until {when}", when=when(one["silenced_until"])))
    if one["undelivered"]:
        notes.append(say("not delivered to {names}", names=say.listed(one["undelivered"])))
    return notes


def _plots(chart: Mapping[str, Any], facts: Mapping[str, Any], say: Words, **marks: str) -> dict[str, Any]:
    drawn = {
        name: counts_plot(chart, period=facts["period"], say=say, width=width, **marks)
        for name, width in (("wide", WIDE), ("narrow", NARROW))
    }
    return drawn | {"has_band": any(one is not None for one in chart["high"])}


def _table(table: Mapping[str, Any], facts: Mapping[str, Any], say: Words) -> dict[str, Any]:
    rows = table["rows"]
    return {
        "title": say("By {names}", names=say.listed(table["by"])),
        "has_shares": any(one["shares"] for one in rows),
        "rows": [_row(one, facts, say) for one in rows],
        "left": table["n"] - len(rows),
    }


def _row(one: Mapping[str, Any], facts: Mapping[str, Any], say: Words) -> dict[str, Any]:
    until = datetime.fromisoformat(facts["until"])
    unit = 86_400 if facts["period"] == "day" else 3_600
    n_now = max(int((until - datetime.fromisoformat(facts["since"])).total_seconds() // unit), 1)
    is_known = one["times"] is not None
    moved = is_known and (one["low"] > 1 or one["high"] < 1)
    return {
        "name": series_name(one["series"], say),
        "observed": count(one["observed"]),
        "expected": f"{one['expected']:,.1f}" if is_known else "–",
        "times": f"{one['times']:.1f}" if is_known else "–",
        "interval": f"[{one['low']:.1f}, {one['high']:.1f}]" if is_known else "",
        "is_moved": moved,
        "spark": spark(one["counts"], n_now=n_now, say=say),
        "shares": [share_text(part) for parts in one["shares"].values() for part in parts[:SHARES_SHOWN]],
    }


def share_text(part: Mapping[str, Any]) -> str:
    """Give the share of a label with its interval."""
    return f"{part['label']} {with_interval(part['now'])}"


def with_interval(share: Mapping[str, float]) -> str:
    """Give a share in percent with its interval."""
    return f"{100 * share['value']:.0f} % [{100 * share['low']:.0f}, {100 * share['high']:.0f}]"


def _answers(one: Mapping[str, Any], say: Words) -> dict[str, Any]:
    rows: Sequence[Mapping[str, Any]] = one["labels"]
    most = max(part["high"] for row in rows for part in (row["now"], row["before"]) if part)
    how = (
        say(
            "Corrected for what the model mistakes for what on its test rows; it assumes that texts of a label are "
            "mistaken as often as before."
        )
        if one["is_corrected"]
        else say("Shares of the answers as they are: no run has measured what this model mistakes for what.")
    )
    return {
        "title": say("Shares of {name}", name=one["name"]),
        "finding": how,
        "counts": say(
            "{n} answers since then, {before} in the {days} days before",
            n=count(one["answers"]),
            before=count(one["answers_before"]),
            days=one["before_days"],
        ),
        "rows": [
            {
                "label": row["label"],
                "now": with_interval(row["now"]),
                "answered": f"{100 * row['now']['answered']:.0f} %",
                "before": "–" if row["before"] is None else with_interval(row["before"]),
                "plot": share_plot(
                    row["now"], row["before"], most=most, label=f"{row['label']}: {with_interval(row['now'])}"
                ),
            }
            for row in rows
        ],
        "left": one["n_labels"] - len(rows),
    }


def _accuracy_row(one: Mapping[str, Any], say: Words) -> dict[str, Any]:
    estimate = one["accuracy"]
    return {
        "name": one["name"],
        "value": percent(estimate["value"]),
        "interval": f"[{percent(estimate['low'])}, {percent(estimate['high'])}]",
        "measured": percent(one["measured"]),
        "rows": say(
            "{n} answers, {labelled} rows with labels",
            n=count(estimate["rows"]),
            labelled=count(estimate["labelled"]),
        ),
        "plot": share_plot(
            estimate,
            {"value": one["measured"], "low": one["measured"], "high": one["measured"]},
            most=1.0,
            label=f"{one['name']}: {percent(estimate['value'])}",
        ),
    }


def _missed(one: Mapping[str, Any], facts: Mapping[str, Any], say: Words) -> dict[str, str]:
    unit = say("days") if facts["period"] == "day" else say("hours")
    found = (
        say("too few messages for a surge of {n} {unit} to be found", n=one["periods"], unit=unit)
        if one["times"] is None
        else say("{times} times as many for {n} {unit}", times=f"{one['times']:g}", n=one["periods"], unit=unit)
    )
    return {"name": series_name(one["series"], say), "found": found}
