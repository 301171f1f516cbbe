"""`metier gate`: whether a bundle may go live, by the conditions of a policy."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from metier.assurance.forgetting.judging import ForgettingSettings
from metier.assurance.gating import figures_for
from metier.assurance.gating import gate as gated
from metier.assurance.junit import junit_xml
from metier.assurance.policy import Policy, forgetting_policy, read_policy
from metier.assurance.run_pages import draw, is_run
from metier.assurance.verdict import CANNOT_TELL, PASS
from metier.cli.commands import HELP
from metier.cli.console import (
    ProgressLines,
    answer_console,
    count,
    figures_table,
    print_json,
    print_line,
    print_whole,
    progress_console,
)
from metier.cli.forgetting import MARKS, print_forgetting, promotion_line
from metier.cli.registry_options import database_option, existing_registry, registry_option
from metier.cli.row_options import named_roles, reading_options, role_option, separator_option, text_option
from metier.cli.speech import lang_option, spoken
from metier.continual.promotion import Target, promotion_facts
from metier.continual.promotion import promote as promoted
from metier.data.output_files import check_output, text_output
from metier.errors import CallError
from metier.machine import usable_cores
from metier.printable import printable_json

MOST_WRONG = 5  # Golden rows that are listed.


@click.command(
    context_settings=HELP, epilog="Example: metier gate runs/demo --policy policy.yaml --rows test.csv"
)
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.option("--policy", metavar="FILE", type=click.Path(path_type=Path), help="The policy (YAML).")
@click.option(
    "--rows",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Labelled rows that the model was not trained on. Default: those of the policy.",
)
@click.option(
    "--live",
    metavar="RUN_OR_BUNDLE",
    type=click.Path(path_type=Path),
    help="The bundle that answers today. Default: that of the policy.",
)
@click.option(
    "--against",
    metavar="RUN_OR_BUNDLE",
    type=click.Path(path_type=Path),
    help="Ask whether anything is forgotten that this bundle knows: labels, parts of the rows, behaviour.",
)
@click.option(
    "--promote",
    metavar="NAME@ALIAS",
    help="Where it may go live, let this alias of the registry point to it; it is held against what the alias points to.",
)
@registry_option
@database_option
@click.option("--list", "lists", is_flag=True, help="List the figures that a policy can ask for on --rows.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="JSON file for the result.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="JUnit XML file for the result.")
@click.option("--overwrite", is_flag=True, help="Replace the files of --output and --junit.")
@click.option("--no-seal", is_flag=True, help="Do not write the result into the manifest of the bundle.")
@text_option
@click.option("--label", metavar="COLUMN", help="Column with the label. Default: as in training.")
@role_option
@reading_options
@separator_option
@click.option("--threads", type=click.IntRange(min=1), help="Threads. Default: all cores.")
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line.")
@click.pass_context
def gate(
    context: click.Context,
    /,
    *,
    bundle: Path,
    policy: Path | None,
    rows: Path | None,
    live: Path | None,
    against: Path | None,
    promote: str | None,
    folder: Path,
    database: str | None,
    lists: bool,
    output: Path | None,
    junit: Path | None,
    overwrite: bool,
    no_seal: bool,
    roles: tuple[str, ...],
    threads: int | None,
    lang: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Judge by a policy whether a bundle may go live: pass, fail or cannot tell.

    Each condition passes, fails, or cannot be told from so few rows, and then says about how many more would tell. All
    verdicts together share one error budget. Golden rows must all be answered right. The result is sealed into the
    bundle. `metier init-policy` writes a policy to begin with.

    With `--against OLD` it may go live only if it is shown to have forgotten nothing: no label, language, length,
    value of a column, edited question or written test is answered worse than by the old bundle, compared in pairs.

    Exit code 0: it may go live; 1: it may not.
    """
    how |= named_roles(roles)
    cores = threads or usable_cores()
    if lists:
        if rows is None:
            raise CallError("--list needs rows, whose parts have figures too. Name them with --rows.")
        for name in figures_for(bundle, rows, threads=cores, **how):
            print_line(name)
        return
    asked = _policy(policy, asks_forgetting=against is not None or promote is not None)
    target = None if promote is None else Target.parse(promote)
    if target is not None and no_seal:
        raise CallError("--promote needs the result in the bundle. Leave out --no-seal.")
    for file in (output, junit):
        if file is not None:
            check_output(file, overwrite=overwrite)
    with ProgressLines() as listener:
        how |= {"rows": rows, "threads": cores, "listener": listener}
        if target is None:
            found = gated(bundle, asked, live=against or live, seals=not no_seal, **how)
            facts = found.facts
        else:
            registry = existing_registry(folder, database)
            promotion = promoted(bundle, registry, target, policy=asked, against=against or live, **how)
            found, facts = promotion.gated, promotion_facts(promotion)
    _write(output, printable_json(facts, indent=1) + "\n", overwrite=overwrite)
    _write(junit, junit_xml(found.result, subject=found.bundle.name), overwrite=overwrite)
    if is_run(bundle) and not no_seal:
        draw(bundle)
    if as_json:
        print_json(facts)
    else:
        _print(facts, answer_console(), is_sealed=not no_seal)
    context.exit(0 if found.result.may_go_live else 1)


