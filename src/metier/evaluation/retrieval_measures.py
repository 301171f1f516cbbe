"""Metrics of rankings: whether relevant ids are near the top.

Truth is, for each query, the relevant ids, or a mapping from id to gain where some are more relevant than
others. An answer is the ranking: ids, the best first; it may stop early, and missing ids count as not found.
Queries without a relevant id are excluded from every mean.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence

import numpy as np

from metier.evaluation.row_statistics import RowMeasure, mean_of_rows

Relevant = Collection[Hashable] | Mapping[Hashable, float]


def ranks_of_relevant(relevant: Relevant, ranking: Sequence[Hashable]) -> list[int]:
    """Give the ranks, from 1, of relevant ids in a ranking; a repeated id counts once."""
    wanted = set(_gains(relevant))
    ranks = []
    for rank, candidate in enumerate(ranking, start=1):
        if candidate in wanted:
            wanted.remove(candidate)
            ranks.append(rank)
    return ranks


def rank(scores: np.ndarray, ids: Sequence[Hashable], *, most: int | None = None) -> list[list[Hashable]]:
    """Turn scores of shape (n_queries, n_ids) into rankings; ties keep the order of ids."""
    order = np.argsort(-np.asarray(scores), axis=1, kind="stable")[:, :most]
    return [[ids[index] for index in row] for row in order.tolist()]


def recall_at(cutoff: int) -> RowMeasure:
    """Share of the relevant ids among the first `cutoff`."""

    def row_value(relevant: Relevant, ranking: Sequence[Hashable]) -> float | None:
        wanted = _gains(relevant)
        return len(ranks_of_relevant(relevant, ranking[:cutoff])) / len(wanted) if wanted else None

    return mean_of_rows(f"recall_at_{cutoff}", row_value)


def ndcg_at(cutoff: int) -> RowMeasure:
    """Gains among the first `cutoff`, each over log2(rank + 1), as a share of the best possible sum [1]_.

    References
    ----------
    .. [1] Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
    """

    def row_value(relevant: Relevant, ranking: Sequence[Hashable]) -> float | None:
        gains = _gains(relevant)
        if not gains:
            return None
        wanted = sorted(gains.values(), reverse=True)[:cutoff]
        best = sum(gain / np.log2(at + 1) for at, gain in enumerate(wanted, start=1))
        found = ranks_of_relevant(relevant, ranking[:cutoff])
        return sum(gains[ranking[at - 1]] / np.log2(at + 1) for at in found) / best

    return mean_of_rows(f"ndcg_at_{cutoff}", row_value)


def reciprocal_rank(relevant: Relevant, ranking: Sequence[Hashable]) -> float | None:
    """One over the rank of the first relevant id; 0 if none is found."""
    if not _gains(relevant):
        return None
    ranks = ranks_of_relevant(relevant, ranking)
    return 1 / ranks[0] if ranks else 0.0


def average_precision(relevant: Relevant, ranking: Sequence[Hashable]) -> float | None:
    """Mean over relevant ids of the precision at their rank; 0 for an id that is not found."""
    wanted = _gains(relevant)
    ranks = ranks_of_relevant(relevant, ranking)
    return sum(found / at for found, at in enumerate(ranks, start=1)) / len(wanted) if wanted else None


def _gains(relevant: Relevant) -> dict[Hashable, float]:
    gains = relevant if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1.0)
    return {candidate: gain for candidate, gain in gains.items() if gain > 0}


RETRIEVAL_MEASURES = (
    recall_at(1),
    recall_at(5),
    recall_at(10),
    mean_of_rows("mean_reciprocal_rank", reciprocal_rank),
    mean_of_rows("mean_average_precision", average_precision),
    ndcg_at(10),
)
