"""Where a queue stands, printed: rows, labellers, their agreement, the model's accuracy, and whether to stop."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from metier.cli.console import answer_console, count, figures_table, print_line, print_whole
from metier.cli.speech import spoken, with_language

MOST_NAMED = 8
NAMES = {
    "krippendorff_alpha": "Krippendorff's alpha",
    "cohen_kappa": "Cohen's kappa",
    "fleiss_kappa": "Fleiss' kappa",
}


def print_state(state: Mapping[str, Any], queue: str) -> None:
    """Print the state of a queue."""
    say = spoken()
    names = {
        "waiting": say("waiting"),
        "labelled": say("labelled"),
        "disagreed": say("disagreed"),
        "decided": say("decided"),
        "skipped": say("skipped"),
    }
    rows = say.listed(f"{names[name]} {n:,}" for name, n in state["counts"].items())
    print_line(say("rows: {rows}", rows=rows or "0"))
    if missing := state["missing_labels"]:
        named = say.listed(missing[:MOST_NAMED]) + (" …" if len(missing) > MOST_NAMED else "")
        print_line(say("! {n} label(s|) without a decided row: {names}", n=len(missing), names=named))
    for one in state["accuracy"]:
        told = {name: f"{100 * one[name]:.1f}" for name in ("value", "low", "high")}
        told |= {"version": one["version"], "n": count(one["n_rows"])}
        print_line(
            say("model {version}: accuracy {value} % [{low}, {high}] on {n} row(s|) drawn by chance", **told)
        )
    _print_people(state)
    print_line(say("stop?") + " " + say.told(state["advice"]["reason"]))
    if state["counts"].get("disagreed"):
        command = with_language(f"metier label --queue {queue} --adjudicate")
        print_line(
            say(
                "labellers disagree on {n} row(s|); settle: {command}",
                n=state["counts"]["disagreed"],
                command=command,
            )
        )


def _print_people(state: Mapping[str, Any]) -> None:
    say = spoken()
    if not state["people"]:
        return
    table = figures_table(
        say("labeller"),
        say("labelled"),
        say("skipped"),
        say("seconds a label"),
        say("compared"),
        say("kappa"),
        left=1,
    )
    for one in state["people"]:
        seconds = "–" if one["seconds"] is None else f"{one['seconds']:.1f}"
        cells = [count(one["n_labelled"]), count(one["n_skipped"]), seconds, count(one["n_compared"])]
        table.add_row(Text(one["name"]), *cells, _figure(one["kappa"]))
    print_whole(answer_console(), table)
    for name, one in state["agreement"].items():
        print_line(say("agreement: {name} {figure}", name=NAMES[name], figure=_figure(one)))
    for one in state["people"]:
        if one["verdict"] == "chance":
            print_line(
                say(
                    "! {name} agrees no better than answers by chance would: look at these labels",
                    name=one["name"],
                )
            )
        elif one["verdict"] == "low":
            print_line(say("! {name} agrees little with the others: is the guide clear?", name=one["name"]))


def _figure(one: Mapping[str, Any]) -> str:
    if one["value"] is None:
        return "–"
    return f"{one['value']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"
