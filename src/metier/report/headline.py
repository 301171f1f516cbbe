"""The conclusion of a run in sentences: each claim with the rows it stands on, and what of it was trained again.

The page and the terminal say the same. Figures are those of the leaderboard: a latency that was measured again after the
refit stands here as it stands there, whatever the choice went by.
"""

from collections.abc import Mapping
from typing import Any

from metier.evaluation.choice_margins import SAME_COST_RATIO, TIED_BELOW
from metier.report import numbers as written
from metier.report.section import Page, answers_of


def conclusion(page: Page) -> list[str]:
    """Give what was chosen on validation, what the test rows say, and what was trained again."""
    return [decided(page), *_tested(page), *standing(page)]


def standing(page: Page) -> list[str]:
    """Give what was trained again after the choice, and what is guaranteed."""
    guarantee = page.guarantee
    return [*refitted(page), *unproved_int8(page), *([guarantee] if guarantee else [])]


def unproved_int8(page: Page) -> list[str]:
    """Say which models that answer are fp32 because there were too few validation rows to certify INT8, and the remedy."""
    exports = {name: page.candidate(name)["facts"].get("export") or {} for name in _models(page)}
    needed = {name: facts["rows_needed"] for name, facts in exports.items() if facts.get("rows_needed")}
    rows = page.report["data"]["rows"].get("validation") or 0
    if not needed or rows >= max(needed.values()):
        return []
    return [
        page.say(
            "{names}: shipped in fp32. INT8, a quarter of the size and often faster, can be certified from {needed} "
            "validation rows on, and there were {rows}; give more rows, or more of them with --validation.",
            names=page.say.listed(needed),
            needed=written.count(max(needed.values())),
            rows=written.count(rows),
        )
    ]


def _models(page: Page) -> list[str]:
    return page.models_of(page.report["recommended"])


def why_not(page: Page) -> list[str]:
    """Give one line on the cheaper one and one on the better one; one for both where they are the same."""
    if not page.report.get("against"):
        return []
    cheaper, better = _cheaper(page), _better(page)
    if cheaper is not None and cheaper is better:
        return [
            _line(
                page,
                "Why not {name}, which is cheaper ({times} a row) and better on these rows? {verdict}",
                cheaper,
            )
        ]
    return [
        page.say("Why not a cheaper one? No other candidate answers clearly faster.")
        if cheaper is None
        else _line(page, "Why not the cheaper {name} ({times} a row)? {verdict}", cheaper),
        page.say(
            "Why not a better one? No other candidate has a better {metric} on the {split} rows.",
            metric=page.metric,
            split=page.say(page.split),
        )
        if better is None
        else _line(page, "Why not {name}, which is better on these rows ({times} a row)? {verdict}", better),
    ]


def decided(page: Page) -> str:
    """Say what the choice went by."""
    say, decision = page.say, page.report.get("decision")
    if len(page.trained) == 1:
        return say("It is the only candidate that was trained.")
    if decision is None:  # A report from before this was kept.
        _, _, sentence = page.report["recommendation"].partition(": ")
        return f"{sentence[:1].upper()}{sentence[1:]}."
    found = decision["against_best"]
    if found is None:
        return say(
            "Chosen on {rows}: the best {metric} of {candidates} candidate(s|).",
            rows=_rows(page, decision["rows"]),
            metric=page.metric,
            candidates=len(page.trained),
        )
    facts = {
        "rows": _rows(page, decision["rows"]),
        "best": decision["best"],
        "gap": page.gap(abs(found["difference"])),
        "bounds": _behind(page, found),
        "cost": _cost(page, page.candidate(decision["best"])),
        "tolerance": page.tolerance,
        "chance": written.chance(found["chance_worse"]),
    }
    if found["chance_worse"] < TIED_BELOW:
        return say(
            "Chosen on {rows}: statistically tied there with {best}, the best ({gap} behind {bounds}; {chance} chance of "
            "being more than {tolerance} worse), and {cost}.",
            **facts,
        )
    return say(
        "Chosen on {rows}: not shown worse there than {best}, the best ({gap} behind {bounds}; {chance} chance of being "
        "more than {tolerance} worse), and {cost}.",
        **facts,
    )


def _behind(page: Page, found: Mapping[str, Any]) -> str:
    """Write the interval of how far the chosen one is behind; a difference of 0 has a direction too."""
    low, high = sorted(-page.primary.upward * found[end] for end in ("low", "high"))
    return f"[{page.primary.signed(low)}, {page.primary.signed(high)}]"


def _cost(page: Page, best: Mapping[str, Any]) -> str:
    """Say what the chosen one costs beside the best; after a refit it may be no longer cheaper."""
    times = _two_times(page, page.chosen, best)
    own, limit = page.latency(page.chosen), page.latency(best)
    if own * SAME_COST_RATIO < limit:
        return page.say("cheaper ({times} a row)", times=times)
    if own <= limit * SAME_COST_RATIO:
        return page.say("at about the same cost ({times} a row)", times=times)
    return page.say("cheaper then (measured again since: {times} a row)", times=times)


