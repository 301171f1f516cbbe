"""What a candidate tried, as tables: trials of a search, ingredients of a soup."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.report import numbers as written

# The rungs of `searched.v1`.
RUNGS = ("a third of the rows, once", "all rows, once", "trained whole")

# Which facts each table stands for.
STANDS_FOR = {"trials": ("trials",), "ingredients": ("ingredients", "kept", "soup", "ensemble", "comparison")}


def tables_of(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give the tables that stand for facts of a candidate, by the names of these facts.

    Returns
    -------
    dict of str to dict
        `title`, `columns` (pairs of a name and whether it holds figures), `rows` of cells, and a `note` or None.
    """
    tables = {}
    trials = facts.get("trials") or []
    if trials and "rung" in trials[0]:
        tables["trials"] = _searched(trials, facts.get("params") or {})
    elif trials and "reciprocal_rank" in trials[0]:
        tables["trials"] = _searches(trials)
    if facts.get("ingredients"):
        tables["ingredients"] = _soup(facts)
    return tables


def _searched(trials: Sequence[Mapping[str, Any]], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The trials of `searched.v1`: those that came furthest first, the better before the worse."""
    ranked = sorted(trials, key=lambda one: (-one["rung"], -one["score"], one["number"]))
    rows = [
        [
            written.plain(one["number"]),
            _settings(one["params"]),
            RUNGS[one["rung"]] + (", kept" if one["rung"] == 2 and one["params"] == kept else ""),
            f"{one['score']:.4f}",
            written.seconds(one["seconds"]),
        ]
        for one in ranked
    ]
    columns = [
        ("trial", True),
        ("settings", False),
        ("how far", False),
        ("validation", True),
        ("time", True),
    ]
    note = "Trial 0 has the defaults. Scores of different stages cannot be compared: they were trained on different rows."
    return {"title": "Trials of the search", "columns": columns, "rows": rows, "note": note}


def _settings(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {written.plain(value)}" for name, value in params.items()) or "the defaults"


def _searches(trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The searches that `retrieve_rerank.v1` compared."""
    rows = [
        [
            " and ".join(one["ways"]),
            f"the first {one['candidates']}" if one["reranks"] else "no",
            f"{one['reciprocal_rank']:.4f}",
        ]
        for one in trials
    ]
    columns = [("retrieved by", False), ("reranked", False), ("MRR on validation", True)]
    return {"title": "Searches compared", "columns": columns, "rows": rows, "note": None}


def _soup(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The ingredients of `soup.v1`, what came of them, and what their answers averaged would be."""
    rows = [
        [
            written.plain(number),
            written.plain(one["recipe"].get("learning_rate")),
            written.plain(one["recipe"].get("random_state")),
            "yes" if number in facts["kept"] else "no",
            *_figures(one),
        ]
        for number, one in enumerate(facts["ingredients"])
    ]
    rows += [
        [name, "", "", "", *_figures(facts[key])]
        for name, key in (("the soup", "soup"), ("answers averaged", "ensemble"))
        if key in facts
    ]
    columns = [
        ("ingredient", False),
        ("learning rate", True),
        ("seed", True),
        ("in the soup", False),
        ("log-loss", True),
        ("accuracy %", True),
    ]
    found = facts.get("comparison")
    note = found and (
        f"On validation the soup gains {written.signed_points(found['difference'])} points of accuracy over "
        f"its best ingredient [{written.signed_points(found['low'])}, "
        f"{written.signed_points(found['high'])}], {written.p_value(found['p_value'])}. An average of the "
        "predictions would cost as many passes as there are ingredients."
    )
    return {"title": "Ingredients of the soup", "columns": columns, "rows": rows, "note": note}


def _figures(one: Mapping[str, Any]) -> list[str]:
    return [f"{one['log_loss']:.4f}", written.points(one["accuracy"])]
