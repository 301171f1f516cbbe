"""`metier update --preferences`: a writer that learns which answers are preferred, and what that gained and cost."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from metier.cli.console import (
    ProgressLines,
    answer_console,
    count,
    figures_table,
    print_json,
    print_whole,
    progress_console,
)
from metier.cli.forgetting import promotion_line
from metier.cli.speech import spoken
from metier.continual.promotion import Target, promote_judged
from metier.continual.update.preferences import PreferenceOptions, prefer
from metier.errors import CallError
from metier.evaluation.measure_table import metric_name
from metier.given_files import FileFaultError, parse_yaml
from metier.registry.registry import Registry

BY = ("dpo", "reward_weighted", "reinforce")
# What belongs to labels alone, by the name of its flag, with what it is where it is not given.
OF_LABELS: dict[str, Any] = {
    "old": None,
    "method": "auto",
    "replay": None,
    "mask": False,
    "subject": None,
    "new_labels": False,
}
OF_LABELS |= {"rename": (), "merge": (), "split": (), "text": None, "label": None}


def preference_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of learning from preferences."""
    options = [
        click.option(
            "--preferences",
            metavar="FILE",
            help="Answers that people prefer (chosen, rejected; or answer, thumb), or the folder of a service's "
            "predictions; for what writes texts.",
        ),
        click.option(
            "--by",
            type=click.Choice(BY),
            default="dpo",
            show_default=True,
            help="With --preferences: by pairs (DPO), by the likelihood of good answers, or by a reward of its own ones.",
        ),
        click.option(
            "--reward",
            default="rouge_l",
            show_default=True,
            metavar="NAME",
            help="With --by reinforce: a metric against the right answer, exact_match, or length:LOW-HIGH in words.",
        ),
        click.option(
            "--base",
            metavar="NAME",
            help="With --preferences: start from this base, not from the bundle's own weights.",
        ),
        click.option(
            "--set",
            "overrides",
            metavar="NAME=VALUE",
            multiple=True,
            help="With --preferences: a setting, such as beta=0.2 or epochs=1; may be repeated.",
        ),
        click.option(
            "--drop-conflicts",
            is_flag=True,
            help="With --preferences: leave out rows that contradict others or prefer an answer to itself.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def check_flags(rows: Path | None, preferences: str | None, given: Mapping[str, Any]) -> None:
    """Refuse rows beside preferences, neither of them, and flags that belong to the other of the two."""
    if rows is not None and preferences is not None:
        raise CallError(
            f"Both {rows} and --preferences {preferences} are to be learned. Learn labelled rows and preferences one "
            "after the other."
        )
    if rows is None and preferences is None:
        raise CallError("There is nothing to learn. Name a FILE of labelled rows, or one of --preferences.")
    if preferences is not None:
        beside = [name for name, usual in OF_LABELS.items() if given.get(name, usual) != usual]
    else:
        usual: dict[str, Any] = {
            "base": None,
            "overrides": (),
            "drop_conflicts": False,
            "by": "dpo",
            "reward": "rouge_l",
        }
        beside = [name for name, value in usual.items() if given.get(name, value) != value]
    if beside:
        flags = ", ".join(f"--{'set' if name == 'overrides' else name.replace('_', '-')}" for name in beside)
        kind = "labelled rows" if preferences is not None else "preferences"
        raise CallError(f"{flags} belongs to {kind}, which are not given. Leave it out.")


def update_by_preferences(
    bundle: Path,
    preferences: str,
    *,
    registry: Registry | None,
    target: Target | None,
    as_json: bool,
    given: dict[str, Any],
) -> int:
    """Learn, print, promote where that is asked for, and give the exit code."""
    options = PreferenceOptions(
        by=given.pop("by"),
        reward=given.pop("reward"),
        base=given.pop("base"),
        settings=settings_of(given.pop("overrides")),
        drops_conflicts=given.pop("drop_conflicts"),
        drops_leaks=given.pop("drop_leaks"),
    )
    with ProgressLines() as listener:
        found = prefer(bundle, preferences, options=options, listener=listener, **given)
    facts, promotion = found.facts, None
    if registry is not None and target is not None:
        promotion = promote_judged(found.folder, registry, target, facts["verdict"]["may_go_live"])
    if as_json:
        print_json(facts | ({} if promotion is None else {"promotion": promotion}))
    else:
        print_preferred(facts, answer_console())
        if promotion is not None:
            answer_console().print(Text(promotion_line(promotion)), soft_wrap=True)
    return 0 if promotion is None or promotion["is_promoted"] else 1


def settings_of(overrides: tuple[str, ...]) -> dict[str, Any]:
    """Read `name=value`; raises `CallError` for other forms."""
    found: dict[str, Any] = {}
    for one in overrides:
        name, sign, value = one.partition("=")
        try:
            found[name.strip()] = parse_yaml(value)
        except FileFaultError:
            sign = ""
        if not sign:
            raise CallError(f"--set takes name=value, as in --set beta=0.2; found {one!r}.")
    return found


def print_preferred(facts: Mapping[str, Any], console: Console) -> None:
    """Print what was learned, the figures before and after, what follows from them, and what it took."""
    say = spoken()
    for note in facts["notes"]:
        progress_console().print(Text(say.told(note)), soft_wrap=True)
    line = say(
        "{output}: {n} answer(s|) to {prompts} prompt(s|) learned by {name}; {held} held out",
        output=facts["output"],
        n=count(facts["rows"]["learned"]),
        prompts=count(facts["rows"]["prompts"]),
        name=facts["method"],
        held=count(facts["rows"]["held_out"]),
    )
    console.print(Text(line), soft_wrap=True)
    print_whole(console, _figures(facts))
    verdict = facts["verdict"]
    if verdict["may_go_live"]:
        console.print(
            Text(say("the gain is shown, and the quality of its texts is not shown to have fallen")),
            soft_wrap=True,
        )
    else:
        why = say.listed([say.told(one) for one in verdict["why"]])
        console.print(Text(say("not to be shipped: {why}", why=why)), soft_wrap=True)
    console.print(Text(_cost(facts["cost"])), soft_wrap=True)


def _figures(facts: Mapping[str, Any]) -> Any:
    say = spoken()
    table = figures_table(say("on what was not learned"), say("before"), say("after"), say("gain"), left=1)
    preferred, quality = facts["preferred"], facts["quality"]
    n = count(preferred["n"])
    by_pairs = preferred["by"] == "pairs"
    judged = (
        say("preference accuracy % ({n} pairs)", n=n)
        if by_pairs
        else say("good over bad answers % ({n} thumbs)", n=n)
    )
    _row(table, judged, preferred["accuracy"], 100)
    _row(table, say("margin (nats a token)"), preferred["margin"], 1, digits=3)
    if "reward" in facts:
        _row(table, say("reward"), facts["reward"], 1, digits=3)
    of = say(
        "{metric} % ({n} {of})",
        metric=metric_name(quality["metric"]),
        n=count(quality["rows"]),
        of=say.told(quality["of"]),
    )
    _row(table, of, quality, 100)
    _row(table, say("words an answer"), facts["length"], 1)
    return table


def _row(table: Any, name: str, one: Mapping[str, Any], times: float, *, digits: int = 1) -> None:
    def written(figure: Mapping[str, float], sign: str = "") -> str:
        value, low, high = (f"{times * figure[part]:{sign}.{digits}f}" for part in ("value", "low", "high"))
        return f"{value} [{low}, {high}]".replace("-", "−")

    table.add_row(Text(name), written(one["before"]), written(one["after"]), written(one["gain"], "+"))


def _cost(cost: Mapping[str, Any]) -> str:
    say = spoken()
    line = say(
        "{steps} step(s|) in {seconds} s", steps=count(cost["steps"]), seconds=count(round(cost["seconds"]))
    )
    if "sampled" not in cost:
        return line
    sampled = cost["sampled"]
    return say(
        "{line}, {part} s of them to sample {n} answer(s|) of {tokens} tokens",
        line=line,
        part=count(round(sampled["seconds"])),
        n=count(sampled["answers"]),
        tokens=count(sampled["tokens"]),
    )
