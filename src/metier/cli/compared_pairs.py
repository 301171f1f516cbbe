"""What is printed of two sets of answers: the conclusion in a line, its evidence, and the rows that changed."""

from collections.abc import Iterator, Mapping
from typing import Any

from metier.assurance.conclusion import EQUIVALENT
from metier.cli.console import count
from metier.cli.speech import spoken
from metier.evaluation.comparison import A_IS_BETTER, B_IS_BETTER, NO_DIFFERENCE
from metier.evaluation.measure_table import metric_name
from metier.report.numbers import p_value

LONGEST_TEXT = 160  # Characters of a row that is listed.
MOST_PARTS = 8  # Parts of the rows that are listed where they do not differ.

Kinds = Mapping[str, Mapping[str, Any]]


def conclusion(one: Mapping[str, Any], kinds: Kinds, metric: str, *, is_adjusted: bool) -> str:
    """Say in a line what the comparison of a pair came to.

    Parameters
    ----------
    is_adjusted : bool
        Whether the p-value is adjusted for the number of pairs.
    """
    say = spoken()
    a, b, outcome = one["a"], one["b"], one["outcome"]
    turned = outcome == B_IS_BETTER
    gap = f"{say(metric_name(metric))} {_gap(one, kinds, metric, turned=turned)}"
    p = p_value(one["p_value"])
    gap += say(", ") + (say("adjusted {p}", p=p) if is_adjusted else p)
    tolerance = _tolerance(one, kinds, metric)
    if outcome in (A_IS_BETTER, B_IS_BETTER):
        names = {"a": b, "b": a} if turned else {"a": a, "b": b}
        line = say("{a} is better than {b}: {gap}", gap=gap, **names)
        return line + say(", by less than {tolerance}", tolerance=tolerance) if one["is_within"] else line
    if outcome == EQUIVALENT:
        return say(
            "{a} and {b} are equivalent within {tolerance}: {gap}", a=a, b=b, gap=gap, tolerance=tolerance
        )
    line = say("cannot tell {a} from {b}: {gap}", a=a, b=b, gap=gap)
    if one["more_rows"] is None:
        return line
    return line + say("; about {n} more row(s|) would tell", n=count(one["more_rows"]))


def pair_lines(one: Mapping[str, Any], kinds: Kinds, metric: str, *, verbose: bool) -> Iterator[str]:
    """Give the evidence of a pair, a line each; nothing of pairs that were not looked at closely."""
    say = spoken()
    if "flips" not in one:
        return
    flips = one["flips"]
    changed = {"b": one["b"], "a": one["a"], "better": count(flips["better"]), "worse": count(flips["worse"])}
    yield say("flips  {b} is better on {better} row(s|) and worse on {worse} than {a} (--show)", **changed)
    if one["mcnemar"] is not None:
        tests = {"exact": p_value(one["mcnemar"]["exact_p"]), "mid": p_value(one["mcnemar"]["mid_p"])}
        yield say("test   McNemar on these rows: {exact} (exact), {mid} (mid-p)", **tests)
    low, high = one["within_low"], one["within_high"]
    if one["outcome"] == B_IS_BETTER:  # As in the line above: of b minus a.
        low, high = -high, -low
    bounds = {
        "tolerance": _tolerance(one, kinds, metric),
        "low": _number(low, kinds, metric),
        "high": _number(high, kinds, metric),
    }
    if one["is_within"]:
        yield say("equal  shown within {tolerance}: two one-sided bounds [{low}, {high}]", **bounds)
    else:
        yield say("equal  not shown within {tolerance}: two one-sided bounds [{low}, {high}]", **bounds)
    if one["folds"] is not None:
        yield _folds_line(one["folds"], kinds, metric)
    yield from _slice_lines(one, kinds, verbose=verbose)


def _folds_line(folds: Mapping[str, Any], kinds: Kinds, metric: str) -> str:
    each = ", ".join(_number(value, kinds, metric) for value in folds["differences"])
    given = {"rows": count(folds["rows"]), "gap": _gap(folds, kinds, metric), "p": p_value(folds["p_value"])}
    return spoken()(
        "folds  on {rows} training row(s|) out of fold {gap}, {p} (each: {each})", each=each, **given
    )


