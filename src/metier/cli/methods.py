"""`metier methods`: the methods of the catalogue, what each does, costs and needs."""

from dataclasses import asdict
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from metier.catalogue import DISTILLATION, SEARCH
from metier.cli.commands import HELP
from metier.cli.console import answer_console, print_json
from metier.cli.listed_ways import show_ways
from metier.cli.speech import lang_option, spoken, with_language
from metier.errors import CallError
from metier.selection.method_facts import MethodFacts, list_methods, method_facts, settings_of
from metier.tasks.method_contract import CostRank
from metier.tasks.task_table import task_name

COSTS = {
    CostRank.BASELINE: "baseline",
    CostRank.CLASSICAL: "seconds",
    CostRank.FROZEN: "a base is read",
    CostRank.FINE_TUNED: "a base is trained",
    CostRank.SEVERAL_FITS: "trained several times",
    CostRank.ENSEMBLE: "made of others",
}

ADDED_BY = {SEARCH: "--search", DISTILLATION: "--distil"}


@click.command(context_settings=HELP, epilog="Example: metier methods --task ner")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--task", metavar="NAME", help="Only what this task takes; what it compares unasked has a *.")
@click.option(
    "--ways", is_flag=True, help="Instead: which ways of learning each task takes, and why not the others."
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as one line.")
@lang_option()
def methods(*, name: str | None, task: str | None, ways: bool, as_json: bool, lang: str | None) -> None:
    """List the methods: what each does, costs and needs.

    Cheap ones stand first. Name some with `metier train --candidates A,B`. With NAME: what this method does and can be
    set to.
    """
    if name is not None:
        _show(name, "--ways" if ways else None if task is None else f"--task {task}", as_json=as_json)
        return
    task = None if task is None else task_name(task)
    if ways:
        show_ways(task, as_json=as_json)
        return
    found = list_methods(task)
    if as_json:
        print_json([_facts(one) for one in found])
        return
    console, say = answer_console(), spoken()
    own = [one for one in found if task is None or one.suits]
    console.print(_table(own, task))
    missing = sorted({one.extra for one in found if one.extra and not one.is_installed})
    for extra in missing:
        line = say("what needs {extra} is not installed: pip install 'metier[{extra}]'", extra=extra)
        console.print(Text(line), soft_wrap=True)
    if task is None:
        one, each = with_language("metier methods --task NAME"), with_language("metier methods NAME")
        line = say("next: {one} for those of one task, {each} for one method", one=one, each=each)
        console.print(Text(line), soft_wrap=True)
    else:
        line = say("* compared unasked; name others with metier train --candidates")
        console.print(Text(line), soft_wrap=True)
        if others := say.listed(one.name for one in found if not one.suits):
            console.print(Text(say("of no stated task: {names}", names=others)), soft_wrap=True)


def _show(name: str, beside: str | None, *, as_json: bool) -> None:
    """Show one method in short: what it does, costs and needs, of which tasks it is, and its settings."""
    _check_alone(name, beside)
    one, settings = method_facts(name), settings_of(name)
    if as_json:
        print_json(_facts(one) | {"settings": [asdict(each) for each in settings]})
        return
    console, say, short = answer_console(), spoken(), one.name.rpartition(".v")[0]
    command = with_language(f"metier train {ADDED_BY.get(one.name, f'--candidates {short}')}")
    unasked = say.listed(one.default_of) or say("none; ask for it with {command}", command=command)
    for line in (
        f"{one.name}{say(': ')}{say.translated(one.line)}",
        say("cost   {cost}", cost=say.translated(COSTS[one.cost])),
        say("needs  {needs}", needs=_needs(one)),
        say("tasks that compare it unasked: {tasks}", tasks=unasked),
    ):
        console.print(Text(line), soft_wrap=True)
    if not settings:
        console.print(Text(say("It has no settings.")), soft_wrap=True)
        return
    flag = f"--set methods.{short}.NAME=VALUE"
    console.print(Text(say("settings ({flag}):", flag=flag)), soft_wrap=True)
    for each in settings:
        console.print(Text(f"  {each.name}{_kind(each.kind)}"), soft_wrap=True)
        if each.meaning:
            console.print(Text(f"      {say.translated(each.meaning)}"), soft_wrap=True)


def _kind(kind: str) -> str:
    """What a setting may be, and its default."""
    say = spoken()
    expected, comma, default = kind.rpartition(", default=")
    if comma:
        kind = say("{kind}, default={value}", kind=say.translated(expected), value=default)
    return say(" ({remedy})", remedy=kind) if kind else ""


def _check_alone(name: str, beside: str | None) -> None:
    if beside is not None:
        raise CallError(f"Found the method {name!r} and {beside}, which makes a list. Give one of the two.")


def _facts(one: MethodFacts) -> dict[str, Any]:
    return asdict(one) | {"cost_rank": int(one.cost), "cost": COSTS[one.cost]}


def _table(found: list[MethodFacts], task: str | None) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    say = spoken()
    for name in (say("method"), say("cost"), say("needs")):
        table.add_column(name, no_wrap=True)
    table.add_column(say("what it does"), overflow="fold")
    for one in found:
        mark = " *" if task in one.default_of else ""
        cost = say.translated(COSTS[one.cost])
        table.add_row(Text(f"{one.name}{mark}"), cost, _needs(one), Text(say.translated(one.line)))
    return table


def _needs(one: MethodFacts) -> str:
    say = spoken()
    base = {
        "reads": say("a base"),
        "writes": say("a base that writes"),
        "sees": say("a base that sees"),
        "hears": say("a base that hears"),
    }.get(one.base or "", "")
    missing = say("{extra} (missing)", extra=one.extra) if one.extra and not one.is_installed else one.extra
    return say.listed(filter(None, (base, missing))) or "–"
