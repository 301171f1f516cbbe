"""Strategies: which rows to label next, over arrays; each gives its rows with the reason in a sentence.

A strategy is one function and one line of the table: its place, and what of a `Pool` it needs.
"""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass

from metier.continual.queue.strategies.pool import Pick, Pool, Strategy
from metier.errors import CallError, UnknownNameError

__all__ = ["STRATEGIES", "Entry", "Pick", "Pool", "Strategy", "build_strategy", "check_can_choose"]


@dataclass(frozen=True)
class Entry:
    """A line of the table.

    Parameters
    ----------
    place : str
        Dotted path of the function.
    needs : tuple of str
        The arrays of a `Pool` that have to be there.
    """

    place: str
    needs: tuple[str, ...] = ()


_HERE = "metier.continual.queue.strategies"
STRATEGIES: Mapping[str, Entry] = {
    "breaking_ties": Entry(f"{_HERE}.uncertainty:breaking_ties", ("probabilities",)),
    "least_confidence": Entry(f"{_HERE}.uncertainty:least_confidence", ("probabilities",)),
    "entropy": Entry(f"{_HERE}.uncertainty:entropy", ("probabilities",)),
    "badge": Entry(f"{_HERE}.diversity:badge", ("probabilities", "vectors")),
    "core_set": Entry(f"{_HERE}.diversity:core_set", ("vectors",)),
    "class_balance": Entry(f"{_HERE}.every_label:class_balance", ("probabilities",)),
    "disagreement": Entry(f"{_HERE}.uncertainty:disagreement", ("members",)),
    "novelty": Entry(f"{_HERE}.novelty:novelty", ("vectors", "known_vectors")),
    "out_of_scope": Entry(f"{_HERE}.novelty:out_of_scope", ("scope_scores",)),
    "feedback": Entry(f"{_HERE}.without_model:feedback", ("feedback",)),
    "stratified": Entry(f"{_HERE}.every_label:stratified", ("vectors",)),
    "random": Entry(f"{_HERE}.without_model:by_chance"),
}
# What to do where an array is missing.
CURES = {
    "probabilities": "a model of labels. Give one with --model, or take core_set, stratified or random.",
    "vectors": "vectors of the texts. Give texts, or take another strategy.",
    "known_vectors": "rows that have labels. Give them with --train, or take core_set, stratified or random.",
    "members": "a model of stages or members, such as a cascade. Give one with --model, or take breaking_ties.",
    "scope_scores": "a model with a rule of what is out of scope. Train one with --out-of-scope, or take novelty.",
    "feedback": "feedback of users. Give the service's store of predictions as the rows.",
}


def build_strategy(name: str) -> Strategy:
    """Give a strategy by its name; raises UnknownNameError where there is none of it."""
    if name not in STRATEGIES:
        raise UnknownNameError("strategy", name, known=STRATEGIES)
    found: Strategy = pkgutil.resolve_name(STRATEGIES[name].place)
    return found


def check_can_choose(name: str, pool: Pool) -> None:
    """Check that a pool has what a strategy needs.

    Raises
    ------
    CallError
        Names what is missing, and what to do.
    UnknownNameError
        If there is no such strategy.
    """
    build_strategy(name)
    for array in STRATEGIES[name].needs:
        value = vars(pool)[array]
        if value is None or (array in ("members", "feedback") and not len(value)):
            raise CallError(f"The strategy {name} needs {CURES[array]}")
