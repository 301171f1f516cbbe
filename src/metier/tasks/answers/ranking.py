"""Texts or images of a collection that answer a query, the best first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from metier.tasks.answers.kind import AnswerKind, Line, RecordFields, Words
from metier.tasks.examples import Examples

SHOWN_MATCHES = 3


@dataclass(frozen=True)
class Ranking(AnswerKind):
    """A ranking a query; the truth is a list of the ids that answer, one list a row."""

    name: ClassVar[str] = "ranking"
    losses: ClassVar[tuple[str, ...]] = ("multiple_negatives",)
    ensembles: ClassVar[tuple[str, ...]] = ("retrieve_rerank.v1",)
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "few_shot": "A query is answered by texts of a collection: there are no labels whose names could be learned.",
            "zero_shot": "Nothing has to be learned for it: bm25.v1 and frozen_search.v1 search without a labelled row.",
            "in_context": "A collection does not fit into a prompt; what finds its texts is a search already.",
            "self_training": "What is learned is an order of texts: a query whose best text is taken for its answer "
            "teaches the order that is there already.",
            "consistency": "A query and another version of it are a pair that matches, which the contrast of search "
            "encoders learns where --augment adds it; there is no distribution over fixed answers to compare.",
            "weak_labels": "Which texts answer depends on the query, so no pattern of words answers all of them.",
            "distillation": "The ensemble reads query and text together, once for each pair: a student that embeds them "
            "apart would need its scores of all pairs of every batch, and not its answers.",
            "soup": "Each mixture of weights is another index: the whole collection would be embedded again to compare it.",
        }
    )
    words: ClassVar[Words] = Words(
        "sentence-similarity", "Finds the texts or images of a collection that answer a query, the best first."
    )
    record: ClassVar[RecordFields] = {
        "matches": (list[dict[str, Any]], "Where texts of a collection were found.")
    }

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

    def is_right(self, target: Any, predicted: Any) -> bool:
        """Whether the first text answers, whatever stands behind it."""
        return bool(predicted) and predicted[0] in target

    def read_answer(self, value: Any) -> list[str]:
        """Give the ids of a list of ids, or of matches with an `id`, the best first; nothing is none."""
        listed = [value] if isinstance(value, str) else value or ()
        try:
            return [str(one["id"] if isinstance(one, Mapping) else one) for one in listed]
        except (KeyError, TypeError):
            raise ValueError("it is no list of ids, the best first") from None

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give the first texts with their scores, and say how many more there are."""
        matches = record["matches"]
        first = [f"{named(match)} ({match['score']:.2f})" for match in matches[:SHOWN_MATCHES]]
        more = [f"{len(matches) - SHOWN_MATCHES} more with --json"] if len(matches) > SHOWN_MATCHES else []
        return "; ".join([*first, *more])

    def ranked_lines(self, record: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Give the texts that were found with their scores."""
        return [(f"{match['score']:.2f}", named(match)) for match in record["matches"]]

    def lines(self, row: Mapping[str, Any]) -> list[Line]:
        """Give what answers the query, and the first texts that were found."""
        truth, answered = super().lines(row)
        if not row["record"]:
            return [truth, answered]
        found = " · ".join(named(match) for match in row["record"]["matches"][:SHOWN_MATCHES])
        return [truth, answered._replace(text=found or "nothing found")]


RANKING = Ranking()


def named(match: Mapping[str, Any]) -> str:
    """Give what was found in words: the name of an image, or the text."""
    return str(match.get("image", match["text"]))
