"""Texts of a collection that answer a query, the best first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.tasks.answers.kind import Seed, first_split, stratified_folds
from metier.tasks.examples import Examples


@dataclass(frozen=True)
class Ranking:
    """A ranking a query; the truth is a list of the ids that answer, one list a row."""

    name: str = "ranking"
    losses: tuple[str, ...] = ("multiple_negatives",)
    terms: tuple[str, ...] = ()
    ensembles: tuple[str, ...] = ("retrieve_rerank.v1",)

    def check(self, items: Sequence[Any], y: Any, *, known: Examples | None = None) -> Examples:
        """Give the ids that answer each query; a target is an id or a list of ids.

        Raises
        ------
        ValueError
            If there is not one target for each query.
        """
        if y is None or len(y) != len(items):
            found = "none" if y is None else str(len(y))
            raise ValueError(f"Expected the ids that answer each of {len(items)} queries, found {found}.")
        return Examples(items, [[ids] if isinstance(ids, str) else sorted(map(str, ids)) for ids in y])

    def folds(self, examples: Examples, *, random_state: Seed) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give positions (kept, held out) of queries."""
        yield from stratified_folds(np.zeros(len(examples), dtype=np.int64), random_state=random_state)

    def held_out(self, examples: Examples, *, random_state: Seed) -> tuple[Examples, Examples] | None:
        """Give queries to learn from and to choose on; None where there is one."""
        return first_split(examples, self.folds(examples, random_state=random_state))

    def is_correct(self, answers: Any, examples: Examples) -> np.ndarray:
        """Say for which queries the first text answers, whatever stands behind it."""
        pairs = zip(answers.predicted, examples.truth, strict=True)
        return np.array([bool(found) and found[0] in ids for found, ids in pairs], dtype=bool)


RANKING = Ranking()