def _rows(page: Page, rows: Mapping[str, int]) -> str:
    counts = {split: written.count(number) for split, number in rows.items()}
    if rows["out_of_fold"]:
        return page.say(
            "{validation} validation row(s|) and {out_of_fold} training row(s|) answered out of fold", **counts
        )
    return page.say("{validation} validation row(s|)", **counts)


def _tested(page: Page) -> list[str]:
    if page.split != "test":
        return []
    quality = answers_of(page.chosen)[page.report["primary_metric"]]
    decimals = page.primary.decimals(quality)
    return [
        page.say(
            "On the {rows} test row(s|), predicted once after the choice: {metric} {value} {bounds}.",
            rows=written.count(page.report["data"]["rows"]["test"]),
            metric=page.metric,
            value=page.primary.whole(quality["value"], decimals),
            bounds=page.primary.bounds(quality, decimals),
        )
    ]


def refitted(page: Page) -> list[str]:
    """Say which models that answer were trained again on train + validation, and why others were not."""
    say, facts = page.say, page.report.get("refit")
    if facts is None:
        return []
    if not facts["is_wanted"]:
        return [say("No refit was asked for: it was trained on the training rows alone.")]
    models = _models(page)
    done = [name for name in models if name in facts["done"]]
    kept = [name for name in models if name not in facts["done"]]
    sentences = []
    if done and not kept:
        sentences = [
            say(
                "After the choice it was trained again on {rows} (refit): the test scores, the time of an answer and the "
                "size are those of that model.",
                rows=page.rows_seen(page.chosen),
            )
        ]
    elif done:
        sentences = [
            say("Trained again on train + validation after the choice (refit): {names}.", names=_listed(done))
        ]
    return sentences + [_not_refitted(page, name, facts["left_out"].get(name)) for name in kept]


def _not_refitted(page: Page, name: str, reason: Mapping[str, Any] | None) -> str:
    if reason is None:
        return page.say("{name} was not trained again on train + validation.", name=name)
    if "why" in reason:
        return page.say(
            "{name} was not trained again on train + validation: the refit failed ({why}).",
            name=name,
            why=page.say.told(reason["why"]).rstrip("."),
        )
    return page.say(
        "{name} was not trained again on train + validation: that would have taken {needed}, and {left} were left.",
        name=name,
        needed=written.seconds(reason["needed_seconds"]),
        left=written.seconds(reason["left_seconds"]) if reason["left_seconds"] >= 0.05 else "0 s",
    )


def _cheaper(page: Page) -> Mapping[str, Any] | None:
    """Give the best of the candidates that answer faster."""
    limit = page.latency(page.chosen)
    return next((one for one in page.others if page.latency(one) * SAME_COST_RATIO < limit), None)


def _better(page: Page) -> Mapping[str, Any] | None:
    """Give the best candidate, where it is better than the recommended one."""
    metric, sign = page.report["primary_metric"], page.primary.upward
    value = sign * answers_of(page.chosen)[metric]["value"]
    return next((one for one in page.others if sign * answers_of(one)[metric]["value"] > value), None)


def _line(page: Page, english: str, other: Mapping[str, Any]) -> str:
    return page.say(
        english,
        name=other["name"],
        times=_two_times(page, other, page.chosen),
        verdict=_verdict(page, other),
    )


def _verdict(page: Page, other: Mapping[str, Any]) -> str:
    """Say how far another candidate is from the chosen one, and whether the rows show it."""
    facts = page.report["against"][other["name"]]
    # The difference is the chosen one's figure minus the other's.
    is_better = page.primary.upward * facts["difference"] < 0
    is_shown = facts["verdict"] in ("a is better", "b is better")
    own, chosen = page.figures_of_choice(other, page.chosen)
    values = {
        "gap": page.gap(abs(facts["difference"])),
        "bounds": page.difference_bounds(facts),
        "p": page.adjusted_p(facts["p_value"]),
        "own": own,
        "chosen": chosen,
    }
    if facts["difference"] == 0:
        return page.say(
            "It is just as good on the test rows; in the choice it had {own} against {chosen}.", **values
        )
    if is_better and is_shown:
        return page.say(
            "It is {gap} better on the test rows {bounds}, and they show it ({p}); in the choice "
            "it had {own} against {chosen}.",
            **values,
        )
    if is_better:
        return page.say(
            "It is {gap} better on the test rows {bounds}, which do not show a difference ({p}); in the choice it had "
            "{own} against {chosen}.",
            **values,
        )
    if is_shown:
        return page.say("It is {gap} worse on the test rows {bounds}, and they show it ({p}).", **values)
    return page.say(
        "It is {gap} worse on the test rows {bounds}, which do not show a difference ({p}); in the choice it had {own} "
        "against {chosen}.",
        **values,
    )


def _two_times(page: Page, one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return page.say(
        "{time} against {other}",
        time=written.milliseconds(page.latency(one)),
        other=written.milliseconds(page.latency(other)),
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names)
