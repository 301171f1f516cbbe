"""What a candidate tried, as tables: epochs, trials of a search, ingredients of a soup."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page

# The rungs of `searched.v1`.
RUNGS = ("a third of the rows, once", "all rows, once", "trained whole")

# Which facts each table stands for.
STANDS_FOR = {
    "trials": ("trials",),
    "epochs": ("epochs",),
    "ingredients": ("ingredients", "kept", "soup", "ensemble", "comparison"),
}


def tables_of(page: Page, facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give the tables that stand for facts of a candidate, by the names of these facts.

    Returns
    -------
    dict of str to dict
        `title`, `columns` (pairs of a name and whether it holds figures), `rows` of cells, and a `note` or None.
    """
    tables = {}
    trials = facts.get("trials") or []
    if trials and "rung" in trials[0]:
        tables["trials"] = _searched(page, trials, facts.get("params") or {})
    elif trials and "reciprocal_rank" in trials[0]:
        tables["trials"] = _searches(page, trials)
    epochs = facts.get("epochs")
    if isinstance(epochs, list) and epochs and "loss" in epochs[0]:
        tables["epochs"] = _epochs(page, epochs, facts.get("best_epoch"))
    if facts.get("ingredients"):
        tables["ingredients"] = _soup(page, facts)
    return tables


def _epochs(page: Page, epochs: Sequence[Mapping[str, Any]], kept: int | None) -> dict[str, Any]:
    """What each pass over the training rows gave; the score is the one that epochs are compared by."""
    say = page.say
    rows = [
        [
            written.plain(one["epoch"]) + (say(", kept") if one["epoch"] == kept else ""),
            f"{one['loss']:.4f}",
            f"{one['score']:.4f}" if one.get("score") is not None else written.NOTHING,
            written.seconds(one.get("seconds")),
        ]
        for one in epochs
    ]
    columns = [
        (say("epoch"), True),
        (say("training loss"), True),
        (say("validation"), True),
        (say("time"), True),
    ]
    return {"title": say("Epochs"), "columns": columns, "rows": rows, "note": None}


def _searched(page: Page, trials: Sequence[Mapping[str, Any]], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The trials of `searched.v1`: those that came furthest first, the better before the worse."""
    say = page.say
    ranked = sorted(trials, key=lambda one: (-one["rung"], -one["score"], one["number"]))
    rows = [
        [
            written.plain(one["number"]),
            _settings(page, one["params"]),
            say(RUNGS[one["rung"]]) + (say(", kept") if one["rung"] == 2 and one["params"] == kept else ""),
            f"{one['score']:.4f}",
            written.seconds(one["seconds"]),
        ]
        for one in ranked
    ]
    columns = [
        (say("trial"), True),
        (say("settings"), False),
        (say("how far"), False),
        (say("validation"), True),
        (say("time"), True),
    ]
    note = say(
        "Trial 0 has the defaults. Scores of different stages cannot be compared: they were trained on different rows."
    )
    return {"title": say("Trials of the search"), "columns": columns, "rows": rows, "note": note}


def _settings(page: Page, params: Mapping[str, Any]) -> str:
    named = page.say.listed(f"{name} {page.plain(value)}" for name, value in params.items())
    return named or page.say("the defaults")


def _searches(page: Page, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The searches that `retrieve_rerank.v1` compared."""
    say = page.say
    rows = [
        [
            " + ".join(one["ways"]),
            say("the first {n}", n=one["candidates"]) if one["reranks"] else say("no"),
            f"{one['reciprocal_rank']:.4f}",
        ]
        for one in trials
    ]
    columns = [(say("retrieved by"), False), (say("reranked"), False), (say("MRR on validation"), True)]
    return {"title": say("Searches compared"), "columns": columns, "rows": rows, "note": None}


def _soup(page: Page, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The ingredients of `soup.v1`, what came of them, and what their answers averaged would be."""
    say = page.say
    rows = [
        [
            written.plain(number),
            written.plain(one["recipe"].get("learning_rate")),
            written.plain(one["recipe"].get("random_state")),
            say("yes" if number in facts["kept"] else "no"),
            *_figures(one),
        ]
        for number, one in enumerate(facts["ingredients"])
    ]
    rows += [
        [say(name), "", "", "", *_figures(facts[key])]
        for name, key in (("the soup", "soup"), ("answers averaged", "ensemble"))
        if key in facts
    ]
    columns = [
        (say("ingredient"), False),
        (say("learning rate"), True),
        (say("seed"), True),
        (say("in the soup"), False),
        (say("log-loss"), True),
        (say("accuracy") + " %", True),
    ]
    found = facts.get("comparison")
    note = found and say(
        "On validation the soup gains {gain} points of accuracy over its best ingredient [{low}, {high}], {p}. An average "
        "of the predictions would cost as many passes as there are ingredients.",
        gain=written.signed_points(found["difference"]),
        low=written.signed_points(found["low"]),
        high=written.signed_points(found["high"]),
        p=written.p_value(found["p_value"]),
    )
    return {"title": say("Ingredients of the soup"), "columns": columns, "rows": rows, "note": note}


def _figures(one: Mapping[str, Any]) -> list[str]:
    return [f"{one['log_loss']:.4f}", written.points(one["accuracy"])]