def _slice_lines(one: Mapping[str, Any], kinds: Kinds, *, verbose: bool) -> Iterator[str]:
    say, slices = spoken(), one["slices"]
    if not slices:
        yield say("parts  none is large enough to be compared")
        return
    differing = [part for part in slices if part["verdict"] != NO_DIFFERENCE]
    if not differing:
        yield say("parts  in none of {n} is a difference shown (Holm)", n=len(slices))
    shown = slices if verbose else differing[:MOST_PARTS]
    for part in shown:
        given = {"part": _part(part), "rows": count(part["rows"]), "p": p_value(part["p_value"])}
        # Of the whole where no part says which is better, so that all lines stand the same way.
        turned = B_IS_BETTER in ((one["outcome"],) if part["verdict"] == NO_DIFFERENCE else (part["verdict"],))
        gap = f"{say(metric_name(part['metric']))} {_gap(part, kinds, part['metric'], turned=turned)}"
        if part["verdict"] == NO_DIFFERENCE:
            yield say("parts  {part}: {gap}, adjusted {p} on {rows} row(s|)", gap=gap, **given)
        else:
            better = one["a"] if part["verdict"] == A_IS_BETTER else one["b"]
            yield say(
                "parts  {part}: {better} is better, {gap}, adjusted {p} on {rows} row(s|)",
                better=better, gap=gap, **given,
            )  # fmt: skip


def _part(part: Mapping[str, Any]) -> str:
    if part["by"] == "length":
        low, high = map(count, part["value"])
        return spoken()("texts of {low} to {high} characters", low=low, high=high)
    return f"{part['column'] or spoken().told(part['by'])} = {part['value']}"


def shown_flips(one: Mapping[str, Any], change: str, most: int) -> Iterator[str]:
    """Give the rows that changed one way, with the truth and both answers."""
    say = spoken()
    if "flips" not in one:
        yield say("rows are listed for up to four pairs; compare fewer at once")
        return
    listed = [each for each in one["flips"]["listed"] if each["change"] == change]
    for each in listed[:most]:
        text = "" if each["text"] is None else str(each["text"]).replace("\n", " ")
        cut = text[:LONGEST_TEXT] + ("…" if len(text) > LONGEST_TEXT else "")
        yield say("row {row}  {text}", row=count(each["row"]), text=cut)
        answers = {"truth": _shown(each["truth"]), "one": _shown(each["a"]), "other": _shown(each["b"])}
        yield "       " + say("right: {truth}; {a}: {one}; {b}: {other}", a=one["a"], b=one["b"], **answers)
    left = one["flips"][change] - min(len(listed), most)
    if left > 0:
        yield say("… {n} more row(s|) (--most, --output FILE for all)", n=count(left))


def _shown(answer: Any) -> str:
    if isinstance(answer, list):
        return spoken().listed(_shown(one) for one in answer) or "–"
    text = f"{answer:.4g}" if isinstance(answer, float) else str(answer)
    return (text[:LONGEST_TEXT] + ("…" if len(text) > LONGEST_TEXT else "")) or "–"


def _gap(one: Mapping[str, Any], kinds: Kinds, metric: str, *, turned: bool = False) -> str:
    """Write a difference with its interval, of b minus a where it is turned."""
    value, low, high = one["difference"], one["low"], one["high"]
    if turned:
        value, low, high = -value, -high, -low
    unit = spoken()(" points") if kinds[metric]["is_fraction"] else ""
    ends = ", ".join(_number(end, kinds, metric) for end in (low, high))
    return f"{_number(value, kinds, metric)}{unit} [{ends}]"


def _number(value: float, kinds: Kinds, metric: str) -> str:
    written = f"{100 * value:+.1f}" if kinds[metric]["is_fraction"] else f"{value:+.3g}"
    return written.replace("-", "−")


def _tolerance(one: Mapping[str, Any], kinds: Kinds, metric: str) -> str:
    if kinds[metric]["is_fraction"]:
        return f"±{100 * one['tolerance']:.3g}{spoken()(' points')}"
    return f"±{one['tolerance']:.3g}"
