"""Searching a collection: its texts, what is asked, and which texts answer it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from metier.errors import EmptyDataError
from metier.tasks.pairs import Pair

NAME = "retrieval"
METRICS = ("mean_reciprocal_rank", "recall_at_1", "recall_at_5", "mean_average_precision", "ndcg_at_10")


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
    primary_metric = "mean_reciprocal_rank"
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

    @property
    def positions(self) -> list[frozenset[int]]:
        """For each query, the positions in the collection of all texts that answer it."""
        of_id: dict[str, list[int]] = {}
        for position, name in enumerate(self.ids):
            of_id.setdefault(name, []).append(position)
        return [
            frozenset(position for name in ids for position in of_id.get(name, ())) for ids in self.relevant
        ]
