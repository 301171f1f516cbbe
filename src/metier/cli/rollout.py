"""`metier registry rollout`: another version takes over, once the evidence says that it may."""

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.cli.console import answer_console, count, figures_table, print_json, print_whole
from metier.cli.registry_options import (
    command,
    existing_registry,
    name_argument,
    why_option,
)
from metier.cli.speech import spoken
from metier.registry.criteria import build_criteria, read_criteria
from metier.registry.roll_out import Standing
from metier.registry.rolling_out import RollOuts
from metier.registry.running import Running, Status


@command("rollout", example="rollout support 4 --share 0.1")
@name_argument
@click.argument("version", metavar="[VERSION]", type=int, required=False)
@click.option("--share", type=float, metavar="SHARE", help="Share of the callers that it answers, such as 0.1.")
@click.option("--shadow", is_flag=True, help="Ask both, and give nobody its answers.")
@click.option(
    "--criteria",
    metavar="NAME=BOUND,...",
    help="Decide by: errors, confidence, corrections, and disagreement of a shadow. Default: errors=0.02,confidence=0.05.",
)
@click.option("--stop", is_flag=True, help="End it; the champion goes on answering.")
@click.option("--force", is_flag=True, help="Also without a passed release gate; the history keeps that.")
@why_option
def rollout(
    *, name: str, version: int | None, share: float | None, shadow: bool, criteria: str | None, stop: bool, force: bool,
    why: str, folder: Path, database: str | None, as_json: bool, lang: str | None,
) -> None:  # fmt: skip
    """Roll out a version by evidence, or show how its roll-out stands.

    Each service that serves the champion answers a share of the callers by the new version, or asks it as a shadow. An
    always-valid sequential test promotes it, rolls it back, or says that there is not enough traffic yet.
    """
    _check_call(version, share, shadow=shadow, criteria=criteria, stop=stop, force=force)
    roll_outs = RollOuts(existing_registry(folder, database))
    if stop:
        found = roll_outs.stop(name, why=why)
    elif version is None:
        found = roll_outs.last(name)
    else:
        asked = 1.0 if share is None else share
        bounds = None if criteria is None else read_criteria(criteria)
        found = roll_outs.begin(
            name,
            version,
            build_criteria(bounds, share=asked, is_shadow=shadow),
            share=asked,
            is_shadow=shadow,
            force=force,
            why=why,
        )
    _print(found, as_json=as_json)


def _check_call(
    version: int | None, share: float | None, *, shadow: bool, criteria: str | None, stop: bool, force: bool
) -> None:
    """Refuse what cannot be meant, before anything is opened."""
    if version is None and (share is not None or shadow or criteria or force):
        raise click.UsageError(
            "Name the version to roll out, such as: metier registry rollout support 4 --share 0.1"
        )
    if version is not None and stop:
        raise click.UsageError("A roll-out is stopped by the name of the model alone. Leave out the version.")
    if version is not None and share is None and not shadow:
        raise click.UsageError(
            "Give the share of the callers with --share, such as 0.1, or ask it with --shadow."
        )


def _print(found: Running, *, as_json: bool) -> None:
    if as_json:
        print_json(_facts(found))
        return
    for line in _lines(found):
        answer_console().print(Text(line), soft_wrap=True)
    say = spoken()
    table = figures_table(
        say("criterion"), say("counted"), say("mean"), say("bound"), say("e-value below"), say("e-value above")
    )
    for one in found.decision.standings:
        table.add_row(*map(Text, _cells(one)))
    print_whole(answer_console(), table)


def _lines(found: Running) -> list[str]:
    say = spoken()
    heads = {
        Status.RUNNING: say("not enough traffic yet"),
        Status.PROMOTED: say("promoted"),
        Status.ROLLED_BACK: say("rolled back"),
        Status.STOPPED: say("stopped"),
    }
    told = {
        "name": found.name,
        "version": count(found.challenger),
        "head": heads[found.status],
        "n": count(found.n_requests),
        "asked": count(found.n_challenger),
    }
    lines = [say("{name} {version}: {head}; {n} requests, of which it was asked {asked}", **told)]
    how = {"share": f"{100 * found.share:g} %", "champion": count(found.champion)}
    lines.append(
        say("as a shadow of version {champion}, for {share} of the callers", **how)
        if found.is_shadow
        else say("instead of version {champion} for {share} of the callers", **how)
    )
    if found.status is Status.RUNNING and found.more_needed is not None:
        lines.append(say("about {n} more decide, if it goes on so", n=count(found.more_needed)))
    return lines


def _cells(one: Standing) -> tuple[str, ...]:
    mean = "–" if one.n == 0 else f"{one.mean:+.4f}"
    return one.name, count(one.n), mean, f"{one.bound:g}", f"{one.below:.3g}", f"{one.above:.3g}"


def _facts(found: Running) -> dict[str, Any]:
    return {
        "name": found.name,
        "champion": found.champion,
        "challenger": found.challenger,
        "share": found.share,
        "shadow": found.is_shadow,
        "status": found.status.value,
        "verdict": found.decision.verdict.value,
        "because": list(found.decision.because),
        "criteria": [vars(one) | {"mean": one.mean if one.n else None} for one in found.decision.standings],
        "requests": found.n_requests,
        "requests_of_challenger": found.n_challenger,
        "more_needed": found.more_needed,
        "began": found.began.isoformat(timespec="seconds"),
        "ended": None if found.ended is None else found.ended.isoformat(timespec="seconds"),
        "forced": found.is_forced,
        "who": found.who,
        "why": found.why,
    }
