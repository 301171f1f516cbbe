"""What `metier test --suite fairness` prints: the gaps of words that name groups, and parity between groups of rows."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from metier.assurance.fairness.group_thresholds import GroupThresholds
from metier.assurance.fairness.groups import FOUND, SELECTED, ColumnParity
from metier.assurance.fairness.substitution import IdentityResult
from metier.assurance.fairness.testing import Fairness
from metier.cli.console import answer_console, count, figures_table, print_whole
from metier.cli.failed_cases import failed_case
from metier.cli.speech import spoken
from metier.evaluation.figure import Figure
from metier.evaluation.measure_table import metric_name

EXAMPLES = 2  # Rows that turn, shown of each kind.


def print_fairness(found: Fairness) -> None:
    """Print what was found, the words and the limits of the test last."""
    console = answer_console()
    asked = [one for one in found.identity if one.rows]
    if asked:
        print_whole(console, _kinds(asked))
        print_whole(console, _groups(asked))
    for one in asked:
        for case in [case for case in one.cases if not case.passed][:EXAMPLES]:
            console.print(Text(failed_case(one.kind, case)), soft_wrap=True)
    for column in found.columns:
        _print_column(column)
    if found.thresholds is not None:
        _print_thresholds(found.thresholds)
    for line in _limits(found):
        console.print(Text(line), soft_wrap=True)


def _kinds(asked: Sequence[IdentityResult]) -> Table:
    say = spoken()
    table = figures_table(
        say("kind of group"),
        say("answers that turn %"),
        say("largest gap"),
        say("between"),
        say("rows"),
        left=1,
    )
    for one in asked:
        between = "–"
        if one.between is not None:
            higher, lower, label = one.between
            between = f"{higher} > {lower}" if label is None else f"{higher} > {lower} ({label})"
        table.add_row(one.kind, _share(one.flips), _ends(one.gap), Text(between), count(one.rows))
    return table


def _groups(asked: Sequence[IdentityResult]) -> Table:
    say = spoken()
    table = figures_table(
        say("group"), say("from the mean of all"), say("label"), say("rows that name it"), left=1
    )
    for one in asked:
        for each in one.groups:
            ends = _signed(each.gap, each.low, each.high)
            table.add_row(Text(f"{one.kind}.{each.group}"), ends, Text(each.label or "–"), count(each.rows))
    return table


def _print_column(found: ColumnParity) -> None:
    console, say = answer_console(), spoken()
    accuracy = next(one for one in found.rates if one.measure == "accuracy")
    table = figures_table(say("group"), say("accuracy %"), say("rows"), left=1)
    for group, size in found.rows.items():
        table.add_row(Text(f"{found.column}={group}"), _share(accuracy.figure(group)), count(size))
    print_whole(console, table)
    table = figures_table(say("difference"), say("largest"), say("between"), left=1)
    for one in found.differences:
        what = _measure(one.measure)
        name = what if one.label is None else f"{what} ({one.label})"
        table.add_row(Text(name), _ends(one.figure), Text(f"{one.higher} > {one.lower}"))
    print_whole(console, table)
    if found.too_small:
        line = say("too few rows to compare: {groups}", groups=say.listed(found.too_small))
        console.print(Text(line), soft_wrap=True)


def _print_thresholds(found: GroupThresholds) -> None:
    console, say = answer_console(), spoken()
    written = say.listed(f"{group} {value:.3f}" for group, value in found.thresholds.items())
    after = {one.measure: _ends(one.figure) for one in found.after.differences}
    change = found.accuracy
    moved = _signed(change.difference, change.low, change.high)
    told = {"label": found.label, "values": written, "difference": after.get(SELECTED, "–"), "accuracy": moved}
    line = say(
        "with a threshold for each group ({values}) the largest difference of {label} is {difference}, and accuracy "
        "changes by {accuracy}",
        **told,
    )
    console.print(Text(line), soft_wrap=True)
    line = say(
        "! thresholds by group treat persons by the group that they belong to, which the law may forbid; no bundle applies "
        "them"
    )
    console.print(Text(line), soft_wrap=True)


def _measure(name: str) -> str:
    say = spoken()
    if name == SELECTED:
        return say("answered so")
    return say("found where right") if name == FOUND else say(metric_name(name))


def _limits(found: Fairness) -> list[str]:
    say = spoken()
    lines = []
    none = [one.kind for one in found.identity if not one.rows]
    if none:
        lines.append(say("no row names one group alone of: {kinds}", kinds=say.listed(none)))
    if any(one.rows for one in found.identity):
        lines.append(
            say(
                "used are rows that name one group of a kind alone; each is asked once for each group of the kind"
            )
        )
    lines.append(
        say(
            "limits: {n} words are looked for (--json lists them); what they miss is not tested, and no gap is no proof",
            n=count(sum(len(one.words) for one in found.terms)),
        )
    )
    return lines


def _share(figure: Figure | None) -> str:
    if figure is None or figure.low is None or figure.high is None:
        return "–"
    return f"{100 * figure.value:.1f} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def _ends(figure: Figure | None) -> str:
    if figure is None or figure.low is None or figure.high is None:
        return "–"
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def _signed(value: float, low: float, high: float) -> str:
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−")