def _policy(path: Path | None, *, asks_forgetting: bool) -> Policy:
    """Give the policy, with the forgetting gate where it is asked for; without a file that alone."""
    if path is None and not asks_forgetting:
        raise CallError("No policy is named. Name one with --policy; write one with: metier init-policy RUN")
    found = forgetting_policy() if path is None else read_policy(path)
    if asks_forgetting and found.forgetting is None:
        return replace(found, forgetting=ForgettingSettings())
    return found


def _write(file: Path | None, text: str, *, overwrite: bool) -> None:
    if file is not None:
        with text_output(file, overwrite=overwrite) as write:
            write(text)


def _print(facts: Mapping[str, Any], console: Console, *, is_sealed: bool) -> None:
    say = spoken()
    for note in (facts["rows"] or {"notes": []})["notes"]:
        progress_console().print(Text(say.told(note)), soft_wrap=True)
    mark, style = MARKS[facts["verdict"]]
    headline = say("may go live") if facts["may_go_live"] else say("may not go live")
    given = {"name": facts["bundle"], "policy": facts["policy"]["file"], "headline": headline}
    console.print(
        Text.assemble((mark, style), " ", say("{name} {headline} by {policy}", **given)), soft_wrap=True
    )
    if facts["conditions"]:
        print_whole(console, _table(facts))
    if facts["forgetting"]:
        print_forgetting(facts["forgetting"], console)
    for line in _lines(facts):
        console.print(Text(line), soft_wrap=True)
    if "promotion" in facts:
        console.print(Text(promotion_line(facts["promotion"])), soft_wrap=True)
    if is_sealed:
        progress_console().print(Text(say("the result is sealed into the bundle")), soft_wrap=True)


def _table(facts: Mapping[str, Any]) -> Any:
    say = spoken()
    table = figures_table("", say("condition"), say("verdict"), say("figure"), say("rows"), left=3)
    for one in facts["conditions"]:
        mark, style = MARKS[one["verdict"]]
        table.add_row(
            Text(mark, style=style),
            Text(one["condition"]),
            Text(_verdict(one)),
            Text(_figure(one)),
            count(one["rows"]) if one["rows"] else "–",
        )
    return table


def _figure(one: Mapping[str, Any]) -> str:
    if one["value"] is None:
        return "–"
    digits = ".3f" if one["is_share"] or one["difference_from"] else ".4g"
    sign = "+" if one["difference_from"] else ""
    value = f"{one['value']:{sign}{digits}}"
    if one["low"] is None or not one["rows"]:
        return value
    return f"{value} [{one['low']:{sign}{digits}}, {one['high']:{sign}{digits}}]".replace("-", "−")


def _verdict(one: Mapping[str, Any]) -> str:
    say = spoken()
    verdict = say.told(one["verdict"])
    if one["verdict"] == CANNOT_TELL:
        more = one["more_rows"]
        if one["low"] is None:
            verdict = say("cannot tell: too few rows to measure it")
        elif more is None:
            verdict = say("cannot tell: the value stands at the threshold")
        else:
            verdict = say("cannot tell (needs about {n} more row(s|))", n=count(more))
    if one["is_waived"] and one["verdict"] != PASS:
        return say("{verdict}, waived until {until}", verdict=verdict, until=one["waiver"]["until"])
    return verdict if one["severity"] == "blocker" else say("{verdict} (warning)", verdict=verdict)


def _lines(facts: Mapping[str, Any]) -> list[str]:
    say, lines = spoken(), []
    for one in facts["conditions"]:
        waiver = one["waiver"]
        if waiver is not None and one["verdict"] != PASS:
            given = {"condition": one["condition"], **waiver}
            lines.append(
                say("waived {condition}: {why} ({who}, until {until})", **given)
                if one["is_waived"]
                else say("! the waiver of {condition} ended on {until} ({who})", **given)
            )
    golden = facts["golden"]
    if golden is not None:
        wrong = golden["wrong"]
        given = {"right": count(golden["rows"] - len(wrong)), "all": count(golden["rows"])}
        lines.append(say("golden rows: {right} of {all} answered right", **given))
        for row in wrong[:MOST_WRONG]:
            lines.append(say("✗ row {row}: expected {expected}, found {answered}: {asked}", **row))
        if len(wrong) > MOST_WRONG:
            lines.append(say("… {n} more (--json has all)", n=count(len(wrong) - MOST_WRONG)))
    level = f"{100 * facts['policy']['level']:g} %"
    if facts["conditions"]:
        lines.append(say("with {level} confidence no verdict of these is wrong", level=level))
    return lines
