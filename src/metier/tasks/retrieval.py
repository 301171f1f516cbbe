"""Searching a collection: its texts, what is asked, and which texts answer it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from metier.errors import EmptyDataError
from metier.tasks.pairs import Pair

NAME = "retrieval"
METRICS = ("success@1", "success@5", "recall@5", "reciprocal_rank", "average_precision")


@dataclass(frozen=True)
class Retrieval:
    """A collection with queries whose answers are known.

    Parameters
    ----------
    texts : tuple of str
        The collection.
    ids : tuple of str
        Of each text; texts that answer the same share one.
    queries : tuple of str
    relevant : tuple of frozenset of str
        For each query, the ids that answer it.
    """

    texts: tuple[str, ...]
    ids: tuple[str, ...]
    queries: tuple[str, ...]
    relevant: tuple[frozenset[str], ...]

    name = NAME
    metrics = METRICS
    primary_metric = "reciprocal_rank"
    labels: tuple[str, ...] = ()
    input_keys = ("text",)

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        known = set(self.ids)
        for row, ids in enumerate(self.relevant, start=1):
            if not ids & known:
                raise EmptyDataError(
                    f"Nothing in the collection answers query {row}, {self.queries[row - 1]!r}: expected one of "
                    f"the ids {', '.join(sorted(map(repr, ids))[:3]) or '(none given)'}. Add its answer to the "
                    "collection, or leave the query out."
                )

    @classmethod
    def of_labels(
        cls, texts: Sequence[str], labels: Sequence[str], queries: Sequence[str], query_labels: Sequence[str]
    ) -> Self:
        """Rows of a labelled file: texts of the query's label answer it."""
        relevant = tuple(frozenset([label]) for label in query_labels)
        return cls(tuple(texts), tuple(labels), tuple(queries), relevant)

    @classmethod
    def of_pairs(cls, pairs: Sequence[Pair]) -> Self:
        """Pairs of a query and its answer: every second text, once, is the collection.

        A query that stands in several pairs has several answers.
        """
        texts = tuple(dict.fromkeys(pair.text_pair for pair in pairs))
        ids = {text: str(number) for number, text in enumerate(texts)}
        answers: dict[str, set[str]] = {}
        for pair in pairs:
            answers.setdefault(pair.text, set()).add(ids[pair.text_pair])
        return cls(texts, tuple(ids.values()), tuple(answers), tuple(map(frozenset, answers.values())))

    def hits(self, rankings: np.ndarray) -> np.ndarray:
        """Say which of the found texts answer.

        Parameters
        ----------
        rankings : ndarray of int of shape (n_queries, depth)
            Positions in the collection, the best first.

        Returns
        -------
        ndarray of bool of shape (n_queries, depth)
        """
        numbers = {name: number for number, name in enumerate(dict.fromkeys(self.ids))}
        of_texts = np.array([numbers[name] for name in self.ids])
        hits = np.empty(rankings.shape, dtype=bool)
        for row, ids in enumerate(self.relevant):
            wanted = [numbers[name] for name in ids if name in numbers]
            hits[row] = np.isin(of_texts[rankings[row]], wanted)
        return hits

    @property
    def n_relevant(self) -> np.ndarray:
        """How many texts answer each query, an ndarray of int64 of shape (n_queries,)."""
        sizes: dict[str, int] = {}
        for name in self.ids:
            sizes[name] = sizes.get(name, 0) + 1
        return np.array([sum(sizes.get(name, 0) for name in ids) for ids in self.relevant], dtype=np.int64)
