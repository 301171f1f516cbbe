"""`metier check`: what is wrong with some rows, before anything is trained on them."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from metier.audit import CHECKS, RENAMED_CHECKS, examine_source
from metier.audit.fixes import plan_fixes
from metier.audit.source import Examined
from metier.cli.checked_vectors import encoder_of
from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, answer_console, count, print_json, progress_console
from metier.cli.fixed_files import check_fixable, write_fixed
from metier.cli.row_options import (
    file_options,
    group_option,
    named_roles,
    order_option,
    task_options,
    typed_roles,
)
from metier.cli.shown_findings import show_findings
from metier.cli.speech import lang_option, spoken, with_language
from metier.data.rows import TARGET_ROLES, Rows
from metier.errors import CallError, UnknownNameError
from metier.progress import Listener
from metier.tasks.asked_task import check_columns, names_several, tasks_of
from metier.tasks.task_table import alias_note, load_task, task_name

MARKS = {"error": ("✗", "bold red"), "warning": ("!", "bold yellow"), "note": ("·", "blue")}
LANGUAGES = {"en": "English", "zh": "Chinese", "other": "a language other than English and Chinese"}
# Flags whose value only the user knows.
UNKNOWN = {
    "--text": "--text COLUMN",
    "--label": "--label COLUMN",
    "--group": "--group COLUMN",
    "--separator": "--separator SIGN",
}
MOST_FINDINGS = 18  # One screen; errors and warnings come first.
MOST_COLUMNS = 8
MOST_SHOWN = 20


@click.command(
    context_settings=HELP,
    epilog="Example: metier check examples/banking77/train.csv --test examples/banking77/test.csv",
)
@click.argument("file", metavar="FILE", type=click.Path())
@click.option(
    "--test", metavar="FILE", type=click.Path(), help="Test rows; rows that also appear in FILE are reported."
)
@click.option("--validation", metavar="FILE", type=click.Path(), help="Validation rows.")
@task_options
@order_option
@group_option
@click.option("--time", metavar="COLUMN", help="Column with the time of each row.")
@file_options
@click.option(
    "--repair",
    is_flag=True,
    help="Check the rows as `train --repair` would fix them, and report what is fixed.",
)
@click.option(
    "--fix",
    metavar="OUTPUT",
    type=click.Path(path_type=Path),
    help="Write a corrected copy of FILE, and every change to OUTPUT.changes.jsonl; labels stay.",
)
@click.option(
    "--fix-labels",
    is_flag=True,
    help="With --fix: give rows that look mislabelled the more probable label, too.",
)
@click.option("--overwrite", is_flag=True, help="With --fix: replace existing files.")
@click.option(
    "--thorough",
    is_flag=True,
    help="Look for wrong labels by the vectors of the packaged encoder: finds more, and takes minutes, not seconds.",
)
@click.option("--show", metavar="NAME", help="Show the rows of one finding, such as label-errors.")
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=MOST_SHOWN,
    metavar="N",
    help="Most rows to show. Default: 20.",
)
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.pass_context
def check(
    context: click.Context,
    /,
    *,
    file: str,
    test: str | None,
    validation: str | None,
    show: str | None,
    most: int,
    lang: str | None,
    as_json: bool,
    roles: tuple[str, ...],
    thorough: bool,
    fix: Path | None,
    fix_labels: bool,
    overwrite: bool,
    **how: Any,
) -> None:
    """Check labelled rows for errors, leaks, duplicates and wrong labels.

    Looks for test rows that also appear in FILE, duplicates, texts with two labels, rows that look mislabelled,
    rare, missing and misspelt labels, empty and very long texts, and columns in the wrong role; for spans with wrong
    offsets or that overlap, answers that are not in their passage, pairs with one text missing, conversations with
    two turns of one speaker in a row, outlier scores. The file is not changed; --fix writes a corrected copy.

    Exit code 1 when something would make the scores wrong (✗), 0 otherwise. Rows without a label column are checked as
    texts, with exit code 0; the next command asks for --label.
    """
    if show is not None:
        show = RENAMED_CHECKS.get(show, show)
        _check_known(show, CHECKS)
    named = named_roles(roles)
    _check_fix(file, fix, fix_labels, overwrite, how)
    files: dict[str, Any] = {"test": test, "validation": validation}
    with ProgressLines() as listener:
        encoder = encoder_of(listener) if thorough else None
        found = _examined(file, {**files, **how, **named, "encoder": encoder}, listener)
    how["task"] = _task_by_its_name(how["task"])
    typed = [
        word
        for name, value in {**files, **how}.items()
        if value or name == "header"
        for word in _as_typed(name, value)
    ]
    typed += typed_roles(named)
    closer = ["--thorough"] if thorough else []
    facts = _facts_of_all(found)
    _repeat_typed(file, [*typed, *closer], facts)
    facts["next"] = with_language(_next(file, typed, facts))
    if fix is not None:
        facts["fixed"] = _fixed(file, fix, next(iter(found.values())), fix_labels, overwrite, how)
        facts["next"] = with_language(shlex.join(["metier", "check", str(fix), *typed]))
    if show is not None:
        findings = [finding for one in found.values() for finding in one.audit.find(show)]
        show_findings(
            show, list({finding.sentence: finding for finding in findings}.values()), most=most, as_json=as_json
        )
    elif as_json:
        print_json(facts)
    else:
        _print(next(iter(found.values())).rows, facts)
    context.exit(1 if any(one.audit.has_errors for one in found.values()) else 0)


def _check_fix(file: str, fix: Path | None, fix_labels: bool, overwrite: bool, how: Mapping[str, Any]) -> None:
    """Refuse before any work what --fix cannot do."""
    if fix is None:
        if fix_labels or overwrite:
            flag = "--fix-labels" if fix_labels else "--overwrite"
            raise CallError(
                f"{flag} says how a corrected copy is written, and none is asked for. Add --fix OUTPUT."
            )
        return
    if how["repair"]:
        raise CallError(
            "--repair checks the rows as they would be fixed, and --fix writes them. Leave --repair out."
        )
    if names_several(how["task"]):
        raise CallError("--fix corrects the rows of one task. Name one with --task.")
    check_fixable(Path(file), fix, overwrite=overwrite)


def _fixed(
    file: str, fix: Path, found: Examined, fix_labels: bool, overwrite: bool, how: Mapping[str, Any]
) -> dict[str, Any]:
    fixes = plan_fixes(found, labels=fix_labels)
    reading = {name: how[name] for name in ("encoding", "delimiter", "header")}
    return write_fixed(Path(file), fix, found.rows, fixes, how=reading, overwrite=overwrite)


def _examined(file: str, how: dict[str, Any], listener: Listener) -> dict[str, Examined]:
    """Examine the rows once a task, each with the column of its targets; by the names of several tasks."""
    if not names_several(how["task"]):
        return {"": examine_source(file, **how, listener=listener)}
    asked = tasks_of(how["task"])
    check_columns(asked)
    return {
        one.name: examine_source(file, **{**how, **one.columns, "task": one.task}, listener=listener)
        for one in asked
    }


def _task_by_its_name(task: str | None) -> str | None:
    if not task or names_several(task):
        return task
    if note := alias_note(task):
        progress_console().print(spoken().told(note), markup=False, soft_wrap=True)
    return task_name(task)


def _facts_of_all(found: Mapping[str, Examined]) -> dict[str, Any]:
    """Give the facts of the only task; of several what is found in the rows of any, once, and the facts of each."""
    each = {name: _facts(one.rows, one.others, one.audit.as_dict()) for name, one in found.items()}
    facts = next(iter(each.values()))
    if len(each) == 1:
        return facts
    findings = {
        (finding["check"], finding["sentence"]): finding for own in each.values() for finding in own["findings"]
    }
    facts = {**facts, "findings": list(findings.values())}
    facts["findings"].sort(key=lambda finding: list(MARKS).index(finding["severity"]))
    facts["notes"] = list(dict.fromkeys(note for own in each.values() for note in own["notes"]))
    facts["tasks"] = {name: {"roles": own["roles"], "facts": own["facts"]} for name, own in each.items()}
    return facts


def _check_known(show: str, known: tuple[str, ...]) -> None:
    if show not in known:
        raise UnknownNameError("finding", show, known=known)


def _facts(rows: Rows, others: Mapping[str, Rows], audit: dict[str, Any]) -> dict[str, Any]:
    return {
        "file": rows.origin,
        "roles": rows.roles.named,
        "notes": [*rows.notes, *(note for other in others.values() for note in other.notes)],
        **audit,
    }


def _as_typed(name: str, value: str | bool | tuple[str, ...] | None) -> list[str]:
    """A flag, with its value where it takes one."""
    if name == "header":
        return [] if value is None else ["--header" if value else "--no-header"]
    flag = f"--{name.replace('_', '-')}"
    if value is True:
        return [flag]
    return [flag, ",".join(value) if isinstance(value, tuple) else str(value)]


def _repeat_typed(file: str, typed: Sequence[str], facts: Mapping[str, Any]) -> None:
    """Let the commands that show the rows of a finding read the file as this one did."""
    for finding in facts["findings"]:
        if finding["remedy"].startswith("metier check "):
            words = ["metier", "check", file, *typed, "--show", finding["check"]]
            finding["remedy"] = with_language(shlex.join(words))


def _next(file: str, typed: list[str], facts: Mapping[str, Any]) -> str:
    """Give the command that follows: with the flags that fix what can be fixed so.

    Where a column plays the wrong role, or rows have to be fixed by hand, the next step is not yet to train.
    """
    wrong = [finding for finding in facts["findings"] if finding["severity"] != "note"]
    flags = [remedy for remedy in dict.fromkeys(each["remedy"] for each in wrong) if remedy.startswith("--")]
    by_hand = [each for each in wrong if each["severity"] == "error" and not each["remedy"].startswith("--")]
    check_again = shlex.join(["metier", "check", file, *_without(typed, flags)])
    unknown = [UNKNOWN[flag] for flag in flags if flag in UNKNOWN]
    unknown += [flag for flag in flags if flag.startswith("--role ")]
    if not set(TARGET_ROLES) & set(facts["roles"]):
        unknown.append(UNKNOWN["--label"])
    if unknown:
        return " ".join([check_again, *dict.fromkeys(unknown)])
    if by_hand:
        shown = next((each["check"] for each in by_hand if each["examples"]), None)
        return (
            f"{check_again}  # {spoken()('once it is fixed')}"
            if shown is None
            else f"{check_again} --show {shown}"
        )
    return shlex.join(["metier", "train", file, *typed, *(flag for flag in flags if flag not in typed)])


def _without(typed: list[str], flags: Sequence[str]) -> list[str]:
    """Leave out what was typed for flags whose value has to be another."""
    wrong = {place for place, word in enumerate(typed) if word in UNKNOWN and word in flags}
    return [word for place, word in enumerate(typed) if place not in wrong and place - 1 not in wrong]


def _print(rows: Rows, facts: Mapping[str, Any]) -> None:
    say = spoken()
    guesses = [note for note in facts["notes"] if not _goes_without_saying(note)]
    if guesses:
        told = say("; ").join(map(say.told, guesses))
        progress_console().print(Text(say("noted: {notes}", notes=told)), soft_wrap=True)
    console = answer_console()
    for line in _headlines(rows, facts):
        console.print(Text(line), soft_wrap=True)
    lines = [_line(finding) for finding in facts["findings"]] or [
        (Text("✓", style="bold blue"), Text(say("no problem was found")))
    ]
    left_out = len(lines) - MOST_FINDINGS
    if left_out > 0:
        lines = [*lines[:MOST_FINDINGS], (Text("…"), Text(say("{n} more note(s|) (--json)", n=left_out)))]
    if console.is_terminal:
        grid = Table.grid(padding=(0, 1))
        for mark, sentence in lines:
            grid.add_row(mark, sentence)
        console.print(grid)
    else:
        # Through a pipe a line is a line, however long.
        for mark, sentence in lines:
            console.print(Text.assemble(mark, " ", sentence), soft_wrap=True)
    if "fixed" in facts:
        done = facts["fixed"]
        line = say(
            "{output}: {cells} value(s|) changed, {removed} row(s|) left out; every change: {log}", **done
        )
        console.print(Text(line), soft_wrap=True)
        if done["kept"]:
            line = say(
                "! {kept} change(s|) left out, as they would reach into what is marked", kept=done["kept"]
            )
            console.print(Text(line), soft_wrap=True)
    console.print(Text(say("next: {command}", command=facts["next"])), soft_wrap=True)


def _goes_without_saying(note: str) -> bool:
    """Whether a note only says that the column called text is the text, and the one called label the label."""
    return note in ("text = text, inferred (--text)", "label = label, inferred (--label)")


def _no_label(rows: Rows) -> str:
    """Name the columns that may hold the labels, the first of many."""
    others = [name for name in rows.table.column_names if name != rows.roles.text]
    if not others:
        return spoken()("no label column (--label)")
    more = " …" if len(others) > MOST_COLUMNS else ""
    return spoken()(
        "no label column among {columns} (--label)", columns=", ".join(others[:MOST_COLUMNS]) + more
    )


def _headlines(rows: Rows, facts: Mapping[str, Any]) -> list[str]:
    """Say what the rows are; of several tasks a line each, with the column of its targets."""
    tasks = facts.get("tasks") or {"": facts}
    lines = [_headline(rows, {**facts, **own}) for own in tasks.values()]
    return [
        spoken()("{task}: {line}", task=name, line=line) if name else line
        for name, line in zip(tasks, lines, strict=True)
    ]


def _headline(rows: Rows, facts: Mapping[str, Any]) -> str:
    numbers, played, say = facts["facts"], facts["roles"], spoken()
    parts = [f"text = {rows.roles.text}"] if rows.has_texts else []
    if not set(TARGET_ROLES) & set(played):
        parts.append(_no_label(rows))
    first = [role for role in TARGET_ROLES if role in played]
    rest = [role for role in played if role != "text" and role not in first]
    uncounted = (
        "spans" if "relations" in played else None
    )  # What is counted then is the relations between them.
    parts += [
        f"{role} = {played[role]}{'' if role == uncounted else _counted(role, numbers)}"
        for role in (*first, *rest)
    ]
    n_rows = say("{n} row(s|)", n=count(len(rows)))
    if (name := numbers["task"]) != "classification":
        title = load_task(name).title or name.replace("_", " ")
        n_rows = say("{rows} of {task}", rows=n_rows, task=say(title))
    given = {"file": rows.origin, "rows": n_rows, "roles": say(", ").join(parts)}
    if not rows.has_texts:
        return say("{file}: {rows}, {roles}", **given)
    return say(
        "{file}: {rows}, {roles}, {language}", **given, language=say.told(LANGUAGES[numbers["language"]])
    )


def _counted(role: str, numbers: Mapping[str, Any]) -> str:
    labels, say = numbers["labels"], spoken()
    n = count(len(labels))
    if role in ("label", "labels"):
        return say(" ({n} label(s|))", n=n)
    if role == "relations":
        return say(" ({n} relation(s|))", n=n)
    if role == "spans":
        return say(" ({n} type(s|))", n=n)
    if role == "score" and numbers["scores"]:
        low, high = (f"{numbers['scores'][end]:g}" for end in ("lowest", "highest"))
        return say(" ({low} to {high})", low=low, high=high)
    if role == "answers" and numbers["without_answers"]:
        return say(" ({n} without)", n=count(numbers["without_answers"]))
    return ""


def _line(finding: Mapping[str, Any]) -> tuple[Text, Text]:
    mark, style = MARKS[finding["severity"]]
    say = spoken()
    sentence = Text(say.told(finding["sentence"]))
    remedy = finding["remedy"]
    if finding["examples"] and not remedy.startswith(("--", "metier")):
        # A flag fixes it; otherwise seeing the rows is the next step.
        remedy = f"--show {finding['check']}"
    if remedy:
        sentence.append(say(" ({remedy})", remedy=say.told(remedy)), style="dim")
    return Text(mark, style=style), sentence
